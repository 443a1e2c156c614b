"""numpy arrays on shared blocks, and small picklable handles of them for other processes."""

from __future__ import annotations

from operator import index

from hasten.shared_memory._segment import SharedMemory

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any


class ArrayHandle:
    """A handle of an array in a shared block: block, shape and dtype.

    Its pickle is small, whatever the array's size: it contains the block's name, and the receiver attaches at
    the first access to `array`.  For an anonymous block it passes the descriptor.

    Thread-safety: as SharedMemory.
    """

    __slots__ = ("_array", "_block", "_dtype", "_shape", "__weakref__")

    def __init__(self, block: Any, shape: tuple[int, ...], dtype: Any, /) -> None:
        self._block = block  # a SharedMemory, or the name of one
        self._shape = shape
        self._dtype = dtype
        self._array: Any = None

    @property
    def shm(self) -> Any:
        """The SharedMemory with the array's bytes."""
        if isinstance(self._block, str):
            self._block = SharedMemory(self._block)
        return self._block

    @property
    def array(self) -> Any:
        """The numpy array.  It stays valid after close()."""
        if self._array is None:
            import numpy

            view = self.shm.buf
            if view is None:
                raise ValueError("the shared memory is closed")
            # on a view, not on the mapping: numpy keeps a reference to its buffer object, and to no view
            self._array = numpy.ndarray(self._shape, self._dtype, buffer=view)
        return self._array

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self._shape

    @property
    def dtype(self) -> Any:
        """The array's numpy.dtype."""
        import numpy

        return numpy.dtype(self._dtype)

    def close(self) -> None:
        """Close the block in this process; arrays in use stay valid."""
        self._array = None
        if not isinstance(self._block, str):
            self._block.close()

    def unlink(self) -> None:
        """Remove the block's name.  See SharedMemory.unlink()."""
        self.shm.unlink()

    def __reduce__(self) -> tuple[Any, ...]:
        block = self._block
        if not isinstance(block, str):
            block = block.name or block
        return ArrayHandle, (block, self._shape, self._dtype)

    def __repr__(self) -> str:
        block = self._block if isinstance(self._block, str) else self._block.name or "anonymous"
        return f"ArrayHandle({block!r}, shape={self._shape}, dtype={self._dtype!r})"


def shared_array(
    shape: Any, dtype: Any = "float64", *, name: str | None = None, anonymous: bool = False
) -> tuple[Any, ArrayHandle]:
    """A new numpy array of zeros in a shared block, and its handle for other processes.

    shape: a length, or a tuple of them, as for numpy.ndarray.
    dtype: any without Python objects (TypeError).
    name, anonymous: of the block, as for SharedMemory.

    The block exists until handle.unlink().  Needs numpy: pip install hasten-shared-memory[numpy].
    """
    import numpy

    kind = numpy.dtype(dtype)
    if kind.hasobject:
        raise TypeError(f"an array of {kind} holds pointers to objects of this process")
    lengths = tuple(map(index, shape)) if hasattr(shape, "__iter__") else (index(shape),)
    if any(length < 0 for length in lengths):
        raise ValueError(f"lengths must not be negative, got {lengths}")
    size = kind.itemsize
    for length in lengths:
        size *= length
    shm = SharedMemory(name, create=True, size=max(size, 1), anonymous=anonymous)
    try:
        # kind.str pickles faster, but does not describe a dtype with fields
        handle = ArrayHandle(shm, lengths, kind.str if numpy.dtype(kind.str) == kind else kind)
        return handle.array, handle
    except BaseException:
        shm.close()
        shm.unlink()
        raise
