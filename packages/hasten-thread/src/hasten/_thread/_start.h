/* _start.h: the OS thread under a Python thread.
 *
 * Invariant: every user of a hs_thread holds a reference: the OS thread, the join handle if there is one, and
 * the parent during the start, because the child may end before pthread_create() returns.  The steps of an OS
 * thread:
 *
 *   its thread state           made by the parent, with the GIL; without a GIL by the thread itself
 *   pthread_create()           by the parent
 *   PyEval_RestoreThread()     now it runs
 *   the function
 *   PyThreadState_Clear()      runs destructors of thread-local objects, before the thread is marked done
 *   marked done, first joiner dequeued
 *   PyThreadState_DeleteCurrent()  releases the GIL
 *   hs_word_wake()             of the joiner; after the GIL, for which it would wait; uses its address only
 *
 * The interpreter's exit and fork() wait for threads in transit at the beginning and at the end: see
 * _transit.h.  With a GIL, fork() need not wait for starting threads: the list of thread states changes
 * with the GIL held only.  Without a GIL the parent waits, detached, until the thread state exists or has
 * failed for lack of memory.  A thread that starts when the interpreter is being finalised touches nothing
 * of it, and ends.
 *
 * A thread that has ended keeps its stack until the OS thread is joined.  For programs that start many threads
 * and join them later, ended threads are in hs_world.finished, and each start joins the oldest if that does
 * not block.
 */
#ifndef HASTEN_START_H
#define HASTEN_START_H

#include <Python.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "_transit.h"
#include "compat.h"
#include "park.h"

enum { HS_NEW, HS_STARTED, HS_DONE };           /* hs_thread.state */
enum { HS_JOINABLE, HS_JOINING, HS_GONE };      /* hs_thread.os: HS_GONE also when detached */

typedef struct hs_thread {
    struct hs_thread *next, *prev;   /* in hs_world.head while listed */
    int listed;
    int refs;                        /* atomic */
    int daemon;
    unsigned long ident;             /* atomic: parent and child both write the same value */
    hs_mutex mutex;                  /* protects state, os, joiners */
    int state, os;
    hs_waitlist joiners;
    PyInterpreterState *interp;
    PyThreadState *python;           /* its thread state, from the parent; with a GIL */
    int turn;                        /* of hs_transit_in() */
    int born;                        /* without a GIL: 1 when the thread has made its own state, -1 if it could not */
    PyObject *function, *args, *kwargs;
} hs_thread;

static struct {
    hs_mutex mutex;                  /* protects head, count, finished */
    hs_thread *head;
    hs_thread *finished, *finished_last;  /* ended, OS thread not joined yet; the list owns references */
    long count;
} hs_world;

/* ---- references and the list ---- */

/* May be called without the mutex. */
static inline int hs_thread_state(hs_thread *t) { return hs_load(&t->state); }

static inline void hs_thread_set_state(hs_thread *t, int state) { hs_store(&t->state, state); }

static inline unsigned long hs_thread_ident(hs_thread *t) { return __atomic_load_n(&t->ident, __ATOMIC_RELAXED); }

static inline void hs_thread_set_ident(hs_thread *t, unsigned long ident) {
    __atomic_store_n(&t->ident, ident, __ATOMIC_RELAXED);
}

static inline hs_thread *hs_thread_new(void) {
    hs_thread *t = (hs_thread *)calloc(1, sizeof(hs_thread));
    if (t) t->refs = 1, t->daemon = 1, t->os = HS_GONE;
    return t;
}

static inline void hs_thread_ref(hs_thread *t) { __atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED); }

static inline void hs_thread_unref(hs_thread *t) {
    if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) == 0) free(t);
}

static inline void hs_list_add(hs_thread *t) {
    t->prev = NULL;
    t->next = hs_world.head;
    if (t->next) t->next->prev = t;
    hs_world.head = t;
    t->listed = 1;
}

static inline void hs_list_remove(hs_thread *t) {
    if (!t->listed) return;
    if (t->prev) t->prev->next = t->next; else hs_world.head = t->next;
    if (t->next) t->next->prev = t->prev;
    t->listed = 0;
}

/* List a foreign thread, so that fork() can mark it done; it is not counted. */
static inline void hs_list_foreign(hs_thread *t) {
    hs_mutex_lock(&hs_world.mutex);
    hs_list_add(t);
    hs_mutex_unlock(&hs_world.mutex);
}

static inline void hs_unlist(hs_thread *t) {
    hs_mutex_lock(&hs_world.mutex);
    hs_list_remove(t);
    hs_mutex_unlock(&hs_world.mutex);
}

/* A new reference to a non-daemon thread other than *me*; or NULL. */
static inline hs_thread *hs_find_non_daemon(unsigned long me) {
    hs_thread *t;
    hs_mutex_lock(&hs_world.mutex);
    for (t = hs_world.head; t != NULL; t = t->next)
        if (!t->daemon && hs_thread_ident(t) != me) break;
    if (t) hs_thread_ref(t);
    hs_mutex_unlock(&hs_world.mutex);
    return t;
}

/* ---- finished threads ---- */

static inline void hs_finished_add(hs_thread *t) {
    hs_thread_ref(t);
    t->next = NULL;
    if (hs_world.finished) hs_world.finished_last->next = t; else hs_world.finished = t;
    hs_world.finished_last = t;
}

static inline hs_thread *hs_finished_pop(void) {
    hs_thread *t = hs_world.finished;
    if (t) hs_world.finished = t->next;
    return t;
}

/* Join the OS thread if that does not block.  Returns whether it is gone: joined by any thread, or detached. */
static inline int hs_try_join(hs_thread *t) {
    int joined;
    hs_mutex_lock(&t->mutex);
#if defined(__linux__)
    if (t->os == HS_JOINABLE && pthread_tryjoin_np((pthread_t)t->ident, NULL) == 0) t->os = HS_GONE;
#endif
    joined = t->os == HS_GONE;  /* not HS_JOINING: a fork() has to find these in the list */
    hs_mutex_unlock(&t->mutex);
    return joined;
}

/* Two for each start, so that the list gets shorter. */
static inline void hs_join_finished(void) {
    for (int i = 0; i < 2; i++) {
        hs_thread *t;
        int joined;
        hs_mutex_lock(&hs_world.mutex);
        t = hs_finished_pop();
        hs_mutex_unlock(&hs_world.mutex);
        if (t == NULL) return;
        joined = hs_try_join(t);
        if (!joined) {
            hs_mutex_lock(&hs_world.mutex);
            hs_finished_add(t);
            hs_mutex_unlock(&hs_world.mutex);
        }
        hs_thread_unref(t);
    }
}

/* ---- birth ---- */

#if !HS_STATE_BY_STARTER
/* Tell the parent that the thread state exists (1), or could not be made (-1). */
static inline void hs_born(hs_thread *t, int born) {
    pthread_mutex_lock(&hs_transit.mutex);
    t->born = born;
    hs_transit_less(HS_STARTING, t->turn);
    pthread_cond_broadcast(&hs_transit.changed);
    pthread_mutex_unlock(&hs_transit.mutex);
}

/* Wait, detached, for hs_born().  Returns 0 or ENOMEM. */
static inline int hs_wait_for_birth(hs_thread *t) {
    int born;
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&hs_transit.mutex);
    while ((born = t->born) == 0) pthread_cond_wait(&hs_transit.changed, &hs_transit.mutex);
    pthread_mutex_unlock(&hs_transit.mutex);
    Py_END_ALLOW_THREADS
    return born > 0 ? 0 : ENOMEM;
}
#endif

/* ---- the thread itself ---- */

/* Mark it done.  Returns the word of the first joiner, to be woken after the GIL is released. */
static inline int *hs_finish(hs_thread *t) {
    int *word, joinable;
    hs_mutex_lock(&t->mutex);
    joinable = t->os != HS_GONE;
    hs_mutex_unlock(&t->mutex);
    hs_mutex_lock(&hs_world.mutex);
    hs_list_remove(t);
    hs_world.count--;
    if (joinable) hs_finished_add(t);
    hs_mutex_unlock(&hs_world.mutex);
    hs_mutex_lock(&t->mutex);
    hs_thread_set_state(t, HS_DONE);
    word = hs_waitlist_pop(&t->joiners);
    hs_mutex_unlock(&t->mutex);
    return word;
}

static inline void hs_call_set(hs_thread *t, PyObject *function, PyObject *args, PyObject *kwargs) {
    Py_XINCREF(function);
    Py_XINCREF(args);
    Py_XINCREF(kwargs);
    t->function = function;
    t->args = args;
    t->kwargs = kwargs;
}

static inline void hs_call_clear(hs_thread *t) {
    Py_CLEAR(t->function);
    Py_CLEAR(t->args);
    Py_CLEAR(t->kwargs);
}

/* In C, so that tracebacks have no frame of ours. */
static inline void hs_call(hs_thread *t) {
    PyObject *result = PyObject_Call(t->function, t->args, t->kwargs);
    if (result != NULL)
        Py_DECREF(result);
    else if (PyErr_ExceptionMatches(PyExc_SystemExit))
        PyErr_Clear();
    else
        hs_unraisable_in_thread(t->function);
    hs_call_clear(t);
}

/* Attach to the interpreter.  Returns the thread state, or NULL if that is being finalised or without memory. */
static inline PyThreadState *hs_enter(hs_thread *t) {
#if HS_STATE_BY_STARTER
    if (hs_finalizing()) return NULL;  /* which has freed the thread state */
    hs_state_adopt(t->python);
    PyEval_RestoreThread(t->python);
    hs_transit_out(HS_STARTING, t->turn);
    return t->python;
#else
    PyThreadState *ts = hs_finalizing() ? NULL : PyThreadState_New(t->interp);
    hs_born(t, ts ? 1 : -1);  /* after a failure the parent may free *t* from here on */
    if (ts != NULL) PyEval_RestoreThread(ts);
    return ts;
#endif
}

static void *hs_thread_main(void *arg) {
    hs_thread *t = (hs_thread *)arg;
    PyThreadState *ts;
    int *joiner, turn;
    hs_thread_set_ident(t, PyThread_get_thread_ident());
    ts = hs_enter(t);
    if (ts == NULL) return NULL;
    hs_call(t);
    PyThreadState_Clear(ts);
    turn = hs_transit_in(HS_ENDING);
    joiner = hs_finish(t);
    PyThreadState_DeleteCurrent();
    hs_transit_out(HS_ENDING, turn);
    if (joiner) hs_word_wake(joiner);
    hs_thread_unref(t);
    return NULL;
}

/* Make an OS thread that runs hs_thread_main(t). */
static inline int hs_os_thread(hs_thread *t, size_t stack_size, int joinable, unsigned long *ident) {
    pthread_attr_t attr;
    pthread_t os_thread;
    int err = pthread_attr_init(&attr);
    if (err) return err;
    if (stack_size) err = pthread_attr_setstacksize(&attr, stack_size);
    if (!err && !joinable) err = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (!err) err = pthread_create(&os_thread, &attr, hs_thread_main, t);
    pthread_attr_destroy(&attr);
    if (!err) *ident = (unsigned long)os_thread;
    return err;
}

/* Make the OS thread and its thread state; 0 or an errno, of which ENOMEM is for the thread state alone. */
static inline int hs_both_threads(hs_thread *t, size_t stack_size, int joinable, unsigned long *ident) {
    int err;
#if HS_STATE_BY_STARTER
    t->python = hs_state_for_thread(t->interp);
    if (t->python == NULL) return ENOMEM;
#endif
    t->born = 0;
    t->turn = hs_transit_in(HS_STARTING);
    err = hs_os_thread(t, stack_size, joinable, ident);
    if (err) {
        hs_transit_out(HS_STARTING, t->turn);
#if HS_STATE_BY_STARTER
        PyThreadState_Clear(t->python);
        PyThreadState_Delete(t->python);
        t->python = NULL;
#endif
        return err == ENOMEM ? EAGAIN : err;
    }
#if !HS_STATE_BY_STARTER
    err = hs_wait_for_birth(t);
    if (err && joinable) pthread_join((pthread_t)*ident, NULL);
#endif
    return err;
}

/* Start t, whose function, args and kwargs are set.  Returns 0 and the ident, or an errno: ENOMEM for lack of memory.
 * The caller owns a reference and is attached. */
static inline int hs_thread_start(hs_thread *t, size_t stack_size, int joinable, unsigned long *ident) {
    int err;
    hs_join_finished();
    t->interp = PyInterpreterState_Get();
    t->os = joinable ? HS_JOINABLE : HS_GONE;
    hs_thread_ref(t);
    hs_mutex_lock(&hs_world.mutex);
    hs_list_add(t);
    hs_world.count++;
    hs_mutex_unlock(&hs_world.mutex);
    err = hs_both_threads(t, stack_size, joinable, ident);
    if (err == 0) {
        hs_thread_set_ident(t, *ident);
        return 0;
    }
    hs_mutex_lock(&hs_world.mutex);
    hs_list_remove(t);
    hs_world.count--;
    hs_mutex_unlock(&hs_world.mutex);
    t->os = HS_GONE;
    hs_thread_set_ident(t, 0);
    hs_thread_unref(t);
    return err;
}

/* ---- names ---- */

#if defined(__linux__)
enum { HS_NAME_SIZE = 16 };          /* bytes, with the zero */
#else
enum { HS_NAME_SIZE = 64 };
#endif

/* Name the calling OS thread by the first *length* bytes, less than HS_NAME_SIZE. */
static inline int hs_set_name(const char *name, int length) {
    char cut[HS_NAME_SIZE] = {0};
    strncpy(cut, name, (size_t)length);
#if defined(__linux__)
    return pthread_setname_np(pthread_self(), cut);
#else
    return pthread_setname_np(cut);
#endif
}

/* ---- fork ---- */

/* In the child, where no other thread exists.  A struct whose only reference was its thread's is leaked. */
static void hs_threads_after_fork(void) {
    unsigned long me = PyThread_get_thread_ident();
    hs_thread *t = hs_world.head, *next;
    memset(&hs_world.mutex, 0, sizeof(hs_mutex));
    hs_transit_init();
    hs_world.count = 0;
    while ((next = hs_finished_pop()) != NULL) {
        memset(&next->mutex, 0, sizeof(hs_mutex));
        next->os = HS_GONE;
        hs_thread_unref(next);
    }
    for (; t != NULL; t = next) {
        next = t->next;
        memset(&t->mutex, 0, sizeof(hs_mutex));
        if (t->ident == me && t->state != HS_DONE) {
            if (t->interp) hs_world.count = 1;
            continue;
        }
        hs_list_remove(t);
        hs_thread_set_state(t, HS_DONE);
        t->os = HS_GONE;
    }
}

static inline int hs_threads_init(void) {
    hs_transit_init();
    return pthread_atfork(NULL, NULL, hs_threads_after_fork);
}

#endif
