from hasten.queue._items cimport Items
from hasten.queue._ring cimport hs_ring


cdef class Ordered(Items):
    cdef bint moved(self, hs_ring *before) except -1
