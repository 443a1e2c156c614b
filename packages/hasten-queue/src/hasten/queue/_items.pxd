from hasten.queue._ring cimport Ring

cdef enum:
    # bits of Items.special: why the direct way is closed
    HOOKED = 1      # _put, _get or _qsize is overridden in the class or on the instance
    OPENED = 2      # the items are in a Python container, which a user has seen
    SHARED = 4      # a user has seen the mutex or a condition
    PRIORITY = 8    # storing an item runs Python code (priority queues)
    UNTAGGED = 16   # the type has no version tag: look for hooks on every call
    ODD_LIMIT = 32  # maxsize is no int or float, or is overridden: comparing it runs Python code
    OCCUPIED = 64   # a thread is inside the monitor: nobody else may change what it has checked


cdef class Items(Ring):
    cdef int special
    cdef bint lifo              # the item put last leaves first
    cdef bint ordered           # the smallest item leaves first
    cdef unsigned int tag       # version tag of the type that `special` was computed for
    cdef bint put_overridden, get_overridden, hooked_instance
    cdef bint own_maxsize       # a subclass defines `maxsize`, for instance as a property
    cdef object maxsize_        # as given
    cdef Py_ssize_t limit       # the same as a C number; 0: unlimited, or ODD_LIMIT

    cdef int start(self, queue, maxsize) except -1
    cdef int find_hooks(self, queue) except -1
    cdef int set_special(self, int mask, int bits) except -1
    cdef void wake_everybody(self) noexcept
    cdef int open_container(self) except -1
    cdef object new_container(self)
    cdef object the_container(self)
    cdef int set_container(self, container) except -1
    cdef object the_maxsize(self)
    cdef object maxsize_of(self, queue)
    cdef int base_put(self, item) except -1
    cdef int put_ordered(self, item) except -1
    cdef object base_take(self)
    cdef object take_ordered(self)
    cdef int store(self, queue, item) except -1
    cdef object take(self, queue)
    cdef object size(self, queue)
    cdef bint has_items(self, queue) except -1
    cdef Py_ssize_t count(self) except -1
    cdef bint bounded(self, queue) except -1
    cdef bint is_full(self, queue) except -1
    cdef int set_limit(self, maxsize) except -1


cdef int note_attribute(Items self, queue, name) except -1

cdef frozenset WATCHED  # methods whose replacement is noticed
