"""Descriptors that a child has from its start on.  Light: what a child is given imports this."""


class Inherited:
    """A descriptor that the child has under the same number as its parent."""

    __slots__ = ("fd",)

    def __init__(self, fd):
        self.fd = fd

    def detach(self):
        """The descriptor; it is the caller's to close."""
        return self.fd
