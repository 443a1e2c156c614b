/* _plain_pickles.h: pickles of small objects of the plain types, made and read without a pickler.
 *
 * Invariants:
 *
 * - The bytes are those that the interpreter's pickler writes for exact instances of None, bool, int of 32 bits, float,
 *   str, bytes, tuple, list and dict, for which it calls no reducer.  A repeated object is a memo reference, as there.
 * - Anything else (too large, too deep, another type, an unknown opcode, a malformed pickle) is left to the interpreter's
 *   pickler or unpickler, without a side effect before.
 * - No foreign code runs meanwhile.
 *
 * Without a GIL, lists and dictionaries that are not empty are left to the pickler, which locks them.
 */
#ifndef HASTEN_PLAIN_PICKLES_H
#define HASTEN_PLAIN_PICKLES_H

#include <Python.h>
#include <stdint.h>
#include <string.h>

#define HS_PLAIN_MOST 1024   /* bytes of a pickle */
#define HS_PLAIN_OBJECTS 32  /* entries of the memo, and of the stack */
#define HS_PLAIN_DEPTH 6

/* ---- making ---- */

typedef struct {
    unsigned char *at, *end;
    PyObject *met[HS_PLAIN_OBJECTS];
    int count;
} hs_plain_out;

static inline int hs_plain_put(hs_plain_out *out, const void *bytes, size_t size) {
    if ((size_t)(out->end - out->at) < size) return -1;
    memcpy(out->at, bytes, size);
    out->at += size;
    return 0;
}

static inline int hs_plain_code(hs_plain_out *out, unsigned char code) { return hs_plain_put(out, &code, 1); }

static inline int hs_plain_meet(hs_plain_out *out, PyObject *obj) {
    if (out->count == HS_PLAIN_OBJECTS) return -1;
    out->met[out->count++] = obj;
    return hs_plain_code(out, 0x94); /* MEMOIZE */
}

static inline int hs_plain_int(hs_plain_out *out, PyObject *obj) {
    int overflow;
    unsigned char bytes[5];
    long value = PyLong_AsLongAndOverflow(obj, &overflow);
    if (overflow || value > INT32_MAX || value < INT32_MIN) return -1;
    for (int i = 0; i < 4; i++) bytes[i + 1] = (unsigned char)((uint32_t)value >> (8 * i));
    int width = value < 0 || value > 0xffff ? 4 : value > 0xff ? 2 : 1;
    bytes[0] = width == 4 ? 'J' : width == 2 ? 'M' : 'K';
    return hs_plain_put(out, bytes, (size_t)width + 1);
}

static inline int hs_plain_float(hs_plain_out *out, PyObject *obj) {
    double value = PyFloat_AS_DOUBLE(obj);
    uint64_t bits;
    unsigned char bytes[9] = {'G'};
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 8; i++) bytes[i + 1] = (unsigned char)(bits >> (56 - 8 * i));
    return hs_plain_put(out, bytes, sizeof bytes);
}

/* Bytes or text of up to 255 bytes. */
static inline int hs_plain_text(hs_plain_out *out, PyObject *obj, unsigned char code, const char *text, Py_ssize_t size) {
    unsigned char head[2] = {code, (unsigned char)size};
    if (size > 255) return -1;
    return hs_plain_put(out, head, 2) < 0 || hs_plain_put(out, text, (size_t)size) < 0 ? -1 : hs_plain_meet(out, obj);
}

static int hs_plain_save(hs_plain_out *out, PyObject *obj, int depth);

static inline int hs_plain_tuple(hs_plain_out *out, PyObject *obj, int depth) {
    Py_ssize_t size = PyTuple_GET_SIZE(obj);
    if (size == 0) return hs_plain_code(out, ')');
    if (size > 3 && hs_plain_code(out, '(') < 0) return -1;
    for (Py_ssize_t i = 0; i < size; i++)
        if (hs_plain_save(out, PyTuple_GET_ITEM(obj, i), depth) < 0) return -1;
    for (int i = 0; i < out->count; i++)
        if (out->met[i] == obj) return -1; /* the tuple contains itself: needs the pickler */
    if (hs_plain_code(out, size > 3 ? 't' : (unsigned char)(0x84 + size)) < 0) return -1;
    return hs_plain_meet(out, obj);
}

static inline int hs_plain_list(hs_plain_out *out, PyObject *obj, int depth) {
    Py_ssize_t size = PyList_GET_SIZE(obj);
    if (hs_plain_code(out, ']') < 0 || hs_plain_meet(out, obj) < 0) return -1;
    if (size == 0) return 0;
#ifdef Py_GIL_DISABLED
    return -1;
#endif
    if (size > HS_PLAIN_OBJECTS || (size > 1 && hs_plain_code(out, '(') < 0)) return -1;
    for (Py_ssize_t i = 0; i < size; i++)
        if (hs_plain_save(out, PyList_GET_ITEM(obj, i), depth) < 0) return -1;
    return hs_plain_code(out, size > 1 ? 'e' : 'a');
}

static inline int hs_plain_dict(hs_plain_out *out, PyObject *obj, int depth) {
    Py_ssize_t size = PyDict_GET_SIZE(obj), at = 0;
    PyObject *key, *value;
    if (hs_plain_code(out, '}') < 0 || hs_plain_meet(out, obj) < 0) return -1;
    if (size == 0) return 0;
#ifdef Py_GIL_DISABLED
    return -1;
#endif
    if (size > HS_PLAIN_OBJECTS / 2 || (size > 1 && hs_plain_code(out, '(') < 0)) return -1;
    while (PyDict_Next(obj, &at, &key, &value))
        if (hs_plain_save(out, key, depth) < 0 || hs_plain_save(out, value, depth) < 0) return -1;
    return hs_plain_code(out, size > 1 ? 'u' : 's');
}

static int hs_plain_save(hs_plain_out *out, PyObject *obj, int depth) {
    PyTypeObject *type = Py_TYPE(obj);
    if (obj == Py_None) return hs_plain_code(out, 'N');
    if (obj == Py_True || obj == Py_False) return hs_plain_code(out, obj == Py_True ? 0x88 : 0x89);
    if (type == &PyLong_Type) return hs_plain_int(out, obj);
    if (type == &PyFloat_Type) return hs_plain_float(out, obj);
    for (int i = 0; i < out->count; i++)
        if (out->met[i] == obj) {
            unsigned char again[2] = {'h', (unsigned char)i};
            return hs_plain_put(out, again, 2);
        }
    if (type == &PyUnicode_Type) {
        Py_ssize_t size;
        const char *text;
        if (PyUnicode_GET_LENGTH(obj) > 255) return -1;
        if ((text = PyUnicode_AsUTF8AndSize(obj, &size)) == NULL) {
            PyErr_Clear();
            return -1;
        }
        return hs_plain_text(out, obj, 0x8c, text, size);
    }
    if (type == &PyBytes_Type) return hs_plain_text(out, obj, 'C', PyBytes_AS_STRING(obj), PyBytes_GET_SIZE(obj));
    if (depth == 0) return -1;
    if (type == &PyTuple_Type) return hs_plain_tuple(out, obj, depth - 1);
    if (type == &PyDict_Type) return hs_plain_dict(out, obj, depth - 1);
    if (type == &PyList_Type) return hs_plain_list(out, obj, depth - 1);
    return -1;
}

/* The pickle of an object, a new reference; NULL without an exception if the pickler has to make it. */
static inline PyObject *hs_plain_dumps(PyObject *obj, int protocol) {
    enum { HEAD = 2, FRAME = 9, LEAST_FRAME = 4 };
    unsigned char room[HS_PLAIN_MOST], *start = room + HEAD + FRAME;
    hs_plain_out out = {.at = start, .end = room + sizeof room, .count = 0};
    if (hs_plain_save(&out, obj, HS_PLAIN_DEPTH) < 0 || hs_plain_code(&out, '.') < 0) return NULL;
    size_t size = (size_t)(out.at - start);
    if (size >= LEAST_FRAME) {
        start -= FRAME;
        start[0] = 0x95;
        for (int i = 0; i < 8; i++) start[i + 1] = (unsigned char)((uint64_t)size >> (8 * i));
    }
    start -= HEAD;
    start[0] = 0x80;
    start[1] = (unsigned char)protocol;
    return PyBytes_FromStringAndSize((char *)start, out.at - start);
}

/* ---- reading ---- */

typedef struct {
    const unsigned char *at, *end;
    PyObject *stack[HS_PLAIN_OBJECTS], *met[HS_PLAIN_OBJECTS]; /* new references */
    int height, count, marks[HS_PLAIN_DEPTH + 1], marked;
} hs_plain_in;

static inline int hs_plain_push(hs_plain_in *in, PyObject *obj) {
    if (obj == NULL) return -1;
    if (in->height == HS_PLAIN_OBJECTS) {
        Py_DECREF(obj);
        return -1;
    }
    in->stack[in->height++] = obj;
    return 0;
}

static inline int hs_plain_has(const hs_plain_in *in, size_t size) { return (size_t)(in->end - in->at) >= size; }

static inline uint64_t hs_plain_number(hs_plain_in *in, int width) {
    uint64_t number = 0;
    for (int i = 0; i < width; i++) number |= (uint64_t)in->at[i] << (8 * i);
    in->at += width;
    return number;
}

/* Replace the stack from *from* on by a tuple of it. */
static inline int hs_plain_make_tuple(hs_plain_in *in, int from) {
    if (from < 0 || (in->marked && from < in->marks[in->marked - 1])) return -1;
    PyObject *made = PyTuple_New(in->height - from);
    if (made == NULL) return -1;
    for (int i = from; i < in->height; i++) PyTuple_SET_ITEM(made, i - from, in->stack[i]);
    in->height = from;
    return hs_plain_push(in, made);
}

/* Move the stack from *from* on into the dictionary or list below it. */
static inline int hs_plain_fill(hs_plain_in *in, int from, int pairs) {
    int failed = 0, least = in->marked ? in->marks[in->marked - 1] : 0;
    if (from - 1 < least || (pairs && (in->height - from) % 2)) return -1;
    PyObject *into = in->stack[from - 1];
    if (Py_TYPE(into) != (pairs ? &PyDict_Type : &PyList_Type)) return -1;
    for (int i = from; i < in->height && !failed; i += pairs ? 2 : 1)
        failed = pairs ? PyDict_SetItem(into, in->stack[i], in->stack[i + 1]) : PyList_Append(into, in->stack[i]);
    if (failed) return -1;
    while (in->height > from) Py_DECREF(in->stack[--in->height]);
    return 0;
}

static inline int hs_plain_mark(hs_plain_in *in, int *from) {
    if (in->marked == 0) return -1;
    *from = in->marks[--in->marked];
    return 0;
}

/* One opcode: 0, 1 at the end, -1 if the unpickler has to do it. */
static inline int hs_plain_step(hs_plain_in *in) {
    int from;
    size_t size;
    double real;
    if (!hs_plain_has(in, 1)) return -1;
    unsigned char code = *in->at++;
    switch (code) {
    case 'N': Py_INCREF(Py_None); return hs_plain_push(in, Py_None);
    case 0x88: Py_INCREF(Py_True); return hs_plain_push(in, Py_True);
    case 0x89: Py_INCREF(Py_False); return hs_plain_push(in, Py_False);
    case 'K': return hs_plain_has(in, 1) ? hs_plain_push(in, PyLong_FromLong((long)hs_plain_number(in, 1))) : -1;
    case 'M': return hs_plain_has(in, 2) ? hs_plain_push(in, PyLong_FromLong((long)hs_plain_number(in, 2))) : -1;
    case 'J':
        return hs_plain_has(in, 4) ? hs_plain_push(in, PyLong_FromLong((int32_t)(uint32_t)hs_plain_number(in, 4))) : -1;
    case 'G': {
        uint64_t bits = 0;
        if (!hs_plain_has(in, 8)) return -1;
        for (int i = 0; i < 8; i++) bits = bits << 8 | *in->at++;
        memcpy(&real, &bits, sizeof real);
        return hs_plain_push(in, PyFloat_FromDouble(real));
    }
    case 0x8c:
    case 'C': {
        if (!hs_plain_has(in, 1)) return -1;
        size = *in->at++;
        if (!hs_plain_has(in, size)) return -1;
        const char *text = (const char *)in->at;
        in->at += size;
        return hs_plain_push(in, code == 'C' ? PyBytes_FromStringAndSize(text, (Py_ssize_t)size)
                                             : PyUnicode_DecodeUTF8(text, (Py_ssize_t)size, "surrogatepass"));
    }
    case ')': return hs_plain_push(in, PyTuple_New(0));
    case ']': return hs_plain_push(in, PyList_New(0));
    case '}': return hs_plain_push(in, PyDict_New());
    case '(':
        if (in->marked > HS_PLAIN_DEPTH) return -1;
        in->marks[in->marked++] = in->height;
        return 0;
    case 't': return hs_plain_mark(in, &from) < 0 ? -1 : hs_plain_make_tuple(in, from);
    case 0x85:
    case 0x86:
    case 0x87: return hs_plain_make_tuple(in, in->height - (code - 0x84));
    case 'a': return hs_plain_fill(in, in->height - 1, 0);
    case 's': return hs_plain_fill(in, in->height - 2, 1);
    case 'e': return hs_plain_mark(in, &from) < 0 ? -1 : hs_plain_fill(in, from, 0);
    case 'u': return hs_plain_mark(in, &from) < 0 ? -1 : hs_plain_fill(in, from, 1);
    case 0x94:
        if (in->height <= (in->marked ? in->marks[in->marked - 1] : 0) || in->count == HS_PLAIN_OBJECTS) return -1;
        Py_INCREF(in->stack[in->height - 1]);
        in->met[in->count++] = in->stack[in->height - 1];
        return 0;
    case 'h':
        if (!hs_plain_has(in, 1) || *in->at >= in->count) return -1;
        Py_INCREF(in->met[*in->at]);
        return hs_plain_push(in, in->met[*in->at++]);
    case '.': return in->height == 1 && in->marked == 0 && in->at == in->end ? 1 : -1;
    default: return -1;
    }
}

/* The object of a pickle, a new reference; NULL without an exception if the unpickler has to make it. */
static inline PyObject *hs_plain_loads(const char *data, Py_ssize_t length) {
    hs_plain_in in = {.at = (const unsigned char *)data, .end = (const unsigned char *)data + length};
    PyObject *found = NULL;
    int step = 0;
    if (length > HS_PLAIN_MOST || length < 3 || in.at[0] != 0x80 || in.at[1] < 4 || in.at[1] > 5) return NULL;
    in.at += 2;
    if (*in.at == 0x95) {
        in.at++;
        if (!hs_plain_has(&in, 8) || hs_plain_number(&in, 8) != (uint64_t)(in.end - in.at)) return NULL;
    }
    while (step == 0) step = hs_plain_step(&in);
    if (step == 1) found = in.stack[--in.height];
    while (in.height) Py_DECREF(in.stack[--in.height]);
    while (in.count) Py_DECREF(in.met[--in.count]);
    if (step < 0 && PyErr_Occurred()) PyErr_Clear();
    return found;
}

#endif
