"""What a spawned child runs first.  The parent sends the code of this file; the child imports nothing for it.

It takes the blob (_blob.py) apart, runs the main module as `__mp_main__`, calls what is to be called, and
exits.  `multiprocessing` itself is not loaded for that.  When the program imports it, be it late, it finds
that the current process, the parent, the start method and the rest are what they are in a child: that is set
at the end of the import.
"""

import sys

TYPE_CHECKING = False  # as typing has it: nothing is imported
if TYPE_CHECKING:
    from typing import Any

Module = type(sys)


class Child:
    """This process: what the blob says, and how far it is."""

    def __init__(self, data):
        self.data = data
        self.process: Any = None  # the process object, once it runs
        self.call: Any = None  # (target, args, kwargs)
        self.stdlib: Any = None  # multiprocessing.context, once it is loaded
        self.originals = ()

    def adopt(self, context):
        """multiprocessing.context has just been loaded: let it know what this process is."""
        data, process = self.data, context.process
        self.stdlib = context
        self.originals = methods_of(process.BaseProcess)
        process.ORIGINAL_DIR = data["orig_dir"]
        if data["start_method"] is not None:
            context._default_context._actual_context = context._concrete_contexts.get(data["start_method"])
        if self.call is None:  # the main module is imported, or the call unpickled
            main = process._current_process
            main._inheriting = True
            main.name = data["name"]
            main.authkey = data["authkey"]
        else:
            self.become()

    def become(self):
        """Let multiprocessing.process have this process's object, and its parent's."""
        data, context = self.data, self.stdlib
        process, fields = context.process, dict(data["fields"])
        fields["_config"]["authkey"] = process.AuthenticationString(fields["_config"]["authkey"])
        vars(process._current_process).pop("_inheriting", None)
        ours = sys.modules.get("hasten.multiprocessing.context")
        kind = getattr(ours or context, data["kind"], None) or getattr(context, data["kind"])
        this = kind.__new__(kind)
        vars(this).update(fields, _popen=None, _closed=False)
        this._target, this._args, this._kwargs = self.call
        sentinel = parent_sentinel(this._parent_pid)
        parent = process._ParentProcess(this._parent_name, this._parent_pid, sentinel)
        process._process_counter = type(process._process_counter)(1)
        process._children = set()
        process._current_process = self.process = this
        process._parent_process = parent
        if this._start_method is not None:
            context._force_start_method(this._start_method)

    def track(self, tracker):
        """multiprocessing.resource_tracker has just been loaded: the parent's tracker is ours."""
        tracker._resource_tracker._fd = self.data["tracker_fd"]

    def is_patched(self):
        """Whether a program has put its own methods into the class of processes."""
        ours = sys.modules.get("hasten.multiprocessing.process")
        if ours is not None and methods_of(ours.BaseProcess) != ours._ORIGINALS:
            return True
        return self.process is not None and methods_of(self.stdlib.process.BaseProcess) != self.originals

    def run(self):
        """Call what is to be called, and return the exit code."""
        code = 1
        try:
            target, args, kwargs = self.call
            close_stdin()
            if target is not None:
                target(*args, **kwargs)
            code = 0
        except SystemExit as error:
            code = exit_code(error)
        except BaseException:
            import traceback

            sys.stderr.write("Process " + (self.process or self).name + ":\n")
            traceback.print_exc()
        return code

    @property
    def name(self):
        return self.data["name"]


def methods_of(kind):
    return kind._bootstrap, kind.run


def exit_code(error):
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    sys.stderr.write(str(error.code) + "\n")
    return 1


def parent_sentinel(pid):
    """A descriptor that tells the parent's end; the number may be another process's already."""
    import posix

    fd = None
    try:
        fd = posix.pidfd_open(pid)
    except ProcessLookupError:
        pass
    if fd is None or posix.getppid() != pid:
        if fd is not None:
            posix.close(fd)
        fd, writer = posix.pipe()
        posix.close(writer)
    return fd


def close_stdin():
    """A child reads nothing from the terminal: sys.stdin is at its end."""
    import posix

    if sys.stdin is None:
        return
    try:
        sys.stdin.close()
    except (OSError, ValueError):
        pass
    try:
        fd = posix.open("/dev/null", posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            sys.stdin = open(fd, encoding="utf-8", closefd=False)
        except BaseException:
            posix.close(fd)
            raise
    except (OSError, ValueError):
        pass


class Finder:
    """Calls functions with modules that have just been loaded; stands before the interpreter's finders."""

    def __init__(self, functions):
        self.functions = functions
        names = [getattr(finder, "__name__", "") for finder in sys.meta_path]
        sys.meta_path.insert(names.index("BuiltinImporter") if "BuiltinImporter" in names else 0, self)

    def find_spec(self, name, path=None, target=None):
        if name not in self.functions:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                function = self.functions.pop(name)
                if not self.functions:
                    sys.meta_path.remove(self)
                if spec.loader is not None:
                    spec.loader = Loader(spec.loader, function)  # type: ignore[assignment]
                return spec
        return None


class Loader:
    """Stands before a loader until the module has been loaded."""

    def __init__(self, loader, function):
        self.loader, self.function = loader, function

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.function(module)


def prepare(child):
    """Set this interpreter up as its parent is, and load the main module."""
    data = child.data
    sys.path[:] = data["sys_path"]
    sys.argv[:] = data["sys_argv"]
    if data["dir"] is not None:
        import posix

        posix.chdir(data["dir"])
    after_import(child)
    if data["main"] is not None:
        load_main(*data["main"])


def after_import(child):
    functions = {"multiprocessing.context": child.adopt}
    if child.data["tracker_fd"] is not None:
        functions["multiprocessing.resource_tracker"] = child.track
    if child.data["replaced"]:
        try:
            from hasten.patch import _children
        except ImportError:  # another interpreter's path: it runs with its standard library
            pass
        else:
            _children.join(child.data["replaced"])
            for name, function in functions.items():
                _children.after_import(name, function)
            return
    Finder(functions)


def load_main(how, name, code):
    """Run the main module under the name `__mp_main__`; `__main__` is the same from now on."""
    main = Module("__mp_main__")
    before = sys.modules["__main__"]
    sys.modules["__main__"] = sys.modules["__mp_main__"] = main
    if code is not None:
        vars(main).update(__file__=name, __builtins__=__builtins__, __package__="")
        if sys.version_info < (3, 15):
            main.__cached__ = None
        exec(code, vars(main))
        return
    sys.modules["__main__"] = before
    import runpy

    if how == "name":
        contents = runpy.run_module(name, run_name="__mp_main__", alter_sys=True)
    else:
        contents = runpy.run_path(name, run_name="__mp_main__")
    vars(main).update(contents)
    sys.modules["__main__"] = sys.modules["__mp_main__"] = main


def call_of(call):
    """(target, args, kwargs), from how the parent has packed it."""
    if isinstance(call, bytes):
        import _pickle

        return _pickle.loads(call)
    module, name, args, kwargs = call
    __import__(module)
    target = sys.modules[module]
    for part in name.split("."):
        target = getattr(target, part)
    return target, args, kwargs


def bootstrap(process):
    """Run a process object by its own method, and return the exit code."""
    import posix

    from hasten.multiprocessing._start._forked import _child

    _child.by_atexit = posix.getpid()  # the interpreter's exit does it, finalizers last, as after Child.run()
    return process._bootstrap(parent_sentinel(process._parent_pid))


def main(fd, start):
    """Be the child whose blob lies in the file *fd*, from byte *start* on; exits."""
    import marshal
    import posix

    size, pieces = posix.fstat(fd).st_size, []
    while start < size:
        pieces.append(posix.pread(fd, min(size - start, 1 << 30), start))
        start += len(pieces[-1])
    posix.close(fd)
    data = marshal.loads(b"".join(pieces))
    del pieces
    child = Child(data)
    prepare(child)
    if "pickled" in data:
        import _pickle

        process = _pickle.loads(data.pop("pickled"))
        vars(child.stdlib.process._current_process).pop("_inheriting", None)
        sys.exit(bootstrap(process))
    child.call = call_of(data.pop("call"))
    if child.stdlib is not None:
        child.become()
    if child.is_patched():
        sys.exit(bootstrap(child.process))
    sys.exit(child.run())
