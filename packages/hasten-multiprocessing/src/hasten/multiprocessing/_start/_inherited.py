"""Descriptors that a child has from its start on.  Light: what a child is given imports this."""


class Inherited:
    """A descriptor that the child has under the same number as its parent."""

    __slots__ = ("fd",)

    def __init__(self, fd):
        self.fd = fd

    def detach(self):
        """The descriptor; it is the caller's to close."""
        return self.fd


class Sent:
    """A descriptor that was sent to the fork server with the request for the child, as one in a row."""

    __slots__ = ("ind",)

    def __init__(self, ind):
        self.ind = ind

    def detach(self):
        """The descriptor; it is the caller's to close."""
        from hasten.multiprocessing.forkserver import get_inherited_fds

        return get_inherited_fds()[self.ind]  # type: ignore[index]  # None only where there is no server
