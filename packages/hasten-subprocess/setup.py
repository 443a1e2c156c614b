"""Compiles each .pyx under src.  The same file in every package: its source is tools/template/setup.py.

Cython's processes and the compiler's run on all CPUs.  With HASTEN_BUILD_CACHE, a folder, what has been
translated or compiled before is taken from there: the C of a module by the text it comes from, for all
interpreters; the shared object by that C, the headers, the flags and the interpreter.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, setup

try:
    from Cython import __version__ as cython_version
    from Cython.Build import cythonize
except ModuleNotFoundError:  # the metadata are asked for before anything is there to build with
    cython_version = None
from setuptools.command import build_ext as setuptools_build_ext

CACHE = os.environ.get("HASTEN_BUILD_CACHE")
FLAGS = tuple(os.environ.get(name, "") for name in ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS"))
# Debug information, made when CFLAGS ask for it by -g, takes a seventh of the time and most of the space.
DEBUGGABLE = any(word.startswith("-g") and word != "-g0" for word in FLAGS[1].split())
INCLUDE = ("src", "include")  # without "src" Cython ignores the package's own .pxd files without a word
DIRECTIVES = {
    "language_level": 3,
    "binding": True,  # methods bind as those of Python do, and CPython 3.11+ specialises their calls
    "embedsignature": True,
    "embedsignature.format": "clinic",  # the one inspect.signature() understands
    "auto_pickle": False,
    "annotation_typing": False,
}


def cpus():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def extension(source):
    compile_args, link_args = ["-O2"], []
    if sys.platform == "linux":
        # What nobody outside can call need not be found by name, and what nobody calls is left out.
        compile_args += ["-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"]
        link_args += ["-Wl,--gc-sections"]
        if not DEBUGGABLE:
            compile_args += ["-g0"]
            link_args += ["-Wl,-s"]
    return Extension(
        ".".join(source.relative_to("src").with_suffix("").parts),
        [str(source)],
        include_dirs=["include", str(source.parent)],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )


def digest(*parts):
    found = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else repr(part).encode()
        found.update(b"%d " % len(content) + content)
    return found.hexdigest()


def files(*suffixes):
    return sorted(path for folder in INCLUDE for path in Path(folder).rglob("*") if path.suffix in suffixes)


def compiler():
    """What compiles, as far as it tells."""
    command = [*(FLAGS[0] or sysconfig.get_config_var("CC") or "cc").split(), "--version"]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def take(cached, target):
    """Whether the cache has it; then it is put there, and the entry counts as used."""
    if not cached or not cached.exists():
        return False
    os.utime(cached)
    put(cached, target)
    return True


def put(source, target):
    """Copy a file in one step: another process may read the cache, or write the same entry."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, arriving = tempfile.mkstemp(dir=target.parent)
    os.close(handle)
    shutil.copyfile(source, arriving)
    os.chmod(arriving, 0o755)
    os.replace(arriving, target)


class build_ext(setuptools_build_ext.build_ext):
    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or cpus()

    def build_extensions(self):
        translated = Path(self.build_temp, "c")
        declarations = [digest(path) for path in files(".pxd", ".pxi")]
        entries, left = {}, []
        for ext in self.extensions:
            source = Path(ext.sources[0])
            key = digest(cython_version, DIRECTIVES, ext.name, source, declarations)
            entries[ext.name] = cached = CACHE and Path(CACHE, "c", f"{key}.c")
            target = translated / source.with_suffix(".c")
            if take(cached, target):
                ext.sources = [str(target)]
            else:
                left.append(ext)
        done = left and cythonize(
            left,
            build_dir=str(translated),
            include_path=list(INCLUDE),
            compiler_directives=DIRECTIVES,
            nthreads=cpus() if len(left) > 1 else 0,
            force=self.force,
            quiet=True,
        )
        for ext, new in zip(left, done):
            ext.sources = new.sources
            if CACHE:
                put(Path(ext.sources[0]), entries[ext.name])
        super().build_extensions()

    def build_extension(self, ext):
        # Cython's command, which setuptools' is made from, would ask Cython again: the sources are C by now
        interpreter = (sys.version, sys.base_prefix, sysconfig.get_config_vars("EXT_SUFFIX", "CC", "CFLAGS"))
        settings = (FLAGS, ext.extra_compile_args, ext.extra_link_args, ext.name)
        headers = [digest(path) for path in files(".h")]
        key = CACHE and digest(interpreter, compiler(), settings, headers, Path(ext.sources[0]))
        cached, target = CACHE and Path(CACHE, "so", f"{key}.so"), Path(self.get_ext_fullpath(ext.name))
        if take(cached, target):
            return
        super().build_extension(ext)
        if CACHE:
            put(target, cached)


setup(
    ext_modules=[extension(source) for source in sorted(Path("src").rglob("*.pyx"))],
    cmdclass={"build_ext": build_ext},
)
