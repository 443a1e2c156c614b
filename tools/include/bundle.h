/* One shared object for all compiled modules of a package.

   Opening a shared object and looking for it in a folder takes longer than running a module of ours does, and
   a package has up to ten.  So setup.py links them into one, PACKAGE._bundle, and this file is that module:
   when the package imports it, a finder goes in front of the one for sys.path, which knows in which file the
   package's modules are.  All else is the interpreter's own: its loader for extension modules opens the file,
   which is open, and calls the module's PyInit function there.

   Nothing is loaded before it is imported, but for what the package says: load("_one", "_two") imports modules
   that the package imports in any case.  The import system takes five times as long for each, most of it for
   locks that nobody else can ask for while the package is imported, and for finders that come before ours; and
   the loader opens the file once more for each.  So load() calls the PyInit functions itself.  Parts that are
   written in Python it looks for in the package's folder alone, which halves what they take.

   setup.py defines HS_MODULES: HS_MODULE(its full name as a C string, its PyInit function) for each module.
   The finder belongs to the interpreter that has imported the package; there is no static state. */
#ifndef HS_BUNDLE_H
#define HS_BUNDLE_H

#include <Python.h>

/* Protected: the interpreter has functions of some of these names, which would go first (PyInit__thread). */
#ifdef __ELF__
#  define HS_PROTECTED __attribute__((visibility("protected")))
#else
#  define HS_PROTECTED
#endif
#ifdef _WIN32
#  define HS_SEPARATOR '\\'
#else
#  define HS_SEPARATOR '/'
#endif
#define HS_MODULE(name, init) PyObject *init(void) HS_PROTECTED;
HS_MODULES
#undef HS_MODULE
#define HS_MODULE(name, init) {name, init},
static const struct {
    const char *name;
    PyObject *(*init)(void);
} hs_modules[] = {HS_MODULES{NULL, NULL}};
#undef HS_MODULE

typedef struct {
    PyObject_HEAD
    PyObject *bundle;       /* the name of this module, by which a finder is known again */
    PyObject *file;         /* where all of them are */
    PyObject *names;        /* a frozenset */
    PyObject *spec_type;    /* importlib.machinery.ModuleSpec */
    PyObject *loader_type;  /* importlib.machinery.ExtensionFileLoader */
    PyObject *source_loader_type;  /* importlib.machinery.SourceFileLoader */
    PyObject *lock_type;    /* a context manager that holds the import system's lock of a name */
} hs_finder;

static void hs_finder_dealloc(PyObject *self) {
    hs_finder *finder = (hs_finder *)self;
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(finder->bundle);
    Py_XDECREF(finder->file);
    Py_XDECREF(finder->names);
    Py_XDECREF(finder->spec_type);
    Py_XDECREF(finder->loader_type);
    Py_XDECREF(finder->source_loader_type);
    Py_XDECREF(finder->lock_type);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *hs_spec_with(hs_finder *finder, PyObject *name, PyObject *loader, PyObject *file) {
    PyObject *spec = NULL, *words = NULL;
    PyObject *args = PyTuple_Pack(2, name, loader);
    if (args != NULL && (words = Py_BuildValue("{sO}", "origin", file)) != NULL)
        spec = PyObject_Call(finder->spec_type, args, words);
    if (spec != NULL && PyObject_SetAttrString(spec, "has_location", Py_True) < 0) Py_CLEAR(spec);
    Py_XDECREF(words);
    Py_XDECREF(args);
    return spec;
}

static PyObject *hs_spec_of(hs_finder *finder, PyObject *name) {
    PyObject *loader = PyObject_CallFunctionObjArgs(finder->loader_type, name, finder->file, NULL);
    PyObject *spec = loader == NULL ? NULL : hs_spec_with(finder, name, loader, finder->file);
    Py_XDECREF(loader);
    return spec;
}

static PyObject *hs_find_spec(PyObject *self, PyObject *args, PyObject *words) {
    static char *keywords[] = {"fullname", "path", "target", NULL};
    PyObject *name, *path = NULL, *target = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, words, "U|OO:find_spec", keywords, &name, &path, &target))
        return NULL;
    int known = PySet_Contains(((hs_finder *)self)->names, name);
    if (known < 0) return NULL;
    if (known) return hs_spec_of((hs_finder *)self, name);
    Py_RETURN_NONE;
}

static PyObject *hs_finder_repr(PyObject *self) {
    return PyUnicode_FromFormat("<finder of the modules in %U>", ((hs_finder *)self)->bundle);
}

static PyObject *hs_finder_bundle(PyObject *self, void *unused) {
    (void)unused;
    PyObject *bundle = ((hs_finder *)self)->bundle;
    Py_INCREF(bundle);
    return bundle;
}

static PyObject *hs_names(void) {
    PyObject *names = PyList_New(0);
    for (size_t i = 0; names != NULL && hs_modules[i].name != NULL; i++) {
        PyObject *name = PyUnicode_FromString(hs_modules[i].name);
        if (name == NULL || PyList_Append(names, name) < 0) Py_CLEAR(names);
        Py_XDECREF(name);
    }
    PyObject *found = names == NULL ? NULL : PyFrozenSet_New(names);
    Py_XDECREF(names);
    return found;
}

static PyMethodDef hs_finder_methods[] = {
    {"find_spec", (PyCFunction)(void (*)(void))hs_find_spec, METH_VARARGS | METH_KEYWORDS,
     "find_spec(fullname, path=None, target=None): the spec of a module of the package's, or None"},
    {NULL, NULL, 0, NULL}};
static PyGetSetDef hs_finder_fields[] = {
    {"bundle", hs_finder_bundle, NULL, "the name of the module that holds the others", NULL},
    {NULL, NULL, NULL, NULL, NULL}};
static PyType_Slot hs_finder_slots[] = {{Py_tp_dealloc, hs_finder_dealloc},
                                        {Py_tp_repr, hs_finder_repr},
                                        {Py_tp_methods, hs_finder_methods},
                                        {Py_tp_getset, hs_finder_fields},
                                        {0, NULL}};
static PyType_Spec hs_finder_type = {"hasten.BundleFinder", sizeof(hs_finder), 0, Py_TPFLAGS_DEFAULT,
                                     hs_finder_slots};

/* An attribute of a module of the interpreter's that is always there. */
static PyObject *hs_attribute_of(const char *module_name, const char *name) {
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *value = module == NULL ? NULL : PyObject_GetAttrString(module, name);
    Py_XDECREF(module);
    return value;
}

/* A new finder, or NULL with an exception.  Its loaders are the interpreter's: that of this module may be an import
   hook's. */
static PyObject *hs_new_finder(PyObject *module) {
    PyObject *type = PyType_FromSpec(&hs_finder_type);
    if (type == NULL) return NULL;
    PyObject *self = ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 0);
    Py_DECREF(type);
    if (self == NULL) return NULL;
    hs_finder *finder = (hs_finder *)self;
    if ((finder->spec_type = hs_attribute_of("_frozen_importlib", "ModuleSpec")) == NULL ||
        (finder->loader_type = hs_attribute_of("_frozen_importlib_external", "ExtensionFileLoader")) == NULL ||
        (finder->source_loader_type = hs_attribute_of("_frozen_importlib_external", "SourceFileLoader")) == NULL ||
        (finder->lock_type = hs_attribute_of("_frozen_importlib", "_ModuleLockManager")) == NULL ||
        (finder->bundle = PyObject_GetAttrString(module, "__name__")) == NULL ||
        (finder->file = PyObject_GetAttrString(module, "__file__")) == NULL ||
        (finder->names = hs_names()) == NULL)
        Py_CLEAR(self);
    return self;
}

/* Where the finder goes: before the finder for sys.path, which would look through folders first.
   -1: there is one already.  -2: an exception. */
static Py_ssize_t hs_place_of(PyObject *finders, PyObject *bundle) {
    Py_ssize_t place = PyList_GET_SIZE(finders);
    for (Py_ssize_t i = PyList_GET_SIZE(finders) - 1; i >= 0; i--) {
        PyObject *other = PyList_GetItem(finders, i);
        if (other == NULL) return -2;
        if (PyType_Check(other) && strcmp(((PyTypeObject *)other)->tp_name, "PathFinder") == 0) place = i;
        PyObject *theirs = strcmp(Py_TYPE(other)->tp_name, hs_finder_type.name) == 0
                               ? PyObject_GetAttrString(other, "bundle")
                               : NULL;
        int same = theirs == NULL ? 0 : PyObject_RichCompareBool(theirs, bundle, Py_EQ);
        Py_XDECREF(theirs);
        if (same < 0 || PyErr_Occurred()) return -2;
        if (same) return -1;
    }
    return place;
}

static int hs_bundle_exec(PyObject *module) {
    PyObject *finders = PySys_GetObject("meta_path");
    PyObject *finder = NULL;
    int status = -1;
    if (finders == NULL || !PyList_Check(finders)) {
        PyErr_SetString(PyExc_ImportError, "sys.meta_path is no list");
        return -1;
    }
    Py_INCREF(finders);
    if ((finder = hs_new_finder(module)) != NULL) {
        Py_ssize_t place = hs_place_of(finders, ((hs_finder *)finder)->bundle);
        status = place >= 0 ? PyList_Insert(finders, place, finder) : place == -1 ? 0 : -1;
        if (status == 0) status = PyObject_SetAttrString(module, "finder", finder);
    }
    Py_XDECREF(finder);
    Py_DECREF(finders);
    return status;
}

/* What importlib sets on a new module, where the module's own code has not. */
static int hs_describe(PyObject *module, PyObject *spec) {
    static const char *const fields[][2] = {
        {"__loader__", "loader"}, {"__package__", "parent"}, {"__file__", "origin"}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        PyObject *value = PyObject_GetAttrString(spec, fields[i][1]);
        int status = value == NULL ? -1 : PyObject_SetAttrString(module, fields[i][0], value);
        Py_XDECREF(value);
        if (status < 0) return -1;
    }
    /* The import system looks for it at each import; it takes longer to find that there is none. */
    if (PyObject_SetAttrString(spec, "_initializing", Py_False) < 0) return -1;
    return PyObject_SetAttrString(module, "__spec__", spec);
}

/* What the interpreter tells audit hooks: of the file, if it is to open one of an extension module. */
static int hs_tell_import(PyObject *name, PyObject *file) {
    PyObject *places[] = {PySys_GetObject("path"), PySys_GetObject("meta_path"), PySys_GetObject("path_hooks")};
    for (int i = 0; i < 3; i++)
        if (places[i] == NULL) places[i] = Py_None;
    return PySys_Audit("import", "OOOOO", name, file, places[0], places[1], places[2]);
}

/* What the loader's create_module() gives. */
static PyObject *hs_create(hs_finder *finder, PyObject *name, PyObject *spec) {
    if (hs_tell_import(name, finder->file) < 0) return NULL;
    for (size_t i = 0; hs_modules[i].name != NULL; i++) {
        if (PyUnicode_CompareWithASCIIString(name, hs_modules[i].name) != 0) continue;
        PyObject *definition = hs_modules[i].init();  /* Cython's modules are initialised in phases: no reference */
        return definition == NULL ? NULL : PyModule_FromDefAndSpec((PyModuleDef *)definition, spec);
    }
    PyErr_Format(PyExc_ImportError, "no module %R in this file", name);
    return NULL;
}

/* What the loader's exec_module() does. */
static int hs_execute(PyObject *module) {
    PyModuleDef *definition = PyModule_GetDef(module);
    if (definition == NULL) return PyErr_Occurred() ? -1 : 0;
    if (PyModule_GetState(module) != NULL) return 0;  /* it has been run */
    return PyModule_ExecDef(module, definition);
}

/* Take a module that could not be loaded out of sys.modules; the exception stays. */
static void hs_forget(PyObject *modules, PyObject *name) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (PyObject_DelItem(modules, name) < 0) PyErr_Clear();
    PyErr_Restore(type, value, traceback);
}

/* Import one of the modules; as in the import system, it is in sys.modules while it runs. */
static int hs_load_one(hs_finder *finder, PyObject *modules, PyObject *package, PyObject *child, PyObject *name) {
    PyObject *module = NULL, *spec = hs_spec_of(finder, name);
    int status = -1;
    if (spec == NULL || (module = hs_create(finder, name, spec)) == NULL || hs_describe(module, spec) < 0 ||
        PyObject_SetItem(modules, name, module) < 0)
        goto end;
    if (hs_execute(module) == 0)
        status = PyObject_SetAttr(package, child, module);
    else
        hs_forget(modules, name);
end:
    Py_XDECREF(module);
    Py_XDECREF(spec);
    return status;
}

/* The loader of a part that is written in Python, and where its text is expected; -1 with an exception. */
static int hs_source_loader(hs_finder *finder, PyObject *package, PyObject *child, PyObject *name, PyObject **loader,
                            PyObject **file) {
    PyObject *folders = PyObject_GetAttrString(package, "__path__");
    PyObject *folder = folders == NULL ? NULL : PySequence_GetItem(folders, 0);
    if (folder != NULL) *file = PyUnicode_FromFormat("%S%c%S.py", folder, HS_SEPARATOR, child);
    if (*file != NULL) *loader = PyObject_CallFunctionObjArgs(finder->source_loader_type, name, *file, NULL);
    Py_XDECREF(folder);
    Py_XDECREF(folders);
    return *loader == NULL ? -1 : 0;
}

/* Run the code of a new module, which is in sys.modules meanwhile, and marked as not being ready. */
static int hs_run_source(PyObject *modules, PyObject *name, PyObject *module, PyObject *spec, PyObject *code) {
    PyObject *names = PyModule_GetDict(module), *result = NULL;
    if (PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) < 0 ||
        PyObject_SetAttrString(spec, "_initializing", Py_True) < 0)
        return -1;
#if PY_VERSION_HEX < 0x030F0000
    PyObject *cached = PyObject_GetAttrString(spec, "cached");
    int status = cached == NULL ? -1 : PyObject_SetAttrString(module, "__cached__", cached);
    Py_XDECREF(cached);
    if (status < 0) return -1;
#endif
    if (PyObject_SetItem(modules, name, module) == 0 && (result = PyEval_EvalCode(code, names, names)) == NULL)
        hs_forget(modules, name);
    Py_XDECREF(result);
    return result == NULL ? -1 : PyObject_SetAttrString(spec, "_initializing", Py_False);
}

/* Import a part that is written in Python.  Without its text there it is left to the import system. */
static int hs_load_source(hs_finder *finder, PyObject *modules, PyObject *package, PyObject *child, PyObject *name) {
    PyObject *loader = NULL, *file = NULL, *code = NULL, *spec = NULL, *module = NULL;
    int status = -1;
    if (hs_source_loader(finder, package, child, name, &loader, &file) < 0) goto end;
    if ((code = PyObject_CallMethod(loader, "get_code", "O", name)) == NULL) {
        if (PyErr_ExceptionMatches(PyExc_OSError)) {
            PyErr_Clear();
            status = 0;
        }
        goto end;
    }
    if (hs_tell_import(name, Py_None) < 0 || (spec = hs_spec_with(finder, name, loader, file)) == NULL ||
        (module = PyModule_NewObject(name)) == NULL || hs_describe(module, spec) < 0)
        goto end;
    if (hs_run_source(modules, name, module, spec, code) == 0) status = PyObject_SetAttr(package, child, module);
end:
    Py_XDECREF(module);
    Py_XDECREF(spec);
    Py_XDECREF(code);
    Py_XDECREF(file);
    Py_XDECREF(loader);
    return status;
}

/* The same under the import system's lock of that name, unless another thread has been faster. */
static int hs_load_source_once(hs_finder *finder, PyObject *modules, PyObject *package, PyObject *child,
                               PyObject *name) {
    PyObject *type, *value, *traceback, *result = NULL;
    PyObject *lock = PyObject_CallFunctionObjArgs(finder->lock_type, name, NULL);
    int status = -1, there;
    if (lock == NULL || (result = PyObject_CallMethod(lock, "__enter__", NULL)) == NULL) goto end;
    Py_DECREF(result);
    if ((there = PySequence_Contains(modules, name)) >= 0)
        status = there ? 0 : hs_load_source(finder, modules, package, child, name);
    PyErr_Fetch(&type, &value, &traceback);
    result = PyObject_CallMethod(lock, "__exit__", "OOO", Py_None, Py_None, Py_None);
    if (result == NULL && status < 0) PyErr_Clear();
    if (result == NULL) status = -1;
    if (type != NULL) PyErr_Restore(type, value, traceback);
end:
    Py_XDECREF(result);
    Py_XDECREF(lock);
    return status;
}

/* The package of that name, imported if need be.  PyImport_GetModule() would wait for its lock, which we hold. */
static PyObject *hs_package(PyObject *modules, PyObject *name) {
    PyObject *package = PyObject_GetItem(modules, name);
    if (package != NULL || !PyErr_ExceptionMatches(PyExc_KeyError)) return package;
    PyErr_Clear();
    return PyImport_Import(name);
}

/* Import the module of that full name, if it is one of the package's and is not there yet. */
static int hs_load_any(hs_finder *finder, PyObject *modules, PyObject *name) {
    Py_ssize_t length = PyUnicode_GetLength(name), dot = PyUnicode_FindChar(name, '.', 0, length, -1);
    PyObject *parent = PyUnicode_Substring(name, 0, dot), *child = PyUnicode_Substring(name, dot + 1, length);
    PyObject *package = NULL;
    int status = -1, there, compiled;
    if (parent == NULL || child == NULL || (there = PySequence_Contains(modules, name)) < 0 ||
        (compiled = PySet_Contains(finder->names, name)) < 0)
        goto end;
    if (there)
        status = 0;
    else if ((package = hs_package(modules, parent)) != NULL)
        status = compiled ? hs_load_one(finder, modules, package, child, name)
                          : hs_load_source_once(finder, modules, package, child, name);
end:
    Py_XDECREF(package);
    Py_XDECREF(child);
    Py_XDECREF(parent);
    return status;
}

/* load(*names): see above.  Modules that are there already are left, and so are names that the package has not. */
static PyObject *hs_bundle_load(PyObject *self, PyObject *names) {
    PyObject *modules = PySys_GetObject("modules");
    PyObject *finder = PyObject_GetAttrString(self, "finder");
    PyObject *parent = PyObject_GetAttrString(self, "__package__");
    int status = finder == NULL || parent == NULL || modules == NULL ? -1 : 0;
    Py_XINCREF(modules);
    for (Py_ssize_t i = 0; status == 0 && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyUnicode_FromFormat("%U.%S", parent, PyTuple_GET_ITEM(names, i));
        status = name == NULL ? -1 : hs_load_any((hs_finder *)finder, modules, name);
        Py_XDECREF(name);
    }
    Py_XDECREF(modules);
    Py_XDECREF(parent);
    Py_XDECREF(finder);
    if (status < 0) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef hs_bundle_methods[] = {
    {"load", hs_bundle_load, METH_VARARGS,
     "load(*names): import modules of the package's, by their names in it"},
    {NULL, NULL, 0, NULL}};
static PyModuleDef_Slot hs_bundle_slots[] = {
    {Py_mod_exec, (void *)hs_bundle_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};
static struct PyModuleDef hs_bundle_def = {PyModuleDef_HEAD_INIT,
                                           "_bundle",
                                           "The file of this module holds all compiled ones of its package.",
                                           0,
                                           hs_bundle_methods,
                                           hs_bundle_slots,
                                           NULL,
                                           NULL,
                                           NULL};

PyMODINIT_FUNC PyInit__bundle(void) { return PyModuleDef_Init(&hs_bundle_def); }

#endif
