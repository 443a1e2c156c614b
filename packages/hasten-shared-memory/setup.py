"""Compiles each .pyx under src.  The same file in every package: its source is tools/template/setup.py."""

from pathlib import Path

from setuptools import Extension, setup


def extension(source):
    ext = Extension(
        ".".join(source.relative_to("src").with_suffix("").parts),
        [str(source)],
        include_dirs=["include", str(source.parent)],
        extra_compile_args=["-O3"],
    )
    # "src": otherwise Cython ignores the package's own .pxd files without a word
    ext.cython_include_dirs = ["src", "include"]
    ext.cython_directives = {
        "language_level": 3,
        "binding": True,  # methods bind as those of Python do, and CPython 3.11+ specialises their calls
        "embedsignature": True,
        "embedsignature.format": "clinic",  # the one inspect.signature() understands
        "auto_pickle": False,
        "annotation_typing": False,
    }
    ext.cython_c_in_temp = True
    return ext


setup(ext_modules=[extension(source) for source in sorted(Path("src").rglob("*.pyx"))])
