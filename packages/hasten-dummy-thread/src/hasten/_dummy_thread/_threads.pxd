cdef unsigned long running_ident() noexcept
