"""Popen's arguments that need looking up: users, groups, and the encoding of text."""

import os
import sys
import warnings
from types import FrameType

PACKAGE = os.path.dirname(os.path.abspath(__file__))


def group_id(group):
    """The number of a group given by number or name; None for None."""
    if group is None:
        return None
    if isinstance(group, str):
        import grp

        return grp.getgrnam(group).gr_gid
    if not isinstance(group, int):
        raise TypeError(f"Group must be a string or an integer, not {type(group)}")
    return not_negative(group, "Group")


def group_ids(groups):
    """The numbers of several groups; None for None."""
    if groups is None:
        return None
    if isinstance(groups, str):
        raise ValueError(f"Groups must be a list, not a string; got {groups!r}")
    groups = list(groups)
    for group in groups:
        if not isinstance(group, (str, int)):
            raise TypeError(f"Items in extra_groups must be a string or integer, not {type(group)}")
    return [group_id(group) for group in groups]


def user_id(user):
    """The number of a user given by number or name; None for None."""
    if user is None:
        return None
    if isinstance(user, str):
        import pwd

        return pwd.getpwnam(user).pw_uid
    if not isinstance(user, int):
        raise TypeError(f"User must be a string or an integer, not {type(user)}")
    return not_negative(user, "User")


def not_negative(number, kind):
    if number < 0:
        raise ValueError(f"{kind} ID cannot be negative, got {number}")
    return number


def text_encoding():
    """The locale's encoding, the default; with an EncodingWarning under -X warn_default_encoding."""
    if getattr(sys.flags, "warn_default_encoding", False):  # since 3.10
        warnings.warn("'encoding' argument not specified.", EncodingWarning, level_of_caller())  # noqa: F821
    if sys.flags.utf8_mode:
        return "utf-8"
    import locale  # here: up to 3.10 it takes as long as all of subprocess

    if sys.version_info >= (3, 11):
        return locale.getencoding()
    return locale.getpreferredencoding(False)


def level_of_caller():
    """The stacklevel, for a warning of this function's caller, of the first frame outside this package."""
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and os.path.dirname(frame.f_code.co_filename) == PACKAGE:
        frame, level = frame.f_back, level + 1
    return level
