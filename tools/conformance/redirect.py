"""Makes names of the standard library mean hasten's modules, from interpreter start-up on.

Copied into the site-packages of a throw-away environment and imported there by a .pth line, so that
it is in place before any test code, and in every child process too: `-c`, `-I`, `-E`, an empty
environment, fork, spawn, forkserver. Runs under the tested interpreter, so it imports next to nothing
and keeps to Python 3.8.

How a redirect works
--------------------
`import queue` must yield the very module object `hasten.queue`, and yield it again after
`import_fresh_module` has taken `queue` out of sys.modules. So the finder answers for `queue` with a
loader that "creates" the existing module.

While `hasten.queue` itself loads, it needs the standard library's `queue` under that name, to derive
its classes from. So its loader is bracketed: inside, the name means the original; afterwards the
original is taken out of sys.modules and only hasten keeps a reference to it.

`_thread` is there before anything else, and importlib holds it. Taking it out of sys.modules is
enough: the next `import _thread` comes to the finder. `threading` rides on `_thread`: if hasten
imports it while it loads, that copy stands on the original `_thread` and is put aside with it.

A module that has been loaded says that it is the standard library's, as it does in a program that runs under
`python -m hasten`: by the same function, `hasten.patch._instancecheck.assume`, if that is installed too.
What its parts said before is kept in `Redirect.said`, for the child to see whose they are.
"""

import site
import sys
from _thread import get_ident
from importlib import import_module

from _conformance_names import NAMES, SITES

ModuleSpec = type(sys.__spec__)
RIDES_ON = {"threading": "_thread"}


def target_of(name):
    """The hasten module that stands for the module `name`, or None."""
    head, tail = name, ""
    while head:
        if head in NAMES:
            return NAMES[head] + tail
        head, dot, last = head.rpartition(".")
        tail = dot + last + tail
    return None


def stands_for(name):
    """The standard library's module that `name` of hasten, or the package it is in, replaces, or None."""
    for original, target in NAMES.items():
        if name == target or name.startswith(target + "."):
            return original
    return None


def belongs_to(name, original):
    """Whether the module `name` comes and goes together with `original`."""
    if name == original or name.startswith(original + "."):
        return True
    return RIDES_ON.get(name) == original and name not in NAMES


class AliasLoader:
    """Loads a standard library name by handing out the hasten module."""

    def __init__(self, target):
        self.target = target

    def create_module(self, spec):
        __import__(self.target)
        module = sys.modules[self.target]
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self.own_spec  # importlib has just put the alias there


class BracketLoader:
    """Loads a hasten module with its standard library name meaning the original."""

    def __init__(self, loader, name, original, finder):
        self.loader, self.name, self.original, self.finder = loader, name, original, finder

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        if self.finder.means_original(self.original):  # a part of a package that is being loaded
            self.load(module)
            return
        hidden = self.finder.show_original(self.original)
        try:
            self.load(module)
        finally:
            self.finder.hide_original(self.original, hidden)
        self.finder.identify(self.original)

    def load(self, module):
        self.loader.exec_module(module)
        name = self.original + self.name[len(NAMES[self.original]) :]
        try:
            import_module(name)
        except ImportError:
            pass  # a part that only hasten's package has, or a module that this Python no longer has
        self.finder.loaded[name] = module


class Redirect:
    """The meta-path finder."""

    def __init__(self, identity=None):
        self.identity = identity  # hasten.patch._instancecheck, where it is installed
        self.originals = {}
        self.loaded = {}  # full name -> the hasten module for it, which has not taken its identity yet
        self.said = {}  # full name -> attribute of the hasten module -> the module it was defined in
        self.loading = []  # (thread, name): names that mean the original for that thread just now

    def find_spec(self, name, path=None, target=None):
        if target_of(name) is not None:
            if self.means_original(name):
                return self.original_spec(name, path)
            if name not in NAMES and not self.exists(target_of(name)):
                return None
            return ModuleSpec(name, AliasLoader(target_of(name)))  # type: ignore[arg-type]
        original = stands_for(name)
        if original is None:
            return None
        spec = self.next_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = BracketLoader(spec.loader, name, original, self)
        return spec

    def means_original(self, name):
        me = get_ident()
        return any(thread == me and belongs_to(name, shown) for thread, shown in list(self.loading))

    def exists(self, target):
        """Is there such a part of a hasten package?  `from queue import x`, failing, asks for queue.x."""
        if target in sys.modules:
            return True
        parent = import_module(target.rpartition(".")[0])
        return hasattr(parent, "__path__") and self.next_spec(target, parent.__path__) is not None

    def identify(self, owner):
        """Let the modules of `owner` that have been loaded say that they are the standard library's."""
        loaded = {name: module for name, module in self.loaded.items() if belongs_to(name, owner)}
        for name, module in loaded.items():
            contents = list(vars(module).items())
            self.said[name] = {key: getattr(value, "__module__", None) for key, value in contents}
        for name, module in loaded.items():
            del self.loaded[name]
            original = self.originals.get(name)
            if self.identity is not None and original is not None and original is not module:
                spec = getattr(original, "__spec__", None)
                self.identity.assume(owner, NAMES[owner], module, original, spec)

    def next_spec(self, name, path):
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path)
            if spec is not None:
                return spec
        return None

    def original_spec(self, name, path):
        parent = name.rpartition(".")[0]
        if parent and target_of(parent) is not None:  # the parent in sys.modules may be hasten's
            path = self.original_spec(parent, None).submodule_search_locations
        elif parent:
            path = import_module(parent).__path__
        return self.next_spec(name, path)

    def show_original(self, original):
        """Let the name mean the original; the modules that are hidden meanwhile are returned."""
        hidden = self.take_out(original)
        sys.modules.update((n, m) for n, m in self.originals.items() if belongs_to(n, original))
        self.loading.append((get_ident(), original))
        return hidden

    def hide_original(self, original, hidden):
        self.loading.remove((get_ident(), original))
        self.originals.update(self.take_out(original))
        sys.modules.update(hidden)

    def take_out(self, original):
        names = [name for name in list(sys.modules) if belongs_to(name, original)]
        return {name: sys.modules.pop(name) for name in names}

    def install(self):
        for name in NAMES:
            self.originals.update(self.take_out(name))
        # A `threading` that start-up had imported stands on the original _thread: forget it.
        for rider in RIDES_ON:
            self.originals.pop(rider, None)
        sys.meta_path.insert(0, self)


def installed():
    """The redirect of this process, or None."""
    return next((finder for finder in sys.meta_path if isinstance(finder, Redirect)), None)


def start():
    """Called by the .pth line, which `site` may read twice in an environment."""
    if installed() is not None:
        return
    for folder in SITES:
        site.addsitedir(folder)
    if not NAMES:
        return
    try:
        from hasten.patch import _instancecheck as identity
    except ImportError:  # copies of the standard library, or a single wheel of ours
        Redirect(None).install()
    else:
        Redirect(identity).install()
    # Left to whoever needs it first, hasten._thread would load in the middle of `collections` or
    # `functools`. In a second interpreter it may refuse to load: then `import _thread` says so there.
    if "_thread" in NAMES:
        try:
            __import__("_thread")
        except ImportError:
            return
