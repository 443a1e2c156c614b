/* function.h: compiled functions that isinstance() takes for functions of Python.
 *
 * Tools tell a method with a signature from "any callable" by isinstance(value, types.FunctionType): unittest.mock's
 * autospec, which otherwise accepts wrong calls, inspect.isfunction(), and its users.  A compiled function has all
 * attributes that they read (`__code__`, `__defaults__`, `__globals__`, ...) but is not of that type.
 *
 * So the public functions get a type of their own: Cython's, with the same name, layout and slots, and a `__class__`
 * of types.FunctionType, which isinstance() checks after the type itself.  Calls are as fast as before: they use
 * the slots and the flags of the type, and these are Cython's.
 *
 * C code that needs a function of Python's layout calls PyFunction_Check(), which checks the type alone.
 *
 * Needs an attached thread state.
 */
#ifndef HASTEN_FUNCTION_H
#define HASTEN_FUNCTION_H

#include <Python.h>

#ifndef Py_TPFLAGS_IMMUTABLETYPE  /* 3.10+ */
#  define Py_TPFLAGS_IMMUTABLETYPE 0
#endif
#define HS_FUNCTION_FLAGS (Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_IMMUTABLETYPE)

/* Whether functions of Python have `__type_params__`. */
#define HS_TYPE_PARAMS (PY_VERSION_HEX >= 0x030C0000)

static PyObject *hs_function_class(PyObject *self, void *closure) {
    (void)self; (void)closure;
    Py_INCREF((PyObject *)&PyFunction_Type);
    return (PyObject *)&PyFunction_Type;
}

static PyGetSetDef hs_function_getset[] = {
    {"__class__", hs_function_class, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* A type made at run time has `__module__` and `__doc__` of its own, which hide the base's (the function's). */
static int hs_function_inherit(PyTypeObject *type, PyTypeObject *base) {
    static const char *const names[] = {"__module__", "__doc__", NULL};
    for (int i = 0; names[i] != NULL; i++) {
        PyObject *member = PyDict_GetItemString(base->tp_dict, names[i]);  /* borrowed */
        if (member != NULL && PyDict_SetItemString(type->tp_dict, names[i], member) < 0) return -1;
    }
    PyType_Modified(type);
    return 0;
}

/* A new type for functions of the type *base*, or NULL with an exception set. */
static PyTypeObject *hs_function_type_of(PyTypeObject *base) {
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)base->tp_dealloc},
        {Py_tp_traverse, (void *)base->tp_traverse},
        {Py_tp_clear, (void *)base->tp_clear},
        {Py_tp_call, (void *)base->tp_call},
        {Py_tp_descr_get, (void *)base->tp_descr_get},
        {Py_tp_getset, (void *)hs_function_getset},
        {0, NULL},
    };
    PyType_Spec spec = {base->tp_name, 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
    PyObject *bases = PyTuple_Pack(1, (PyObject *)base);
    PyTypeObject *type = bases == NULL ? NULL : (PyTypeObject *)PyType_FromSpecWithBases(&spec, bases);
    Py_XDECREF(bases);
    if (type == NULL || hs_function_inherit(type, base) < 0) {
        Py_XDECREF((PyObject *)type);
        return NULL;
    }
    type->tp_vectorcall_offset = base->tp_vectorcall_offset;
    /* A heap type does not inherit all of these.  Without them each call would be slow: through a tuple of arguments,
     * through a bound method, or (3.11+) not specialised, as a function of a mutable type is no constant. */
    type->tp_flags |= base->tp_flags & HS_FUNCTION_FLAGS;
    /* By these the values are read that lie in a function itself (3.12+), and it has some already when its type changes.
     * Whoever is freed last would free them, so neither type ever is: this one holds its base. */
    if (base->tp_flags & Py_TPFLAGS_HEAPTYPE)
        ((PyHeapTypeObject *)type)->ht_cached_keys = ((PyHeapTypeObject *)base)->ht_cached_keys;
    Py_INCREF((PyObject *)type);
    return type;
}

/* Let the code object name the compiled module as its file.  inspect.getsource() takes a function's lines from the
 * source of the module that `__module__` names, which is another than the function was written in. */
static int hs_function_place(PyObject *function) {
    PyObject *code = PyObject_GetAttrString(function, "__code__");
    PyObject *globals = PyObject_GetAttrString(function, "__globals__");
    PyObject *file = globals == NULL ? NULL : PyMapping_GetItemString(globals, "__file__");
    PyObject *imp = code == NULL || file == NULL ? NULL : PyImport_ImportModule("_imp");
    PyObject *done = imp == NULL ? NULL : PyObject_CallMethod(imp, "_fix_co_filename", "OO", code, file);
    Py_XDECREF(code);
    Py_XDECREF(globals);
    Py_XDECREF(file);
    Py_XDECREF(imp);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Have isinstance(function, types.FunctionType) be true, if it is of Cython's type *compiled*; else nothing.
 * 0, or -1 with an exception set. */
static int hs_function_adopt(PyObject *compiled, PyObject *function) {
    static PyTypeObject *type = NULL;
    if ((PyObject *)Py_TYPE(function) != compiled) return 0;
    if (type == NULL && (type = hs_function_type_of((PyTypeObject *)compiled)) == NULL) return -1;
    if (hs_function_place(function) < 0) return -1;
    Py_INCREF(type);
    Py_SET_TYPE(function, type);
    Py_DECREF(compiled);
    return 0;
}

#endif
