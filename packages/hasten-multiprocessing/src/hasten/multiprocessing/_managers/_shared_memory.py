"""SharedMemoryManager: blocks of shared memory that are removed when the manager ends."""

from __future__ import annotations

import os

from hasten import shared_memory
from hasten.multiprocessing import util
from hasten.multiprocessing._managers._manager import BaseManager
from hasten.multiprocessing._managers._protocol import State, _stdlib, published, state_error
from hasten.multiprocessing._managers._server import Server

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any


@published
class _SharedMemoryTracker(_stdlib._SharedMemoryTracker):  # type: ignore[name-defined]
    """The names of the blocks that a server removes."""

    def __init__(self, name, segment_names=None):
        self.shared_memory_context_name = name
        self.segment_names = [] if segment_names is None else segment_names

    def register_segment(self, segment_name):
        """Record a block that is to be removed at the end."""
        util.debug("Register segment %r in pid %d", segment_name, os.getpid())
        self.segment_names.append(segment_name)

    def destroy_segment(self, segment_name):
        """Remove the block now."""
        util.debug("Destroy segment %r in pid %d", segment_name, os.getpid())
        self.segment_names.remove(segment_name)
        segment = shared_memory.SharedMemory(segment_name)
        segment.close()
        segment.unlink()

    def unlink(self):
        """Remove all blocks; missing ones are ignored."""
        for segment_name in self.segment_names[:]:
            try:
                self.destroy_segment(segment_name)
            except FileNotFoundError:
                util.info("segment %r is gone already", segment_name)

    def __del__(self):
        self.unlink()

    def __getstate__(self):
        return self.shared_memory_context_name, self.segment_names

    def __setstate__(self, state):
        self.__init__(*state)  # type: ignore[misc]


@published
class SharedMemoryServer(Server, _stdlib.SharedMemoryServer):
    """A Server that removes blocks of shared memory, when it is asked to and when it shuts down."""

    public = [*Server.public, "track_segment", "release_segment", "list_segments"]

    def __init__(self, *args, **kwargs):
        Server.__init__(self, *args, **kwargs)
        address = os.fsdecode(self.address) if isinstance(self.address, bytes) else self.address
        self.shared_memory_context = _SharedMemoryTracker(f"shm_{address}_{os.getpid()}")

    def create(self, c, typeid, /, *args, **kwargs):
        """Create an object; types whose proxy has `_shared_memory_proxy` get the tracker."""
        if hasattr(self.registry[typeid][-1], "_shared_memory_proxy"):
            kwargs["shared_memory_context"] = self.shared_memory_context
        return Server.create(self, c, typeid, *args, **kwargs)

    def shutdown(self, c):
        """Remove all blocks and end."""
        try:
            self.shared_memory_context.unlink()
        finally:
            Server.shutdown(self, c)

    def track_segment(self, c, segment_name):
        """Record a block that is to be removed at the end."""
        self.shared_memory_context.register_segment(segment_name)

    def release_segment(self, c, segment_name):
        """Remove the block now."""
        self.shared_memory_context.destroy_segment(segment_name)

    def list_segments(self, c):
        """The names of the blocks that are left."""
        return self.shared_memory_context.segment_names


@published
class SharedMemoryManager(BaseManager, _stdlib.SharedMemoryManager):
    """A manager that makes blocks of shared memory, and removes them when it is shut down."""

    _Server: Any = SharedMemoryServer

    def __init__(self, *args, **kwargs):
        BaseManager.__init__(self, *args, **kwargs)
        util.debug("%s created by pid %d", type(self).__name__, os.getpid())

    def __del__(self):
        util.debug("%s.__del__ by pid %d", type(self).__name__, os.getpid())

    def get_server(self):
        """A SharedMemoryServer for this process; its serve_forever() runs it."""
        if self._state.value != State.INITIAL:
            raise state_error(self._state.value, "Already started SharedMemoryServer")
        return self._Server(self._registry, self._address, self._authkey, self._serializer)

    def SharedMemory(self, size):
        """A new block of *size* bytes."""
        block = shared_memory.SharedMemory(None, create=True, size=size)
        self._track(block)
        return block

    def ShareableList(self, sequence):
        """A new ShareableList with the values of *sequence*."""
        made = shared_memory.ShareableList(sequence)
        self._track(made.shm)
        return made

    def _track(self, block):
        try:
            self._peer().call("track_segment", (block.name,))
        except BaseException:
            block.close()
            block.unlink()
            raise
