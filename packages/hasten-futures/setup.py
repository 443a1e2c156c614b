"""Compiles each .pyx under src.  The same file in every package: its source is tools/template/setup.py.

Where a folder has several, they come into one shared object (include/bundle.h), for the time that opening
each of them would take at every start.

Cython's processes and the compiler's run on all CPUs.  With HASTEN_BUILD_CACHE, a folder, what has been
translated or compiled before is taken from there: the C of a module by the text it comes from, for all
interpreters; the object by that C, the headers, the flags, the compiler and the interpreter.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
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


def module_of(source):
    return ".".join(Path(source).relative_to("src").with_suffix("").parts)


def extension(folder, sources):
    """The shared object of a folder's modules."""
    compile_args, link_args = ["-O2"], []
    if sys.platform == "linux":
        # What nobody outside can call need not be found by name, and what nobody calls is left out.
        compile_args += ["-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"]
        link_args += ["-Wl,--gc-sections"]
        if not DEBUGGABLE:
            compile_args += ["-g0"]
            link_args += ["-Wl,-s"]
    return Extension(
        module_of(folder / "_bundle.pyx") if len(sources) > 1 else module_of(sources[0]),
        [str(source) for source in sources],
        include_dirs=["include", str(folder)],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )


def extensions():
    sources = sorted(Path("src").rglob("*.pyx"), key=lambda path: (path.parent, path))
    return [extension(folder, list(group)) for folder, group in groupby(sources, lambda path: path.parent)]


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
    def build_extensions(self):
        for ext in self.extensions:
            ext.modules = [module_of(source) for source in ext.sources]
        self.translate()
        with ThreadPoolExecutor(cpus()) as pool:
            jobs = [[pool.submit(self.compile, ext, Path(c)) for c in ext.sources] for ext in self.extensions]
            for ext, objects in zip(self.extensions, jobs):
                self.link(ext, [job.result() for job in objects])

    def translate(self):
        """Have C of each module; the extensions' sources are C from now on."""
        translated = Path(self.build_temp, "c")
        declarations = [digest(path) for path in files(".pxd", ".pxi")]
        entries, left = {}, []
        for source in [Path(source) for ext in self.extensions for source in ext.sources]:
            key = digest(cython_version, DIRECTIVES, module_of(source), source, declarations)
            entries[source] = cached = CACHE and Path(CACHE, "c", f"{key}.c")
            if not take(cached, translated / source.with_suffix(".c")):
                left.append(source)
        if left:
            cythonize(
                [Extension(module_of(source), [str(source)]) for source in left],
                build_dir=str(translated),
                include_path=list(INCLUDE),
                compiler_directives=DIRECTIVES,
                nthreads=cpus() if len(left) > 1 else 0,
                force=self.force,
                quiet=True,
            )
        for copy in translated.rglob("*.h"):  # of our headers: later builds would take these
            copy.unlink()
        for source in left if CACHE else []:
            put(translated / source.with_suffix(".c"), entries[source])
        for ext in self.extensions:
            ext.sources = [str(translated / Path(source).with_suffix(".c")) for source in ext.sources]
            if len(ext.modules) > 1:
                modules = [(name, name.rpartition(".")[2]) for name in ext.modules]
                listed = " ".join(f'HS_MODULE("{name}", PyInit_{last})' for name, last in modules)
                bundle = translated / f"{ext.name}.c"
                bundle.write_text(f'#define HS_MODULES {listed}\n#include "bundle.h"\n')
                ext.sources.append(str(bundle))

    def compile(self, ext, c):
        """The object file of a C file."""
        interpreter = (sys.version, sys.base_prefix, sysconfig.get_config_vars("EXT_SUFFIX", "CC", "CFLAGS"))
        settings = (FLAGS, ext.extra_compile_args, compiler())
        bundle = c.name.endswith("._bundle.c")  # of all headers it includes that one, and no other does
        headers = [digest(path) for path in files(".h") if bundle == (path.name == "bundle.h")]
        key = CACHE and digest(interpreter, settings, headers, c)
        cached, target = CACHE and Path(CACHE, "o", f"{key}.o"), c.with_suffix(".o")
        if not take(cached, target):
            flags, folders = ext.extra_compile_args, ext.include_dirs
            (made,) = self.compiler.compile(
                [str(c)], self.build_temp, include_dirs=folders, extra_postargs=flags
            )
            target = Path(made)
            if CACHE:
                put(target, cached)
        return str(target)

    def link(self, ext, objects):
        target = self.get_ext_fullpath(ext.name)
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        self.compiler.link_shared_object(
            objects,
            target,
            libraries=self.get_libraries(ext),
            extra_postargs=ext.extra_link_args,
            export_symbols=self.get_export_symbols(ext),
            build_temp=self.build_temp,
        )


if __name__ == "__main__":  # Cython's processes import this file where they are not forks (3.14+)
    setup(ext_modules=extensions(), cmdclass={"build_ext": build_ext})
