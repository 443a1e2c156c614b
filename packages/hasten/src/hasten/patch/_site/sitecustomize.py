# Run at the start of every Python below `python -m hasten --inherit`, of any version, with or without
# hasten: no syntax newer than Python 2, no output, no exception.
import os
import sys


def hasten_join(folder):
    # The program's sys.path is the one it would have without us.
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    try:
        from hasten.patch import _children
    except Exception:
        return
    _children.join(os.environ.get(_children.VARIABLE, ""))


def hasten_chain():
    # The user's own sitecustomize, which our place at the head of PYTHONPATH hides.
    mine = sys.modules.pop(__name__)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", __name__) != __name__:
            raise  # the user has one, and it fails
        sys.modules[__name__] = mine


hasten_join(os.path.dirname(os.path.abspath(__file__)))
hasten_chain()
