# cython: freethreading_compatible=True
"""The lock that each object has in a build without a GIL."""

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    /* An object that the calling thread is itself inside of must stay locked: its critical section unlocks it
       when the thread next waits.  3.13 to 3.15. */
    static void hs_unlock_object(PyObject *object)
    {
        if (PyThreadState_Get()->critical_section == 0)
            object->ob_mutex._bits = 0;
    }
    #else
    #define hs_unlock_object(object) ((void)(object))
    #endif
    """
    void hs_unlock_object(object) noexcept


def unlock(*objects):
    """In a forked child, unlock *objects*, which threads of the parent may have been inside of.

    Such a thread is not there to unlock them; nor is one that waited, and was given the lock when fork()
    stopped all threads.  To be called before the child starts a thread.  Does nothing in a build with a GIL,
    whose objects have no lock, and where the calling thread is itself inside of an object.  Does not block.
    """
    for one in objects:
        hs_unlock_object(one)
