# cython: freethreading_compatible=True
"""A program's text becomes code as it does under `python app.py`.

The built-in compile() would do, but it also takes syntax trees: to see whether it was given one it makes the
types of all their nodes, which is half of what a start under the launcher cost.
"""

cdef extern from *:
    """
    static PyObject *hs_compile(const char *text, PyObject *filename, int is_str) {
        PyCompilerFlags flags = {PyCF_SOURCE_IS_UTF8 | (is_str ? PyCF_IGNORE_COOKIE : 0), PY_MINOR_VERSION};
        return Py_CompileStringObject(text, filename, Py_file_input, &flags, -1);
    }
    """
    object hs_compile(const char *text, object filename, bint is_str)


def compile_program(source, str filename not None):
    """The code of *source*, str or bytes without a null byte, as compile() with dont_inherit makes it."""
    cdef bytes text = source.encode() if isinstance(source, str) else source
    return hs_compile(text, filename, isinstance(source, str))
