/* mutex.h: hs_mutex for builds without a GIL.  compat.h has what it is with one.
 *
 * Why not a PyMutex.  Unlocking one may hand it to a thread that waits, and that thread runs only later, when
 * it has got its thread state back.  fork() stops all threads with a thread state where they may be stopped,
 * which is never inside a guarded section; but a mutex that was handed over is held by nobody who runs,
 * and in the child it stays held for ever.  Here a waiter takes the mutex itself, and only while it has its
 * thread state; so at a fork() no mutex is held.
 *
 * A waiter gives its thread state up while it sleeps: the holder may need it to stop, and all to go on.
 *
 * The word: 0 free, 1 held, 2 held and somebody may sleep.  Elsewhere than on Linux it is a PyMutex.
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
