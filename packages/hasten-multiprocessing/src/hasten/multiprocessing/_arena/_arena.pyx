# cython: freethreading_compatible=True
"""Arenas and slots as objects.  See _memory.h for when a slot is reused.

Each lock, condition, event or barrier of this process refers to a Slot, and a Slot to its Arena; the mapping
is freed with the last of them.  A process maps an arena once, however many of its slots it receives.
"""

cimport cython
from cpython.exc cimport PyErr_SetFromErrno
from libc.string cimport memset
from libc.stdint cimport uint32_t, uint64_t

from compat cimport hs_mutex, hs_mutex_lock, hs_mutex_unlock

import os
import tempfile
import weakref

cdef extern from "_memory.h":
    """
    #include <pthread.h>
    static hs_process hs_this_process;
    static hs_mutex hs_slots_guard;
    /* Called before the fork and after it on both sides: another thread may make a slot in between. */
    static void hs_process_note_fork(void) {
        __atomic_add_fetch(&hs_this_process.shared, 1, __ATOMIC_SEQ_CST);
    }
    static void hs_process_after_fork(void) {
        hs_this_process.id = 0;
        hs_this_process.forks++;
        hs_process_note_fork();
        memset(&hs_slots_guard, 0, sizeof hs_slots_guard); /* a thread that the child does not have may have
        held it */
    }
    static int hs_process_watch_forks(void) {
        return pthread_atfork(hs_process_note_fork, hs_process_note_fork, hs_process_after_fork);
    }
    """
    const uint32_t HS_MAGIC
    const uint32_t HS_HEAD_BYTES
    const uint32_t HS_SLOT_BYTES
    hs_process hs_this_process
    hs_mutex hs_slots_guard
    int hs_process_watch_forks()
    bint hs_words_are_portable()
    int hs_memory_make(uint32_t bytes, bint portable, const char *folder)
    hs_head *hs_memory_map(int fd, size_t bytes)
    void hs_memory_begin(hs_head *head, uint32_t bytes, bint portable)
    ctypedef struct raw_head "hs_head":
        uint32_t magic
        uint32_t bytes
    bint hs_fd_is(int fd, uint64_t device, uint64_t inode) noexcept
    int munmap(void *address, size_t length) nogil
    int close(int fd) nogil

cdef uint32_t FIRST_BYTES = 1 << 16
cdef uint32_t MOST_BYTES = 1 << 20

cdef Arena current = None                             # new slots come from here
cdef object mapped = weakref.WeakValueDictionary()    # (device, inode) -> the arena
cdef bint portable = hs_words_are_portable()


cdef hs_process *this_process() noexcept:
    return &hs_this_process


def fork_count():
    """The number of forks between the process that loaded this module and this one.  No system call."""
    return hs_this_process.forks


@cython.final
cdef class Arena:
    """Memory in which every 64 bytes are the state of one lock, condition, event or barrier."""

    def __dealloc__(self):
        if self.head != NULL:
            munmap(self.head, self.bytes)
            if self.is_open():
                close(self.fd)

    cdef bint is_open(self) noexcept:
        """Whether the descriptor is still the arena's: a program may have closed all descriptors."""
        return hs_fd_is(self.fd, self.device, self.inode)

    def __reduce__(self):
        from multiprocessing import context
        from multiprocessing.reduction import DupFd

        context.assert_spawning(self)
        if not self.is_open():
            raise OSError(f"the descriptor {self.fd} of the locks' memory was closed: no child can get them")
        popen = context.get_spawning_popen()
        # spawn's list of inherited descriptors must not have duplicates
        known = popen.method == "spawn" and self.fd in getattr(popen, "_fds", ())
        return receive, (popen.DupFd(self.fd) if known else DupFd(self.fd),)


cdef int describe(Arena arena) except -1:
    found = os.fstat(arena.fd)
    arena.device = found.st_dev
    arena.inode = found.st_ino
    return 0


cdef int attach(Arena arena, uint32_t size) except -1:
    arena.bytes = size
    arena.head = hs_memory_map(arena.fd, size)
    if arena.head == NULL:
        PyErr_SetFromErrno(OSError)
    return 0


cdef Arena make_arena(uint32_t size):
    cdef Arena arena = Arena.__new__(Arena)
    folder = os.fsencode(tempfile.gettempdir()) if portable else b"/tmp"
    arena.fd = hs_memory_make(size, portable, folder)
    if arena.fd < 0:
        PyErr_SetFromErrno(OSError)
    try:
        describe(arena)
        attach(arena, size)
    except BaseException:
        close(arena.fd)
        raise
    hs_memory_begin(arena.head, size, portable)
    arena.forks = hs_this_process.forks
    arena.unused = HS_HEAD_BYTES
    mapped[arena.device, arena.inode] = arena
    return arena


def receive(duplicate):
    """The arena behind a descriptor that the parent process has passed.  OSError if it is not one."""
    cdef Arena arena = Arena.__new__(Arena)
    arena.fd = duplicate.detach()
    try:
        describe(arena)
        found = mapped.get((arena.device, arena.inode))
        if found is not None:
            if (<Arena>found).fd != arena.fd:
                close(arena.fd)
            return found
        os.set_inheritable(arena.fd, False)
        size = os.fstat(arena.fd).st_size
        if size < HS_HEAD_BYTES or size > MOST_BYTES:
            raise OSError(f"descriptor {arena.fd} is not that of locks: {size} bytes")
        attach(arena, size)
    except BaseException:
        if arena.head == NULL:
            close(arena.fd)
        raise
    if (<raw_head *>arena.head).magic != HS_MAGIC or (<raw_head *>arena.head).bytes != size:
        raise OSError("the locks are those of another version of hasten.multiprocessing")
    arena.received = True
    mapped[arena.device, arena.inode] = arena
    return arena


cdef uint32_t take_offset(Arena arena) noexcept:
    """Allocate a slot; its offset, or 0 if the arena is full."""
    cdef uint32_t offset
    hs_mutex_lock(&hs_slots_guard)
    offset = arena.free
    if offset:
        arena.free = (<uint32_t *>(<char *>arena.head + offset))[0]
    elif arena.unused + HS_SLOT_BYTES <= arena.bytes:
        offset = arena.unused
        arena.unused += HS_SLOT_BYTES
    hs_mutex_unlock(&hs_slots_guard)
    return offset


@cython.final
@cython.no_gc
@cython.freelist(32)
cdef class Slot:
    """64 bytes of an arena, and the arena."""

    def __dealloc__(self):
        cdef uint32_t offset
        cdef Arena arena = self.arena
        # Free it only if no other process can know it: not sent, and no fork since
        if arena is None or arena.received or self.sent or self.shared != hs_this_process.shared:
            return
        offset = <uint32_t>(<char *>self.address - <char *>arena.head)
        hs_mutex_lock(&hs_slots_guard)
        (<uint32_t *>self.address)[0] = arena.free
        arena.free = offset
        hs_mutex_unlock(&hs_slots_guard)

    def __reduce__(self):
        arena = self.arena
        offset = <char *>self.address - <char *>arena.head
        self.sent = True
        return slot_of, (arena, offset)


def slot_of(Arena arena not None, uint32_t offset):
    """A slot that was made by another process.  ValueError for an offset that is none."""
    cdef Slot slot
    if offset % HS_SLOT_BYTES or offset < HS_HEAD_BYTES or offset > arena.bytes - HS_SLOT_BYTES:
        raise ValueError(f"there is no slot at {offset} of {arena.bytes} bytes")
    slot = Slot.__new__(Slot)
    slot.arena = arena
    slot.address = <char *>arena.head + offset
    slot.sent = True
    return slot


cdef Slot new_slot():
    """A zeroed slot that no other process knows."""
    global current
    cdef Arena arena = current
    cdef uint32_t offset = 0
    cdef Slot slot = Slot.__new__(Slot)
    while True:
        if arena is not None and arena.forks == hs_this_process.forks:
            offset = take_offset(arena)
            if offset:
                break
            current = make_arena(min(arena.bytes * 4, MOST_BYTES))
        else:
            current = make_arena(FIRST_BYTES)
        arena = current
    slot.address = <char *>arena.head + offset
    memset(slot.address, 0, HS_SLOT_BYTES)
    slot.shared = hs_this_process.shared
    slot.arena = arena
    return slot


def held():
    """The descriptors of all arenas that this process has mapped."""
    return [(<Arena>arena).fd for arena in list(mapped.values())]


if hs_process_watch_forks() != 0:
    raise MemoryError("pthread_atfork() has failed")
