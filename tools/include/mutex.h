/* mutex.h: hs_mutex for builds without a GIL.  compat.h has what it is with one.
 *
 * Invariant: no mutex is held at a fork().  fork() stops all attached threads at points where they may be
 * stopped, which is never inside a guarded section.  That is why this is no PyMutex: unlocking one may hand it
 * over to a waiting thread that is still detached; a fork at that moment leaves it held for ever in the child.
 * Here a waiter acquires the mutex itself, and only while its thread state is attached.
 *
 * A waiter detaches its thread state while it sleeps: the holder may be waiting for all threads to stop.
 *
 * The word: 0 free, 1 held, 2 held and a waiter may sleep.  Elsewhere than on Linux it is a PyMutex.
 */
#ifndef HASTEN_MUTEX_H
#define HASTEN_MUTEX_H

#include <Python.h>

#if defined(__linux__)
#  include <linux/futex.h>
#  include <sched.h>
#  include <sys/syscall.h>
#  include <unistd.h>

#  define HS_MUTEX_SPINS 40  /* a guarded section is a few instructions long */

typedef struct { int word; } hs_mutex;

static inline int hs_mutex_try(hs_mutex *m) {
    int free_word = 0;
    return __atomic_compare_exchange_n(&m->word, &free_word, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void hs_mutex_wait(hs_mutex *m) {
    PyThreadState *me = PyThreadState_GetUnchecked();
    if (me != NULL) PyEval_SaveThread();
    syscall(SYS_futex, &m->word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    if (me != NULL) PyEval_RestoreThread(me);
}

static inline void hs_mutex_lock(hs_mutex *m) {
    if (hs_mutex_try(m)) return;
    for (int i = 0; i < HS_MUTEX_SPINS; i++) {
        sched_yield();
        if (__atomic_load_n(&m->word, __ATOMIC_RELAXED) == 0 && hs_mutex_try(m)) return;
    }
    while (__atomic_exchange_n(&m->word, 2, __ATOMIC_ACQUIRE) != 0) hs_mutex_wait(m);
}

static inline void hs_mutex_unlock(hs_mutex *m) {
    if (__atomic_exchange_n(&m->word, 0, __ATOMIC_RELEASE) == 2)
        syscall(SYS_futex, &m->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#else

typedef PyMutex hs_mutex;
static inline void hs_mutex_lock(hs_mutex *m) { PyMutex_Lock(m); }
static inline void hs_mutex_unlock(hs_mutex *m) { PyMutex_Unlock(m); }

#endif
#endif
