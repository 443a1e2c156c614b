cdef object current(name)
cdef object replaced(name)
cdef object replaced_register()
cdef object replaced_unregister()
