# cython: freethreading_compatible=True
"""Plan: the arguments of a child's start as C data, so that the start needs neither the GIL nor allocation.

start() runs the program in a child; become() executes it in the calling process, which was forked for that.
"""

import os as _os

from libc.errno cimport errno
from libc.limits cimport INT_MAX
from libc.stdlib cimport free, malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from posix.types cimport gid_t, pid_t, uid_t

cdef extern from "Python.h":
    int fs_bytes "PyUnicode_FSConverter"(object path, void *result) except 0
    object index "PyNumber_Index"(object number)
    char *text_of "PyBytes_AS_STRING"(object data) noexcept
    void before_fork "PyOS_BeforeFork"() noexcept
    void after_fork_parent "PyOS_AfterFork_Parent"() noexcept
    void after_fork_child "PyOS_AfterFork_Child"() noexcept

cdef extern from "unistd.h" nogil:
    char **environ
    pid_t fork()
    void _exit(int status)

cdef extern from "_spawn.h" nogil:
    enum:
        HS_HAVE_VFORK
        HS_STAGE_PREPARE
        HS_STAGE_CHDIR
        HS_STAGE_EXEC
    ctypedef struct hs_plan:
        char **argv
        char **env
        char **programs
        const char *cwd
        int stdio[3]
        int close_fds
        int keep_count
        const int *keep
        int restore_signals
        int new_session
        int umask
        pid_t process_group
        int sets_groups
        int sets_gid
        int sets_uid
        size_t group_count
        const gid_t *groups
        gid_t gid
        uid_t uid
        int portable
        int stage
        int error
    pid_t hs_spawn(hs_plan *plan, bint by_vfork)
    int hs_child_prepare(hs_plan *plan)
    void hs_child_exec(hs_plan *plan)

MOST_GROUPS = _os.sysconf("SC_NGROUPS_MAX")
NO_ID = 0xFFFFFFFF  # (uid_t)-1, which system calls take as "unchanged"
PREPARE, CHDIR, EXEC = HS_STAGE_PREPARE, HS_STAGE_CHDIR, HS_STAGE_EXEC

cdef bint portable = _os.environ.get("HASTEN_PORTABLE", "0") not in ("", "0")
HAVE_VFORK = HS_HAVE_VFORK and not portable


cdef class Plan:
    """Plan(args, programs, close_fds, pass_fds, cwd, env, stdin, stdout, stderr, restore_signals, ...)
--

    The arguments of a child's start.  For one use only.

    args, programs: sequences of str, bytes or paths; the first program that can be executed is used.
    close_fds, restore_signals, start_new_session, process_group, gid, gids, uid, umask, cwd: those of Popen.
    pass_fds: a sequence of descriptors.
    env: a sequence of bytes, NAME=VALUE each; None for the current environment of this process.
    stdin, stdout, stderr: descriptors, or -1 to inherit.

    TypeError, ValueError (an embedded null byte) or OverflowError for invalid values.
    """

    cdef hs_plan p
    cdef list kept  # the bytes objects that the vectors point into

    def __cinit__(self, args, programs, close_fds, pass_fds, cwd, env, stdin, stdout, stderr,
                  restore_signals, start_new_session, process_group, gid, gids, uid, umask):
        self.kept = []
        self.p.argv = self.vector(args)
        self.p.programs = self.vector(programs)
        if env is not None:
            self.p.env = self.vector(env)
        if cwd is not None:
            self.p.cwd = self.text(cwd)
        self.p.stdio = [integer(stdin), integer(stdout), integer(stderr)]
        self.p.close_fds, self.p.portable = bool(close_fds), portable
        self.p.restore_signals, self.p.new_session = bool(restore_signals), bool(start_new_session)
        self.p.umask, self.p.process_group = integer(umask), integer(process_group)
        if pass_fds:
            self.take_descriptors(pass_fds)
        if gids is not None:
            self.take_groups(gids)
        if gid is not None:
            self.p.gid, self.p.sets_gid = id_of(gid, "gid"), True
        if uid is not None:
            self.p.uid, self.p.sets_uid = id_of(uid, "uid"), True

    def __dealloc__(self):
        free(self.p.argv)
        free(self.p.programs)
        free(self.p.env)
        free(<void *>self.p.keep)
        free(<void *>self.p.groups)

    cdef char *text(self, path) except NULL:
        data = as_bytes(path)
        self.kept.append(data)
        return text_of(data)

    cdef char **vector(self, items) except NULL:
        cdef Py_ssize_t i, count = len(items)
        cdef char **vector = <char **>allocate((count + 1) * sizeof(char *))
        try:
            for i in range(count):
                vector[i] = self.text(items[i])
        except BaseException:
            free(vector)
            raise
        vector[count] = NULL
        return vector

    cdef int take_descriptors(self, descriptors) except -1:
        cdef int *keep = <int *>allocate(len(descriptors) * sizeof(int))
        self.p.keep = keep
        for i, descriptor in enumerate(descriptors):
            if not 0 <= descriptor <= INT_MAX:
                raise ValueError(f"bad value(s) in fds_to_keep: {descriptor} is no file descriptor")
            keep[i] = descriptor
        self.p.keep_count = len(descriptors)
        return 0

    cdef int take_groups(self, gids) except -1:
        if len(gids) > MOST_GROUPS:
            raise ValueError(f"too many extra_groups: {len(gids)}, where the system allows {MOST_GROUPS}")
        cdef gid_t *groups = <gid_t *>allocate((len(gids) + 1) * sizeof(gid_t))
        self.p.groups = groups
        for i, gid in enumerate(gids):
            if gid >= NO_ID:
                raise ValueError(f"invalid group id in extra_groups: {gid}")
            groups[i] = gid
        self.p.group_count, self.p.sets_groups = len(gids), True
        return 0

    def start(self, bint by_vfork=True, popen=None):
        """Start the child.  Returns its pid, or 0 after a failure: see *error* and *stage*.

        by_vfork: use vfork(), unless the plan or the system requires fork().  popen: the Popen that gets the
        pid, or None.  Blocks until the child runs the program; releases the GIL.
        """
        cdef pid_t pid
        if self.p.env == NULL:
            self.p.env = copy_of_environ()
        by_vfork = by_vfork and not portable
        with nogil:
            pid = hs_spawn(&self.p, by_vfork)
        if pid <= 0:
            return 0
        give(popen, pid)
        return pid

    def become(self, preexec_fn):
        """Execute the program in this process.  Returns only after a failure: see *error* and *stage*.

        preexec_fn: called without arguments after all other preparations; its exceptions are raised.
        """
        cdef bint inherits = self.p.env == NULL
        if hs_child_prepare(&self.p) == 0:
            preexec_fn()
            if inherits:
                self.p.env = copy_of_environ()  # the function may have set variables
            hs_child_exec(&self.p)

    @property
    def error(self):
        """The errno of the failure."""
        return self.p.error

    @property
    def stage(self):
        """The part of the start that has failed: PREPARE, CHDIR or EXEC."""
        return self.p.stage


cdef int give(popen, pid_t pid) except -1:
    """Store the pid in a Popen.  No Python code runs between the start and this: an exception of a signal
    handler in between would leak the child."""
    if popen is not None:
        popen.pid = pid
        popen._child_created = True
    return 0


def fork_for(popen, child, *args):
    """Fork; returns the child's pid, which is also stored in popen (None: nowhere).

    The child calls child(*args), which must not return.  An exception in the child ends it: it must not
    continue as a second parent.  Gives no warning about threads, unlike os.fork(), since it is known what
    the child does. The hooks of os.register_at_fork() are called.
    """
    cdef pid_t pid
    before_fork()
    pid = fork()
    if pid == 0:
        try:
            after_fork_child()
            child(*args)
        finally:
            _exit(255)
    cdef int error = errno
    after_fork_parent()
    if pid < 0:
        raise OSError(error, _os.strerror(error))
    give(popen, pid)
    return pid


def posix_spawn_for(popen, *args, **kwargs):
    """os.posix_spawn(); the child's pid, which is also stored in popen."""
    pid = _os.posix_spawn(*args, **kwargs)
    give(popen, pid)
    return pid


cdef int integer(number) except? -1:
    """A C int from an object with __index__()."""
    return index(number)


cdef unsigned int id_of(number, kind) except? 0:
    if number >= NO_ID:
        raise OverflowError(f"{kind} is greater than maximum: {number}")
    return number


cdef object as_bytes(path):
    """A str, bytes or path in the file system's encoding; the standard library's errors for anything else."""
    cdef PyObject *data
    fs_bytes(path, &data)
    encoded = <object>data
    Py_DECREF(encoded)  # `encoded` has its own reference
    return encoded


cdef void *allocate(size_t size) except NULL:
    cdef void *memory = malloc(size)
    if memory == NULL:
        raise MemoryError()
    return memory


cdef char **copy_of_environ() except NULL:
    """Copy the pointers only: another thread's setenv() may move the array, but does not free the strings."""
    cdef size_t i, count = 0
    if environ != NULL:
        while environ[count] != NULL:
            count += 1
    cdef char **copy = <char **>allocate((count + 1) * sizeof(char *))
    for i in range(count):
        copy[i] = environ[i]
    copy[count] = NULL
    return copy


def pack_environment(env):
    """The items of a mapping as a list of bytes, NAME=VALUE each.

    TypeError for a name or value that is not str, bytes or a path; ValueError for a name that contains "=".
    """
    cdef list packed = []
    for name, value in env.items():
        name, value = as_bytes(name), as_bytes(value)
        if b"=" in name:
            raise ValueError("illegal environment variable name")
        packed.append(b"%b=%b" % (name, value))
    return packed
