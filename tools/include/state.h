/* state.h: from an object of a public class to its C state.
 *
 * A public class is an ordinary Python class: its instances have no C layout, so that programs can combine it with
 * any other class.  The C state is an object of its own (a final compiled class: its "state class") that lies in
 * the instance's dictionary, under a private name.  A class derived from two of ours has two states, under two names.
 *
 * Reading the dictionary takes 8 to 10 ns, a fifth of a put() or set().  With a GIL a small table by the object's
 * address takes 1 ns.  Invariants:
 *
 * - A slot that is not empty names a live state: a state empties its slot when it is freed.
 * - The slot's object had that state when the slot was filled; __init__() fills it again.
 * - A state is in one slot at most, also where several objects share it (copy.copy()).
 *
 * So a slot may be out of date only if a program replaces the state in the dictionary of an object and keeps the old
 * one, or keeps the dictionary of an object that is gone; then the earlier state stays in use.
 * Without a GIL there is no table: a second thread could free the state between lookup and use.
 *
 * Needs an attached thread state.
 */
#ifndef HASTEN_STATE_H
#define HASTEN_STATE_H

#include "compat.h"

#define HS_STATE_SLOTS 256

typedef struct {
    PyObject *object, *state;  /* borrowed; both NULL if the slot is empty */
} hs_state_slot;

/* One state class.  Static in the module that defines that class. */
typedef struct {
    PyObject *name;           /* of the attribute that holds the state */
    PyTypeObject *type;
    Py_ssize_t offset;        /* of the state's own hs_state_slot * */
#if !HS_FREE_THREADED
    hs_state_slot slots[HS_STATE_SLOTS];
#endif
} hs_state_class;

/* *state* is any instance of the state class, *slot* its own field for the slot it stands in.  0, or -1 with an exception set. */
static inline int hs_state_class_init(hs_state_class *cls, const char *name, PyObject *state, hs_state_slot **slot) {
    cls->name = PyUnicode_InternFromString(name);
    cls->type = Py_TYPE(state);
    cls->offset = (char *)slot - (char *)state;
    return cls->name == NULL ? -1 : 0;
}

#if !HS_FREE_THREADED

static inline hs_state_slot *hs_state_slot_of(hs_state_class *cls, PyObject *object) {
    uintptr_t address = (uintptr_t)object >> 4;
    return &cls->slots[(address ^ (address >> 8)) % HS_STATE_SLOTS];
}

static inline void hs_state_slot_clear(hs_state_slot *slot, PyObject *state) {
    if (slot != NULL && slot->state == state) slot->object = slot->state = NULL;
}

static inline void hs_state_remember(hs_state_class *cls, PyObject *object, PyObject *state) {
    hs_state_slot **own = (hs_state_slot **)((char *)state + cls->offset);
    hs_state_slot_clear(*own, state);
    *own = hs_state_slot_of(cls, object);
    (*own)->object = object;
    (*own)->state = state;
}

/* For the state's __dealloc__(). */
static inline void hs_state_forget(hs_state_slot *own, PyObject *state) { hs_state_slot_clear(own, state); }

#else

static inline void hs_state_remember(hs_state_class *cls, PyObject *object, PyObject *state) {
    (void)cls; (void)object; (void)state;
}
static inline void hs_state_forget(hs_state_slot *own, PyObject *state) { (void)own; (void)state; }

#endif

/* The state as the object's dictionary has it; a new reference, or NULL with AttributeError. */
static PyObject *hs_state_look_up(hs_state_class *cls, PyObject *object) {
    PyObject *state = PyObject_GenericGetAttr(object, cls->name);
    if (state != NULL && Py_TYPE(state) == cls->type) {
        hs_state_remember(cls, object, state);
        return state;
    }
    if (state != NULL || PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        PyErr_Format(PyExc_AttributeError, "'%.200s' object has no attribute '%U': its __init__() was not called",
                     Py_TYPE(object)->tp_name, cls->name);
    }
    Py_XDECREF(state);
    return NULL;
}

/* The state of an object; a new reference, or NULL with AttributeError if the object has none. */
static inline PyObject *hs_state_of(hs_state_class *cls, PyObject *object) {
#if !HS_FREE_THREADED
    hs_state_slot *slot = hs_state_slot_of(cls, object);
    if (slot->object == object) {
        Py_INCREF(slot->state);
        return slot->state;
    }
#endif
    return hs_state_look_up(cls, object);
}

/* Whether the object has a state: 1 or 0; -1 with an exception set. */
static inline int hs_state_exists(hs_state_class *cls, PyObject *object) {
    PyObject *state = PyObject_GenericGetAttr(object, cls->name);
    if (state == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(state);
    return Py_TYPE(state) == cls->type;
}

/* Give an object its state, in place of the one it may have; for __init__().  0, or -1 with an exception set. */
static inline int hs_state_set(hs_state_class *cls, PyObject *object, PyObject *state) {
    if (PyObject_GenericSetAttr(object, cls->name, state) < 0) return -1;
    hs_state_remember(cls, object, state);
    return 0;
}

#endif
