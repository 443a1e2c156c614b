# cython: freethreading_compatible=True
"""ShareableList: a list of fixed length in a block.  See _layout.h for the bytes."""

import struct
from functools import partial
from multiprocessing.shared_memory import ShareableList as StdlibShareableList
from types import GenericAlias

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLong, PyLong_FromLongLong
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.number cimport PyNumber_AsSsize_t
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from hasten.shared_memory._mapping cimport Mapping
from hasten.shared_memory._names cimport current
from hasten.shared_memory._published import published

cdef extern from "_layout.h":
    enum: HS_INT, HS_FLOAT, HS_BOOL, HS_NONE, HS_TEXT, HS_UNKNOWN
    enum: HS_AS_IT_IS, HS_STR, HS_BYTES, HS_NOTHING
    const int HS_LONGEST_TEXT
    int hs_format_read(const char *format, int64_t storage, int64_t *length, int *exact) noexcept
    bint hs_is_ascii(const char *text, size_t length) noexcept
    bint hs_format_text(char *format, int64_t storage, int64_t length, bint ends_with_nul) noexcept

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t length, Py_UCS4 largest)
    void *PyUnicode_DATA(object text)

cdef object struct_error = struct.error
cdef dict plain_formats = {int: b"q", float: b"d", bool: b"xxxxxxx?", type(None): b"xxxxxx?x"}


cdef class Encoded:
    """A value in its stored form."""

    cdef int code
    cdef object format  # None: text
    cdef int64_t characters
    cdef bytes data


cdef Encoded encode(value):
    """Encode a value.  KeyError for an unsupported type; struct.error for an int of more than 64 bits."""
    cdef Encoded one = Encoded.__new__(Encoded)
    cdef int64_t number
    cdef double real
    cdef char truth[8]
    if isinstance(value, str):
        one.code, one.data, one.characters = HS_STR, value.encode("utf-8"), len(value)
        return one
    if isinstance(value, bytes):
        one.code, one.data, one.characters = HS_BYTES, value, len(value)
        return one
    cls = type(value)
    one.format = plain_formats[cls]
    one.code = HS_NOTHING if value is None else HS_AS_IT_IS
    if cls is int:
        number = as_int64(value)
        one.data = PyBytes_FromStringAndSize(<char *>&number, 8)
    elif cls is float:
        real = value
        one.data = PyBytes_FromStringAndSize(<char *>&real, 8)
    else:
        memset(truth, 0, 8)
        truth[7] = value is True
        one.data = PyBytes_FromStringAndSize(truth, 8)
    return one


cdef int64_t as_int64(value) except? -1:
    try:
        return PyLong_AsLongLong(value)
    except OverflowError:
        raise struct_error("int too large to convert") from None


cdef int64_t storage_for(Encoded one) except -1:
    """The storage of a new item in bytes.

    For text as much as in the standard library, which counts characters, or more if that is not enough.
    """
    cdef int64_t length = PyBytes_GET_SIZE(one.data)
    if one.format is not None:
        return 8
    storage = max(8 * (one.characters // 8 + 1), (length + 7) // 8 * 8)
    if storage > HS_LONGEST_TEXT:
        raise ValueError(f"a bytes/str item must be shorter than {HS_LONGEST_TEXT} bytes, got {length}")
    return storage


cdef class Items:
    """Access to the list's items in memory."""

    cdef Mapping memory
    cdef object block
    cdef Py_ssize_t count_
    cdef int64_t *starts  # a checked copy: other processes may change those in memory
    cdef Py_ssize_t data, formats, codes  # offsets of these parts

    def __dealloc__(self):
        PyMem_Free(self.starts)

    cdef int bind(self, shm) except -1:
        """Use the list in the block.  ValueError if there is none."""
        cdef Mapping memory = shm._mmap
        cdef int64_t count, end = 0
        cdef int64_t *starts
        with cython.critical_section(memory):
            base = alive(memory)
            if memory.length < 16:
                raise ValueError("the shared memory holds no list: it is too small")
            memcpy(&count, base, 8)
            if count < 0 or count > (memory.length - 16) // 17:
                raise ValueError(f"the shared memory holds no list: {count} items")
            starts = <int64_t *>PyMem_Malloc((count + 1) * 8)
            if starts == NULL:
                raise MemoryError
            memcpy(starts, base + 8, (count + 1) * 8)
            for i in range(count + 1):
                if starts[i] < end or starts[i] > memory.length:
                    break
                end = starts[i]
            else:
                end = -1
            if end >= 0 or (count + 2) * 8 + starts[count] + 9 * count > memory.length:
                PyMem_Free(starts)
                raise ValueError("the shared memory holds no list: its items are not in order")
            PyMem_Free(self.starts)
            self.starts = starts
            self.memory, self.block, self.count_ = memory, shm, count
            self.data = (count + 2) * 8
            self.formats = self.data + starts[count]
            self.codes = self.formats + 8 * count
        return 0

    cdef Py_ssize_t place(self, position, str error) except -1:
        cdef Py_ssize_t index
        whole(self)
        try:
            index = PyNumber_AsSsize_t(position, IndexError)
        except IndexError:
            raise IndexError(error) from None
        if index < 0:
            index += self.count_
        if not 0 <= index < self.count_:
            raise IndexError(error)
        return index

    cdef object read(self, Py_ssize_t i):
        cdef const char *base
        cdef const char *where
        cdef int64_t storage, length = 0, number
        cdef double real
        cdef int kind, code, exact = 0
        with cython.critical_section(self.memory):
            base = alive(self.memory)
            storage = self.starts[i + 1] - self.starts[i]
            where = base + self.data + self.starts[i]
            kind = hs_format_read(base + self.formats + 8 * i, storage, &length, &exact)
            code = base[self.codes + i]
            if storage < 8:
                kind = HS_UNKNOWN
            if kind == HS_INT and code == HS_AS_IT_IS:
                memcpy(&number, where, 8)
                return PyLong_FromLongLong(number)
            if kind == HS_FLOAT and code == HS_AS_IT_IS:
                memcpy(&real, where, 8)
                return real
            if kind == HS_TEXT and (code == HS_STR or code == HS_BYTES):
                if not exact:
                    while length and where[length - 1] == 0:
                        length -= 1
                return text(where, length, code == HS_STR)
            if kind == HS_BOOL and code == HS_AS_IT_IS:
                return where[7] != 0
            if kind == HS_NONE and code == HS_NOTHING:
                return None
        return read_otherwise(self, i, code)

    cdef int write(self, Py_ssize_t i, Encoded one) except -1:
        cdef char format[8]
        cdef const char *data = PyBytes_AS_STRING(one.data)
        if one.format is None:
            return self.write_text(i, data, PyBytes_GET_SIZE(one.data), one.code)
        if self.starts[i + 1] - self.starts[i] < 8:
            raise ValueError("bytes/str item exceeds available storage")
        memset(format, 0, 8)
        memcpy(format, PyBytes_AS_STRING(one.format), PyBytes_GET_SIZE(one.format))
        return self.write_plain(i, format, data, one.code)

    cdef int write_text(self, Py_ssize_t i, const char *data, int64_t length, int code) except -1:
        cdef char *base
        cdef char *format
        cdef int64_t storage = self.starts[i + 1] - self.starts[i], earlier = 0
        cdef int exact = 0
        cdef bint ends_with_nul = length > 0 and data[length - 1] == 0
        if length > storage:
            raise ValueError("bytes/str item exceeds available storage")
        with cython.critical_section(self.memory):
            base = alive(self.memory)
            format = base + self.formats + 8 * i
            # usually the format is right already
            if ends_with_nul or hs_format_read(format, storage, &earlier, &exact) != HS_TEXT or exact:
                if not hs_format_text(format, storage, length, ends_with_nul):
                    raise ValueError("bytes/str item exceeds available storage: no room to note its NULs")
            base[self.codes + i] = code
            memcpy(base + self.data + self.starts[i], data, length)
            memset(base + self.data + self.starts[i] + length, 0, storage - length)
        return 0

    def __getitem__(self, position):
        return self.read(self.place(position, "index out of range"))

    def __setitem__(self, position, value):
        cdef Py_ssize_t i = self.place(position, "assignment index out of range"), length
        cdef int64_t number
        cdef double real
        cdef const char *utf8
        cdef int64_t fits = self.starts[i + 1] - self.starts[i] >= 8
        if type(value) is int and fits:
            number = as_int64(value)
            self.write_plain(i, b"q\0\0\0\0\0\0\0", &number, HS_AS_IT_IS)
        elif type(value) is float and fits:
            real = value
            self.write_plain(i, b"d\0\0\0\0\0\0\0", &real, HS_AS_IT_IS)
        elif type(value) is str:
            utf8 = PyUnicode_AsUTF8AndSize(value, &length)
            self.write_text(i, utf8, length, HS_STR)
        elif type(value) is bytes:
            self.write_text(i, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), HS_BYTES)
        else:
            self.write(i, encode(value))

    cdef int write_plain(self, Py_ssize_t i, const char *format, const void *data, int code) except -1:
        """Write an item of eight bytes."""
        cdef char *base
        with cython.critical_section(self.memory):
            base = alive(self.memory)
            memcpy(base + self.formats + 8 * i, format, 8)
            base[self.codes + i] = code
            memcpy(base + self.data + self.starts[i], data, 8)
        return 0

    def __iter__(self):
        whole(self)
        if type(self).__getitem__ is not Items.__getitem__:
            return by_index(self)
        return ItemIterator(self)


@cython.final
cdef class ItemIterator:
    """An iterator over the items of a list."""

    cdef Items items
    cdef Py_ssize_t next_

    def __cinit__(self, Items items):
        self.items = items

    def __iter__(self):
        return self

    def __next__(self):
        if self.next_ >= self.items.count_:
            raise StopIteration
        self.next_ += 1
        return self.items.read(self.next_ - 1)


def by_index(items):
    """An iterator over the results of a subclass's __getitem__()."""
    i = 0
    while True:
        try:
            value = items[i]
        except IndexError:
            return
        yield value
        i += 1


cdef inline char *alive(Mapping memory) except NULL:
    """The memory, while the mapping is locked; TypeError, as in the standard library, if the list's
    block is closed.
    """
    if memory is None or memory.memory is None:
        raise TypeError("the list's shared memory is closed")
    return memory.memory.address


cdef object text(const char *where, Py_ssize_t length, bint decoded):
    """Copy the text first, then examine the copy: another process may be writing to the memory."""
    cdef char one
    cdef char *data
    if not decoded:
        return PyBytes_FromStringAndSize(where, length)
    if length < 2:  # cached objects, which must not be written to
        one = where[0]
        return PyUnicode_DecodeUTF8(&one, length, NULL)
    copy = PyUnicode_New(length, 127)
    data = <char *>PyUnicode_DATA(copy)
    memcpy(data, where, length)
    return copy if hs_is_ascii(data, length) else PyUnicode_DecodeUTF8(data, length, NULL)


cdef object read_otherwise(Items items, Py_ssize_t i, int code):
    """An item of any other format: unpack it with struct, and convert it by its code."""
    format = format_of(items, i)
    (value,) = struct.unpack_from(format, items.memory, items.data + items.starts[i])
    return StdlibShareableList._back_transforms_mapping[code](value)


cdef str format_of(Items items, Py_ssize_t i):
    cdef bytes format
    with cython.critical_section(items.memory):
        format = (alive(items.memory) + items.formats + 8 * i)[:8]
    return format.rstrip(b"\0").decode("utf-8")


cdef Items whole(Items items):
    """The list itself; AttributeError if its __init__() has not run."""
    if items.starts == NULL:
        name = type(items).__name__
        raise AttributeError(f"{name!r} object has no attribute 'shm': __init__() was not called")
    return items


cdef int check_position(Items items, position) except -1:
    if position >= items.count_ or position < 0:
        raise IndexError("Requested position out of range.")
    return 0


cdef object create_block(list items, name):
    """A new block with these items."""
    cdef list encoded = [encode_new(item) for item in items]
    cdef list starts = [0]
    cdef int64_t end = 0
    cdef Items written = Items.__new__(Items)
    for one in encoded:
        end += storage_for(one)
        starts.append(end)
    n = len(encoded)
    shm = current("SharedMemory")(name, create=True, size=(n + 2) * 8 + end + 9 * n)
    try:
        struct.pack_into(f"{n + 2}q", shm.buf, 0, n, *starts)
        written.bind(shm)
        for i in range(n):
            written.write(i, encoded[i])
    except BaseException:
        shm.close()
        shm.unlink()
        raise
    return shm


cdef Encoded encode_new(item):
    # KeyError for subclasses of str and bytes, as in the standard library
    if isinstance(item, (str, bytes)) and type(item) not in (str, bytes):
        raise KeyError(type(item))
    return encode(item)


@published
class ShareableList(Items, StdlibShareableList):
    """A list of fixed length in a named block, whose items are int (64 bits), float, bool, str, bytes or
    None.

    sequence: the items of a new list.  An item can be replaced by a value of any of these types; str (as
        UTF-8) and bytes must fit into the item's storage, that of its first value rounded up to 8 bytes.
    name: the block's name; without a sequence, the name of an existing list to attach to.

    The layout is that of the standard library's class: each reads what the other has written.

    Not atomic: an item is written in several steps; a concurrent reader may see a mixture.
    """

    _types_mapping = StdlibShareableList._types_mapping
    _alignment = StdlibShareableList._alignment
    _back_transforms_mapping = StdlibShareableList._back_transforms_mapping
    __class_getitem__ = classmethod(GenericAlias)

    def __init__(self, sequence=None, *, name=None):
        if name is None or sequence is not None:
            shm = create_block([] if sequence is None else list(sequence), name)
        else:
            shm = current("SharedMemory")(name)
        (<Items>self).bind(shm)

    @property
    def shm(self):
        """The SharedMemory with the list's bytes."""
        return whole(self).block

    @shm.setter
    def shm(self, value):
        (<Items>self).bind(value)

    def __reduce__(self):
        return partial(self.__class__, name=self.shm.name), ()

    def __len__(self):
        return struct.unpack_from("q", self.shm.buf, 0)[0]

    def __repr__(self):
        return f"{self.__class__.__name__}({list(self)}, name={self.shm.name!r})"

    def count(self, value):
        """The number of items equal to *value*."""
        return sum([value == item for item in self])

    def index(self, value):
        """The position of the first item that is equal to *value*; ValueError if there is none."""
        for i, item in enumerate(self):
            if value == item:
                return i
        raise ValueError("ShareableList.index(x): x not in list")

    @property
    def format(self):
        """The current struct formats of all items, concatenated."""
        return "".join([format_of(self, i) for i in range(whole(self).count_)])

    @staticmethod
    def _extract_recreation_code(value):
        """The conversion code for a value of this type."""
        if value is None:
            return HS_NOTHING
        return HS_STR if isinstance(value, str) else HS_BYTES if isinstance(value, bytes) else HS_AS_IT_IS

    def _get_packing_format(self, position):
        """The struct format of one item."""
        i = position if position >= 0 else position + whole(self).count_
        check_position(self, i)
        return format_of(self, i)

    def _get_back_transform(self, position):
        """The function that converts the stored form of an item to its value."""
        check_position(self, position)
        return self._back_transforms_mapping[self.shm.buf[whole(self).codes + position]]

    def _set_packing_format_and_transform(self, position, fmt_as_str, value):
        """Set an item's format, and its conversion code for a value of this type."""
        check_position(self, position)
        buf = self.shm.buf
        struct.pack_into("8s", buf, whole(self).formats + position * 8, fmt_as_str.encode("utf-8"))
        buf[whole(self).codes + position] = self._extract_recreation_code(value)

    @property
    def _list_len(self):
        return whole(self).count_

    @property
    def _allocated_offsets(self):
        return [whole(self).starts[i] for i in range(whole(self).count_ + 1)]

    @property
    def _format_size_metainfo(self):
        return "q" * (self._list_len + 1)

    @property
    def _format_packing_metainfo(self):
        return "8s" * self._list_len

    @property
    def _format_back_transform_codes(self):
        return "b" * self._list_len

    @property
    def _offset_data_start(self):
        return whole(self).data

    @property
    def _offset_packing_formats(self):
        return whole(self).formats

    @property
    def _offset_back_transform_codes(self):
        return whole(self).codes
