/* compat.h: every difference between Python versions and builds that our C and Cython code meets.
 *
 * Elsewhere no PY_VERSION_HEX test may stand: a module asks for what it wants by one of these names.
 *
 * hs_mutex guards C state for a few instructions at a time.  With a GIL it is empty, because the GIL
 * already keeps other threads out as long as no Python code runs between check and store.  Without
 * one it is that of mutex.h.  Two rules hold in both builds: no Python code, no reference count that may
 * drop to zero and no allocation of a tracked object while it is held; and whoever waits on a word
 * that is changed under it takes it once more before the memory of that word may go away.  A build with
 * HASTEN_DEBUG=1 asserts the first (see guards.h).
 */
#ifndef HASTEN_COMPAT_H
#define HASTEN_COMPAT_H

#include <Python.h>

#ifdef Py_GIL_DISABLED
#  define HS_FREE_THREADED 1
#  include "mutex.h"
#else
#  define HS_FREE_THREADED 0
typedef struct { char unused; } hs_mutex;
static inline void hs_mutex_lock(hs_mutex *m) { (void)m; }
static inline void hs_mutex_unlock(hs_mutex *m) { (void)m; }
#endif

#ifdef HASTEN_DEBUG
#  include "guards.h"
#endif

/* A flag that is written under a guard and read without it.  Whoever sees it set sees what was written before; a
 * plain read promises that on some processors only. */
static inline int hs_load(const int *flag) { return __atomic_load_n(flag, __ATOMIC_ACQUIRE); }
static inline void hs_store(int *flag, int value) { __atomic_store_n(flag, value, __ATOMIC_RELEASE); }

/* A number that changes whenever an attribute of the type (or of a base) is set; 0 means unknown. */
static inline unsigned int hs_type_tag(PyTypeObject *type) {
#if PY_VERSION_HEX < 0x030B0000
    /* Up to 3.10 a modified type may keep its old tag and merely drop the flag. */
    if (!(type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG)) return 0;
#endif
    return type->tp_version_tag;
}

/* Whether the interpreter is being torn down: only the thread that does it still runs Python code. */
static inline int hs_finalizing(void) {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

/* ---- threads ---- */

/* What the interpreter raises for a thread that is started or joined too late; a new reference. */
static inline PyObject *hs_finalization_error(void) {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_NewRef(PyExc_PythonFinalizationError);
#else
    Py_INCREF(PyExc_RuntimeError);
    return PyExc_RuntimeError;
#endif
}

/* A thread state for a thread that does not exist yet, or NULL for lack of memory.  With a GIL the one who starts
 * the thread makes it, while it holds the GIL: allocators have hooks (tracemalloc's) that take the GIL, so a thread
 * that made its own could not be waited for with the GIL held, and could not report a failure.  Without a GIL a
 * thread state is bound to the thread that makes it. */
#define HS_STATE_BY_STARTER !HS_FREE_THREADED

#if HS_STATE_BY_STARTER
#  if PY_VERSION_HEX < 0x030B0000
PyAPI_FUNC(void) _PyThreadState_Init(PyThreadState *);
#  elif PY_VERSION_HEX < 0x030C0000
PyAPI_FUNC(void) _PyThreadState_SetCurrent(PyThreadState *);
#  endif

static inline PyThreadState *hs_state_for_thread(PyInterpreterState *interp) {
#  if PY_VERSION_HEX < 0x030C0000
    return _PyThreadState_Prealloc(interp);
#  else
    /* It says that it belongs to the caller, who is already bound to another; hs_state_adopt() puts that right. */
    PyThreadState *ts = PyThreadState_New(interp);
    if (ts != NULL) ts->thread_id = ts->native_thread_id = 0;
    return ts;
#  endif
}

/* By the new thread, before it takes the GIL. */
static inline void hs_state_adopt(PyThreadState *ts) {
    ts->thread_id = PyThread_get_thread_ident();
#  if PY_VERSION_HEX >= 0x030B0000
    ts->native_thread_id = PyThread_get_thread_native_id();
#  endif
#  if PY_VERSION_HEX < 0x030B0000
    _PyThreadState_Init(ts);
#  elif PY_VERSION_HEX < 0x030C0000
    _PyThreadState_SetCurrent(ts);
#  endif
}
#endif

/* Hand the current exception of a thread's function to sys.unraisablehook, in the version's words. */
static inline void hs_unraisable_in_thread(PyObject *function) {
#if PY_VERSION_HEX >= 0x030D0000
    PyErr_FormatUnraisable("Exception ignored in thread started by %R", function);
#else
    _PyErr_WriteUnraisableMsg("in thread started by", function);
#endif
}

/* Up to 3.12 threading.py learns of a thread's end from a hook in its thread state.  The hook's data
 * is an object that the hook, or whoever replaces it, drops. */
#if PY_VERSION_HEX < 0x030D0000
static inline void hs_set_sentinel(void (*hook)(void *), PyObject *data) {
    PyThreadState *ts = PyThreadState_Get();
    PyObject *old = (PyObject *)ts->on_delete_data;
    Py_INCREF(data);
    ts->on_delete_data = data;
    ts->on_delete = hook;
    Py_XDECREF(old);
}
#else
static inline void hs_set_sentinel(void (*hook)(void *), PyObject *data) { (void)hook; (void)data; }
#endif

/* Give all other threads the trace (or profile) function that the calling one has just been given by the
 * sys module.  From 3.12 on the sys module has functions for that. */
static inline int hs_hook_everywhere(int profile) {
#if PY_VERSION_HEX < 0x030C0000
    PyThreadState *me = PyThreadState_Get(), *ts = PyInterpreterState_ThreadHead(me->interp);
    for (; ts != NULL; ts = PyThreadState_Next(ts)) {
        int err = ts == me  ? 0
                  : profile ? _PyEval_SetProfile(ts, me->c_profilefunc, me->c_profileobj)
                            : _PyEval_SetTrace(ts, me->c_tracefunc, me->c_traceobj);
        if (err < 0) return -1;
    }
#else
    (void)profile;
#endif
    return 0;
}

/* ---- the cyclic garbage collector ---- */

/* Take an object out of the collector's sight for a while, which is right only if it could not be freed
 * anyway.  Without a GIL the collector walks over all memory, seen or not, and does it the more often the
 * fewer objects it sees: there nothing is hidden. */
static inline void hs_hide(PyObject *object) {
    if (!HS_FREE_THREADED) PyObject_GC_UnTrack(object);
}

static inline void hs_show(PyObject *object) {
    if (!HS_FREE_THREADED && !PyObject_GC_IsTracked(object)) PyObject_GC_Track(object);
}

/* The same with an object of a Python class, whose dictionary is an object of its own up to 3.10. */
static inline void hs_hide_instance(PyObject *object) {
#if PY_VERSION_HEX < 0x030B0000
    PyObject **dict = _PyObject_GetDictPtr(object);
    if (dict != NULL && *dict != NULL && PyObject_GC_IsTracked(*dict)) PyObject_GC_UnTrack(*dict);
#endif
    hs_hide(object);
}

static inline void hs_show_instance(PyObject *object) {
#if PY_VERSION_HEX < 0x030B0000
    PyObject **dict = _PyObject_GetDictPtr(object);
    if (dict != NULL && *dict != NULL) hs_show(*dict);
#endif
    hs_show(object);
}

/* Whether the object may be part of a cycle. */
static inline int hs_is_collected(PyObject *object) { return PyObject_IS_GC(object); }

/* ---- types ---- */

/* Give a static type the name under which users import it. */
static inline void hs_type_rename(PyTypeObject *type, const char *name) { type->tp_name = name; }

/* Make calling the type a TypeError; its C code can still make instances. */
static inline void hs_type_forbid_new(PyTypeObject *type) {
    type->tp_new = NULL;
    type->tp_vectorcall = NULL;
    PyDict_SetItemString(type->tp_dict, "__new__", Py_None); /* object.__new__() would make one without fields */
    PyType_Modified(type);
#ifdef Py_TPFLAGS_DISALLOW_INSTANTIATION
    type->tp_flags |= Py_TPFLAGS_DISALLOW_INSTANTIATION;
#endif
}

/* From now on the type can have no subclass. */
static inline void hs_type_seal(PyTypeObject *type) { type->tp_flags &= ~Py_TPFLAGS_BASETYPE; }

#endif
