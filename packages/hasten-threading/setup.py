from setuptools import Extension, setup


def extension(name):
    ext = Extension(
        "hasten.threading." + name,
        ["src/hasten/threading/" + name + ".pyx"],
        include_dirs=["include", "src/hasten/threading"],
        extra_compile_args=["-O3"],
    )
    # "src": otherwise Cython ignores the package's own .pxd files without a word
    ext.cython_include_dirs = ["src", "include"]
    ext.cython_directives = {
        "language_level": 3,
        "binding": True,  # methods bind as Python functions do
        "auto_pickle": False,
        "annotation_typing": False,
    }
    ext.cython_c_in_temp = True
    return ext


setup(
    ext_modules=[
        extension(name)
        for name in (
            "_waiting",
            "_locks",
            "_condition",
            "_event",
            "_semaphore",
            "_barrier",
            "_iterators",
            "_fields",
            "_thread",
            "_timer",
            "_tracing",
        )
    ]
)
