"""Addresses of listeners: families, unused addresses, and paths that are too long for a socket.

The kernel limits socket paths to about 100 bytes.  A longer path is used through a descriptor of its
directory: /proc/self/fd/N/name.
"""

import itertools
import os
import socket
import tempfile
from contextlib import contextmanager
from multiprocessing import process, util

LONGEST_PATH = 107 if os.path.exists("/proc/self/fd") else 103  # bytes, less the null at the end
LONGEST_NAMES = 60  # bytes; an upper bound for "/pymp-.../listener-..."

families = ["AF_INET", "AF_UNIX"]
default_family = "AF_UNIX"

_numbers = itertools.count()
_short_directory = None  # (pid, path) of the directory that is used where the usual path is too long
_childrens_directory = None, ""  # type: tuple[object, str]  # key (what its location depends on), path


def is_abstract(address):
    """Whether an address is a name in Linux's abstract namespace.  TypeError unless str or bytes."""
    if not address:
        return False
    if isinstance(address, bytes):
        return address[:1] == b"\0"
    if isinstance(address, str):
        return address[:1] == "\0"
    raise TypeError(f"address type of {address!r} unrecognized")


def address_type(address):
    """'AF_INET' for a tuple, 'AF_UNIX' for a path or an abstract name, 'AF_PIPE' for a Windows pipe.
    ValueError for anything else."""
    if type(address) is tuple:
        return "AF_INET"
    if type(address) is str and address.startswith("\\\\"):
        return "AF_PIPE"
    if type(address) is str or is_abstract(address):
        return "AF_UNIX"
    raise ValueError(f"address type of {address!r} unrecognized")


def check_family(family):
    """ValueError for a family that this system does not have."""
    if family == "AF_PIPE" or not hasattr(socket, str(family)):
        raise ValueError(f"Family {family} is not recognized.")


def arbitrary_address(family):
    """An unused address: ('localhost', 0), or a path in a directory that is private to the user."""
    if family == "AF_INET":
        return "localhost", 0
    if family != "AF_UNIX":
        raise ValueError("unrecognized family")
    name = f"listener-{next(_numbers)}-{os.urandom(4).hex()}"
    return os.path.join(_temp_dir_for(name), name)


def _temp_dir_for(name):
    """The process's directory, or a short one if a path to *name* there is too long."""
    usual = util.get_temp_dir()
    return usual if len(os.fsencode(os.path.join(usual, name))) <= LONGEST_PATH else _short_temp_dir()


def temp_dir_for_child():
    """A temporary directory to pass to a child, which saves it finding and making one; or None.

    It is this process's own if that exists.  Otherwise one is made once for all children and removed at
    exit, without becoming this process's own and without setting `tempfile.tempdir`.  None if none can be
    made, or paths in it would be too long.
    """
    usual = process.current_process()._config.get("tempdir")
    if usual is not None:
        return usual
    global _childrens_directory
    key = os.getpid(), tempfile.tempdir, *map(os.environ.get, ("TMPDIR", "TEMP", "TMP"))
    known, path = _childrens_directory
    if known != key or not os.path.isdir(path):
        try:
            place = tempfile._get_default_tempdir() if tempfile.tempdir is None else tempfile.gettempdir()
            if len(os.fsencode(place)) > LONGEST_PATH - LONGEST_NAMES:
                return None
            path = tempfile.mkdtemp(prefix="pymp-", dir=place)
        except OSError:
            return None  # the child will fail by itself, with the error
        util.Finalize(None, _remove, args=(path,), exitpriority=-100)
        _childrens_directory = key, path
    return path


def shorten_temp_dir():
    """Set the process's temporary directory to one short enough for the standard library's listeners.
    Needed up to 3.13."""
    process.current_process()._config["tempdir"] = _temp_dir_for("listener-12345678")


def _short_temp_dir():
    """A directory in /tmp: its paths work for any peer, without the detour of reachable()."""
    global _short_directory
    if _short_directory is None or _short_directory[0] != os.getpid():
        path = tempfile.mkdtemp(prefix="pymp-", dir="/tmp")
        util.Finalize(None, _remove, args=(path,), exitpriority=-100)
        _short_directory = os.getpid(), path
    return _short_directory[1]


def _remove(path):
    import shutil

    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def reachable(address, family):
    """Context manager: the address for bind() or connect(), shortened if the path is too long."""
    if family != "AF_UNIX" or is_abstract(address) or len(os.fsencode(address)) <= LONGEST_PATH:
        yield address
        return
    directory, name = os.path.split(os.path.abspath(address))
    descriptor = os.open(directory, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
