# cython: freethreading_compatible=True
"""Objects to bytes and back, as `multiprocessing.reduction.ForkingPickler` does it, by a pickler per thread.

For each object the standard library makes a pickler, a copy of the table of reducers and a file.  Here each
thread keeps a `_pickle.Pickler`, whose memo is cleared after each object.  Small objects of plain types need
no pickler (_plain_pickles.h).  The bytes are the same: any interpreter reads them.

For other modules of this package, to be cimported or called from Python:

- dumps(obj): bytes, or another bytes-like object where the program has replaced ForkingPickler.
- dump_pieces(obj): the pickle as a list of bytes-like objects; large bytes objects are in it uncopied.
- dumps_out_of_band(obj, buffers, least): protocol 5; buffers of at least *least* bytes are appended to the
  list *buffers*, as pickle.PickleBuffer objects, and are not in the result.  None where the program has
  replaced ForkingPickler: the caller has to use dumps().
- dump_pieces_out_of_band(obj, buffers, least): the same as a list of pieces.
- loads(data, buffers=None): the object.
- uses_own_pickles(), uses_own_dumps(): whether the program has replaced loads(), dumps().

Invariants:

- Reducers registered by ForkingPickler.register() or copyreg.pickle() apply at once: the pickler's
  dispatch_table is a view of both registries.
- If a program replaces ForkingPickler in multiprocessing.reduction (or in ours), a method of it, or the
  `reducer` of the contexts, its ForkingPickler.dumps() and loads() are called.  Checked for every object.
- A pickler in use is not reused by a nested call (from a reducer, a signal handler, or a destructor that
  runs as the memo is cleared): that call makes another.
- A read-only numpy array arrives writable if it would with the interpreter's default protocol, since programs
  modify received arrays.
- After an exception the pickler is dropped, and after a large object too, since it would keep a large memo.

Thread-safety: all functions, from any thread.  They do not block.
"""

from multiprocessing import context as standard_context, reduction as standard_reduction
from pickle import DEFAULT_PROTOCOL, Pickler, loads as unpickle

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF

from compat cimport hs_type_tag

cdef extern from "Python.h":
    PyObject *PyThreadState_GetDict() noexcept
    PyObject *dict_get "PyDict_GetItemWithError"(object dictionary, object key) except? NULL

cdef extern from "_plain_pickles.h":
    PyObject *hs_plain_dumps(object obj, int protocol) except? NULL
    PyObject *hs_plain_loads(const char *data, Py_ssize_t length) except? NULL

cdef extern from "_reducers.h":
    object hs_reducers_new(object first, object second, object arrays)

cdef int PROTOCOL = DEFAULT_PROTOCOL

cdef enum:
    LARGE = 1 << 16  # bytes; after a larger pickle the pickler is dropped


# ---- whether the program has replaced ForkingPickler ----

cdef object original = standard_reduction.AbstractReducer.__dict__["ForkingPickler"]
cdef dict standard = standard_reduction.__dict__
cdef dict contexts = standard_context.__dict__
cdef dict ours = standard  # or the namespace of hasten.multiprocessing.reduction, once there is one
cdef dict of_queues = {}  # or the namespace of hasten.multiprocessing.queues, once there is one
cdef object our_reduction = standard_reduction
cdef object reducers = None  # the view of the registries
cdef object reducers_of_5 = None  # the same for protocol 5
cdef unsigned int seen_tag = 0  # ForkingPickler's version tag at the last check; 0: check again
cdef bint usual_dumps = False, usual_loads = False
cdef str CLASS = "ForkingPickler", CLASS_OF_QUEUES = "_ForkingPickler", REDUCTION = "reduction"


def follow(module):
    """Look for a replaced ForkingPickler in *module* too, which is `hasten.multiprocessing.reduction`."""
    global ours, our_reduction
    ours, our_reduction = module.__dict__, module


def follow_queues(dict namespace not None):
    """Look for a program's `_ForkingPickler` in *namespace* too, that of `hasten.multiprocessing.queues`."""
    global of_queues
    of_queues = namespace


cdef int look_at_class() except -1:
    """Check whether ForkingPickler's methods are the original ones, and find its registries."""
    global reducers, reducers_of_5, usual_dumps, usual_loads, seen_tag
    cdef unsigned int tag = hs_type_tag(<PyTypeObject *>original)
    cdef dict own = dict(original.__dict__)
    usual_loads = own.get("loads") is unpickle
    usual_dumps = (
        is_of_module(own.get("__init__")) and is_of_module(getattr(own.get("dumps"), "__func__", None))
        and not {"dump", "persistent_id", "reducer_override", "dispatch_table"}.intersection(own)
    )
    if usual_dumps:
        registries = own["_extra_reducers"], own["_copyreg_dispatch_table"]
        reducers = hs_reducers_new(registries[0], registries[1], None)
        reducers_of_5 = hs_reducers_new(
            registries[0], registries[1], reduce_array if DEFAULT_PROTOCOL < 5 else None
        )
    seen_tag = tag
    return 0


def reduce_array(array):
    """The reducer of numpy arrays where the default protocol is below 5.

    The array arrives writable, as with those protocols; by protocol 5 a read-only one would arrive read-only.
    """
    return (array if array.flags.writeable else array.copy("K")).__reduce_ex__(5)


cdef bint is_of_module(function) except -1:
    return getattr(function, "__globals__", None) is standard


cdef object replacement():
    """The program's own ForkingPickler, or None if the original one is in place."""
    cdef PyObject *found = dict_get(contexts, REDUCTION)
    if found != <PyObject *>standard_reduction and found != <PyObject *>our_reduction and found != NULL:
        cls = (<object>found).ForkingPickler
        if cls is not original:
            return cls
    found = dict_get(ours, CLASS)
    if found == <PyObject *>original:
        found = dict_get(standard, CLASS)
    if found != <PyObject *>original and found != NULL:
        return <object>found
    found = dict_get(of_queues, CLASS_OF_QUEUES)
    if found != NULL and found != <PyObject *>original:
        return <object>found
    if seen_tag == 0 or seen_tag != hs_type_tag(<PyTypeObject *>original):
        look_at_class()
    return None


# ---- one pickler of one thread ----

cdef class Sink:
    """The file of a pickler."""

    cdef list pieces      # what was written
    cdef list buffers     # where buffers of at least `least` bytes go
    cdef Py_ssize_t least

    def write(self, data):
        """Called by the pickler.  Keeps bytes objects; copies mutable buffers."""
        self.pieces.append(data if type(data) is bytes else bytes(data))

    def is_small(self, buffer):
        """Called by the pickler with a PickleBuffer; true: it becomes part of the pickle."""
        if memoryview(buffer).nbytes < self.least:
            return True
        self.buffers.append(buffer)
        return False


cdef class Encoder:
    """A pickler and its sink: two objects, since one would be a reference cycle."""

    cdef object dump, clear_memo, table
    cdef Sink sink
    cdef bint busy

    def __cinit__(self, bint out_of_band):
        cdef Sink sink = Sink()
        pickler = Pickler(sink, 5, buffer_callback=sink.is_small) if out_of_band else Pickler(sink)
        pickler.dispatch_table = self.table = reducers_of_5 if out_of_band else reducers
        self.sink, self.dump, self.clear_memo = sink, pickler.dump, pickler.clear_memo

    cdef list encode(self, object obj, list buffers, Py_ssize_t least):
        """The pickle, in pieces.  After an exception the encoder must not be used again."""
        cdef Sink sink = self.sink
        cdef list pieces = []
        sink.pieces, sink.buffers, sink.least = pieces, buffers, least
        self.dump(obj)
        sink.pieces = sink.buffers = None
        self.clear_memo()
        return pieces


cdef str IN_BAND = "hasten.multiprocessing: pickler"  # keys in the dictionary of a thread
cdef str OUT_OF_BAND = "hasten.multiprocessing: pickler of protocol 5"


cdef list encode(object obj, str key, list buffers, Py_ssize_t least):
    """The pickle of an object, in pieces, by the thread's pickler, or a new one if that is in use."""
    cdef PyObject *thread = PyThreadState_GetDict()
    cdef PyObject *found = dict_get(<object>thread, key) if thread != NULL else NULL
    cdef Encoder encoder
    cdef list pieces
    cdef object table = reducers_of_5 if key is OUT_OF_BAND else reducers
    if found != NULL and not (<Encoder>found).busy and (<Encoder>found).table is table:
        encoder = <Encoder>found
    else:
        encoder, found = Encoder(key is OUT_OF_BAND), NULL
    encoder.busy = True
    pieces = encoder.encode(obj, buffers, least)  # after an exception it stays busy, so it is replaced
    if len(pieces) == 1 and len(<bytes>pieces[0]) <= LARGE:
        encoder.busy = False
        if found == NULL and thread != NULL:
            (<dict>thread)[key] = encoder
    return pieces


cdef object taken(PyObject *new):
    """The object of a new reference that a C function has returned."""
    found = <object>new
    Py_DECREF(found)
    return found


cdef object joined(list pieces):
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


# ---- what other modules use ----

cpdef object dumps(object obj):
    """The pickle of *obj*: bytes, or another bytes-like object if a program's own ForkingPickler made it."""
    return joined(dump_pieces(obj))


cpdef list dump_pieces(object obj):
    """The pickle of *obj* as consecutive bytes-like objects; large bytes objects are in it uncopied."""
    cdef PyObject *plain
    cls = replacement()
    if cls is None:
        if usual_dumps:
            plain = hs_plain_dumps(obj, PROTOCOL)
            return [taken(plain)] if plain != NULL else encode(obj, IN_BAND, None, 0)
        cls = original
    return [cls.dumps(obj)]


cpdef list dump_pieces_out_of_band(object obj, list buffers, Py_ssize_t least=0):
    """The pieces of the pickle without its buffers of *least* bytes or more, which are appended to *buffers*.

    Protocol 5.  None where a program has its own ForkingPickler: use dump_pieces() then.
    """
    cdef PyObject *plain
    if replacement() is not None or not usual_dumps:
        return None
    plain = hs_plain_dumps(obj, 5)  # no plain object has buffers that are left out
    return [taken(plain)] if plain != NULL else encode(obj, OUT_OF_BAND, buffers, least)


cpdef object dumps_out_of_band(object obj, list buffers, Py_ssize_t least=0):
    """dump_pieces_out_of_band() joined into one bytes object, or None."""
    cdef list pieces = dump_pieces_out_of_band(obj, buffers, least)
    return None if pieces is None else joined(pieces)


cpdef bint uses_own_pickles() except -1:
    """Whether a program has replaced ForkingPickler.loads()."""
    return replacement() is not None or not usual_loads


cpdef bint uses_own_dumps() except -1:
    """Whether a program has replaced ForkingPickler.dumps(), or a hook of its pickler."""
    return replacement() is not None or not usual_dumps


cpdef object loads(object data, object buffers=None):
    """Unpickle a bytes-like object; *buffers*: its out-of-band buffers, in order."""
    cdef PyObject *plain
    if buffers is not None:
        return unpickle(data, buffers=buffers)
    cls = replacement()
    if cls is None:
        if usual_loads:
            plain = NULL
            if type(data) is bytes:
                plain = hs_plain_loads(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
            return taken(plain) if plain != NULL else unpickle(data)
        cls = original
    return cls.loads(data)
