/* guards.h: what a build with assertions (HASTEN_DEBUG=1) adds to the hs_mutex of compat.h.
 *
 * It aborts when an object is allocated, resized or freed under a guard, in either kind of build; Python code
 * cannot run without allocating.  Objects from the interpreter's free lists do not pass through the allocator, so
 * a single case may be missed.
 *
 * A guard may be locked in one module and unlocked in another, and code of one module calls that of another.
 * So the guards that a thread holds are counted once for all modules: by the first one that is loaded, which
 * leaves what the others need in a capsule in the dictionary of the main interpreter.  (Extension modules are
 * loaded with RTLD_LOCAL: a symbol of one is not seen by the next.)  Only that module installs a hook in
 * front of the allocator.
 */
#ifndef HASTEN_GUARDS_H
#define HASTEN_GUARDS_H

#include <stdio.h>
#include <stdlib.h>
#ifdef __GLIBC__
#  include <execinfo.h>
#  include <unistd.h>
#endif

#define HS_GUARDS "hasten.guards"

/* What the calling thread holds. */
typedef struct {
    int count;
    const char *last, *place;  /* the guard that was locked last, and the function that locked it */
} hs_guards;

static hs_guards *hs_guards_own(void) {
    static __thread hs_guards held;
    return &held;
}

static hs_guards *(*hs_guards_held)(void) = hs_guards_own;
static PyMemAllocatorEx hs_allocator_behind;

static inline void hs_guards_backtrace(void) {
#ifdef __GLIBC__
    void *frames[24];
    backtrace_symbols_fd(frames, backtrace(frames, 24), STDERR_FILENO);
#endif
}

static inline void hs_guards_check(const char *what) {
    hs_guards *held = hs_guards_own();  /* called only by the hook, which is in the module that counts */
    if (held->count == 0) return;
    fprintf(stderr, "hasten: an object is %s under the guard %s, taken in %s()\n", what, held->last,
            held->place);
    hs_guards_backtrace();
    abort();
}

static void *hs_checked_malloc(void *unused, size_t size) {
    (void)unused;
    hs_guards_check("allocated");
    return hs_allocator_behind.malloc(hs_allocator_behind.ctx, size);
}

static void *hs_checked_calloc(void *unused, size_t count, size_t size) {
    (void)unused;
    hs_guards_check("allocated");
    return hs_allocator_behind.calloc(hs_allocator_behind.ctx, count, size);
}

static void *hs_checked_realloc(void *unused, void *memory, size_t size) {
    (void)unused;
    hs_guards_check("resized");
    return hs_allocator_behind.realloc(hs_allocator_behind.ctx, memory, size);
}

static void hs_checked_free(void *unused, void *memory) {
    (void)unused;
    if (memory != NULL) hs_guards_check("freed");
    hs_allocator_behind.free(hs_allocator_behind.ctx, memory);
}

/* Before any of the module's code: it is loaded by an import, with an attached thread state. */
__attribute__((constructor)) static void hs_guards_init(void) {
    PyMemAllocatorEx checked = {NULL, hs_checked_malloc, hs_checked_calloc, hs_checked_realloc,
                                hs_checked_free};
    PyObject *shared = PyInterpreterState_GetDict(PyInterpreterState_Main());
    PyObject *capsule = shared == NULL ? NULL : PyDict_GetItemString(shared, HS_GUARDS);
    if (capsule != NULL) {
        hs_guards_held = (hs_guards *(*)(void))PyCapsule_GetPointer(capsule, HS_GUARDS);
        return;
    }
    capsule = PyCapsule_New((void *)hs_guards_own, HS_GUARDS, NULL);
    if (capsule == NULL || PyDict_SetItemString(shared, HS_GUARDS, capsule) < 0) abort();
    Py_DECREF(capsule);
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &hs_allocator_behind);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &checked);
}

static inline void hs_debug_lock(hs_mutex *m, const char *name, const char *place) {
    hs_guards *held = hs_guards_held();
    hs_mutex_lock(m);
    held->count++;
    held->last = name;
    held->place = place;
}

static inline void hs_debug_unlock(hs_mutex *m) {
    hs_guards_held()->count--;
    hs_mutex_unlock(m);
}

#define hs_mutex_lock(m) hs_debug_lock(m, #m, __func__)
#define hs_mutex_unlock(m) hs_debug_unlock(m)

#endif
