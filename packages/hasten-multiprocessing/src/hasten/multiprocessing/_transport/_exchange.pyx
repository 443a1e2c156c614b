# cython: freethreading_compatible=True
"""A connection between two processes of one host whose messages go through memory that both have mapped.

Invariants:

- The socket of the original connection stays open: a receiver with nothing to take sleeps on it, a sender
  wakes it by a byte (_mailbox.h), and the kernel reports at once when the other end is gone.
- If the sender was last seen on another CPU, the receiver spins before it sleeps, while that pays.
- A message that is too long for the mailbox goes over the socket; the mailbox holds a word in its place.
- An exchange is used by one thread at a time, and only by the process that made it.
- The socket's is the only descriptor that stays open.

In the thread that runs signal handlers a sleep is limited to 5 ms, doubled each time, so that they run soon.
"""

from errno import EPIPE

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int32_t, int64_t, uint32_t

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno

from clock cimport HS_NEVER, hs_now
from timeout cimport hs_deadline_of, hs_expired
from hasten.multiprocessing._transport._line cimport FIRST_LOOK, LAST_LOOK, Line
from hasten.multiprocessing._transport._ready cimport failed, gets_signals

cdef extern from "_mailbox.h" nogil:
    enum:
        HS_BOX_ELSEWHERE
        HS_BOX_LONGEST
        HS_BOX_WAKE
        HS_SPIN_FIRST
    ctypedef struct hs_box:
        uint32_t asleep
    ctypedef struct hs_boxes:
        hs_box *ways
    int hs_boxes_make() noexcept
    hs_boxes *hs_boxes_map(int fd) noexcept
    bint hs_box_put(
        hs_box *box, uint32_t *tail, uint32_t *head, const void *data, uint32_t length, bint *wake
    ) noexcept
    uint32_t hs_box_taken(const hs_box *box) noexcept
    bint hs_box_has(const hs_box *box, uint32_t head) noexcept
    bint hs_box_look(const hs_box *box, uint32_t head, uint32_t *word) noexcept
    void hs_box_take(hs_box *box, uint32_t *head, char *to, uint32_t length) noexcept
    bint hs_box_spin(const hs_box *box, uint32_t head, int32_t *budget) noexcept
    void hs_spin_slept(int32_t *budget, int64_t ns) noexcept
    int hs_send_fd(int socket, int fd) noexcept
    int hs_receive_fd(int socket, int *fd) noexcept
    int hs_send_wake(int socket) noexcept

cdef extern from "_wire.h" nogil:
    ssize_t hs_wire_read_some(int fd, char *into, size_t size, int64_t most) noexcept

cdef extern from "<unistd.h>" nogil:
    int close_fd "close"(int fd) noexcept

cdef extern from *:
    """
    #include <sys/mman.h>
    #include <sys/socket.h>
    #include <time.h>

    #define hs_store(word, value) __atomic_store_n(word, value, __ATOMIC_SEQ_CST)
    #define hs_swap_word(word, value) __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST)

    static inline int hs_peer_is_gone(int fd) {
        char byte;
        ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    }

    static inline void hs_nap(int64_t ns) {
        struct timespec left = {0, ns};
        nanosleep(&left, NULL);
    }
    """
    void hs_store(uint32_t *word, uint32_t value) noexcept nogil
    uint32_t hs_swap_word(uint32_t *word, uint32_t value) noexcept nogil
    bint hs_peer_is_gone(int fd) noexcept nogil
    void hs_nap(int64_t ns) noexcept nogil
    int munmap(void *memory, size_t size) noexcept nogil

cdef enum:
    FIRST_NAP = 50000       # ns
    LAST_NAP = 2000000


def receive_descriptor(connection):
    """Receive the descriptor that the other end sends by Exchange.offer().

    None if this process has no free descriptor.  Blocks.  OSError if the other end is gone.
    """
    cdef int found, error, fd = connection.fileno()
    with nogil:
        error = hs_receive_fd(fd, &found)
    if error:
        failed(error)
    return None if found < 0 else found


cdef class Exchange(Line):
    """Replaces a Connection.

    connection: a Connection over a Unix socket; the exchange owns it from now on.
    memory: a descriptor of the memory that the other end has made, still owned by the caller; -1 to make it
    here.  OSError if there is no memory, or it is not a mailbox.
    """

    cdef hs_boxes *memory
    cdef hs_box *out
    cdef hs_box *into
    cdef uint32_t put_up_to, seen_taken, taken_up_to
    cdef int32_t spin
    cdef int offered        # the memory's descriptor until it is sent, or -1
    cdef bint sleeps        # `asleep` was set, and it is not known yet whether a byte was sent

    def __cinit__(self, connection, int memory=-1):
        cdef bint maker = memory < 0
        self.offered = -1
        if maker:
            self.offered = memory = hs_boxes_make()
        self.memory = hs_boxes_map(memory) if memory >= 0 else NULL
        if self.memory == NULL:
            PyErr_SetFromErrno(OSError)
        self.out, self.into = &self.memory.ways[not maker], &self.memory.ways[maker]
        self.spin = HS_SPIN_FIRST

    def __dealloc__(self):
        if self.memory != NULL:
            munmap(self.memory, sizeof(hs_boxes))
        if self.offered >= 0:
            close_fd(self.offered)

    def offer(self):
        """Send the memory's descriptor to the other end, once.  OSError if that is gone."""
        cdef int error, fd = self.descriptor(), memory = self.offered
        with nogil:
            error = hs_send_fd(fd, memory)
        if error:
            failed(error)
        self.offered = -1
        close_fd(memory)

    # ---- sending ----

    def send_bytes(self, data):
        """Send a bytes-like object; the other end gets it from recv_bytes().

        Blocks while there is no room; signal handlers run meanwhile.  OSError if the exchange is closed or
        the other end is gone; the latter may be noticed only by the next recv_bytes().
        """
        cdef Py_buffer view
        if type(data) is bytes and PyBytes_GET_SIZE(data) <= HS_BOX_LONGEST:
            self.put(PyBytes_AS_STRING(data), <uint32_t>PyBytes_GET_SIZE(data))
            return
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if view.len <= HS_BOX_LONGEST:
                self.put(view.buf, <uint32_t>view.len)
                return
        finally:
            PyBuffer_Release(&view)
        self.put(NULL, 0)
        self.connection.send_bytes(data)

    cdef int put(self, const void *data, uint32_t length) except -1:
        """Put a message, or, if *data* is NULL, the word for one on the socket; wake a sleeping receiver."""
        cdef bint wake = False
        cdef int error, fd = self.descriptor()
        while not hs_box_put(self.out, &self.put_up_to, &self.seen_taken, data, length, &wake):
            self.wait_for_room()
        if wake:
            fd = self.descriptor()
            with nogil:
                error = hs_send_wake(fd)
            if error:  # the other end is gone, or would never be woken
                failed(error)
        return 0

    cdef int wait_for_room(self) except -1:
        """Sleep until the other end has taken a message; polls, since a full mailbox is rare."""
        cdef int64_t nap = FIRST_NAP
        cdef uint32_t head = self.seen_taken
        cdef int fd
        while True:
            fd = self.descriptor()
            if hs_peer_is_gone(fd):
                raise BrokenPipeError(EPIPE, "Broken pipe: the other end is gone")
            with nogil:
                hs_nap(nap)
            PyErr_CheckSignals()
            if hs_box_taken(self.out) != head:
                return 0
            nap = min(2 * nap, <int64_t>LAST_NAP)

    # ---- receiving ----

    def recv_bytes(self):
        """Receive a message as bytes.

        Blocks until there is one; signal handlers run meanwhile.  EOFError or OSError if the other end is
        gone and nothing is left, or the exchange is closed.
        """
        cdef uint32_t word
        cdef bytes data
        self.descriptor()
        self.wait(HS_NEVER)
        if not hs_box_look(self.into, self.taken_up_to, &word):
            raise OSError("the memory of the exchange makes no sense")
        if word == HS_BOX_ELSEWHERE:
            hs_box_take(self.into, &self.taken_up_to, NULL, 0)
            return self.connection.recv_bytes()
        data = PyBytes_FromStringAndSize(NULL, word)
        hs_box_take(self.into, &self.taken_up_to, PyBytes_AS_STRING(data), word)
        return data

    def poll(self, timeout=0.0):
        """Whether there is something to be received, or the other end is gone.

        timeout: seconds to wait for it, any real number; None for as long as it takes.
        """
        cdef int64_t deadline = hs_deadline_of(timeout)
        self.descriptor()
        try:
            return self.wait(deadline)
        except EOFError:
            return True

    cdef bint wait(self, int64_t deadline) except -1:
        """Whether there is a message before the deadline; EOFError if the other end is gone."""
        cdef bint found
        if self.sleeps:
            self.withdraw_sleep()
        if hs_box_has(self.into, self.taken_up_to):
            return True
        if deadline == 0:
            if hs_peer_is_gone(self.descriptor()):
                raise EOFError
            return hs_box_has(self.into, self.taken_up_to)
        with nogil:
            found = hs_box_spin(self.into, self.taken_up_to, &self.spin)
        if not found:
            self.sleep(deadline)
        return hs_box_has(self.into, self.taken_up_to)

    cdef int sleep(self, int64_t deadline) except -1:
        """Sleep until there is a message, or the deadline."""
        cdef int64_t start = hs_now(), look = FIRST_LOOK if deadline != HS_NEVER or gets_signals() else -1
        cdef int64_t longest
        cdef ssize_t got
        cdef int fd, error
        cdef char byte = 0
        self.announce_sleep()
        while not hs_box_has(self.into, self.taken_up_to):
            fd = self.descriptor()
            longest = look if deadline == HS_NEVER else min(look, max(deadline - hs_now(), <int64_t>0))
            with nogil:
                got = hs_wire_read_some(fd, &byte, 1, longest)
                error = errno
            if got == 1:
                self.sleeps = False
                self.check_wake_byte(byte)
                if hs_box_has(self.into, self.taken_up_to):
                    hs_spin_slept(&self.spin, hs_now() - start)
                    return 0
                self.announce_sleep()
                continue
            if got == 0 or (error != EINTR and error != EAGAIN):  # the other end is gone
                if hs_box_has(self.into, self.taken_up_to):  # it has sent a message before
                    return 0
                if got < 0:
                    failed(error)
                raise EOFError
            PyErr_CheckSignals()
            if hs_expired(deadline):
                break
            if look >= 0 and look < LAST_LOOK:
                look *= 2
        return self.withdraw_sleep()

    cdef void announce_sleep(self) noexcept:
        self.sleeps = True
        hs_store(&self.into.asleep, 1)

    cdef int withdraw_sleep(self) except -1:
        """Withdraw `asleep`; if a wake-up byte was sent, read it.  After an exception, call it again."""
        cdef ssize_t got = -1
        cdef int fd, error
        cdef char byte = 0
        if hs_swap_word(&self.into.asleep, 0) == 0:
            while got < 0:
                fd = self.descriptor()
                with nogil:
                    got = hs_wire_read_some(fd, &byte, 1, LAST_LOOK)
                    error = errno
                if got < 0 and error != EINTR and error != EAGAIN:
                    failed(error)
                PyErr_CheckSignals()
            if got == 1:
                self.check_wake_byte(byte)
        self.sleeps = False
        return 0

    cdef int check_wake_byte(self, char byte) except -1:
        if byte != HS_BOX_WAKE:
            raise OSError("the other end does not use the memory of the exchange")
        return 0
