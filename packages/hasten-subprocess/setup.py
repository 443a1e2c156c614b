from setuptools import Extension, setup


def extension(name):
    ext = Extension(
        "hasten.subprocess." + name,
        ["src/hasten/subprocess/" + name + ".pyx"],
        include_dirs=["include", "src/hasten/subprocess"],
        extra_compile_args=["-O3"],
    )
    # "src": otherwise Cython ignores the package's own .pxd files without a word
    ext.cython_include_dirs = ["src", "include"]
    ext.cython_directives = {
        "language_level": 3,
        "binding": True,  # methods bind as those of Python functions do
        "embedsignature": True,
        "embedsignature.format": "clinic",  # the one inspect.signature() understands
        "auto_pickle": False,
        "annotation_typing": False,
    }
    ext.cython_c_in_temp = True
    return ext


MODULES = ("_communicate", "_descriptors", "_pipe_end", "_spawn", "_wait")

setup(ext_modules=[extension(name) for name in MODULES])
