from setuptools import Extension, setup


def extension(name):
    ext = Extension(
        "hasten.sched." + name,
        ["src/hasten/sched/" + name + ".pyx"],
        include_dirs=["include", "src/hasten/sched"],
        extra_compile_args=["-O3"],
    )
    # "src": otherwise Cython ignores the package's own .pxd files without a word
    ext.cython_include_dirs = ["src", "include"]
    ext.cython_directives = {
        "language_level": 3,
        "binding": True,  # methods bind as Python's functions do
        "embedsignature": True,
        "embedsignature.format": "clinic",  # the one inspect.signature() understands
        "auto_pickle": False,
        "annotation_typing": False,
    }
    ext.cython_c_in_temp = True
    return ext


setup(
    ext_modules=[
        extension(name)
        for name in ("_names", "_event", "_numbers", "_pending", "_waiting", "_fallback", "_scheduler")
    ]
)
