"""The memory of the locks: who may use a slot again, and what is left when it goes."""

from __future__ import annotations

import gc
import os
import threading

import pytest
from support.shared_state import Maker, ended, forked

from hasten.multiprocessing import synchronize
from hasten.multiprocessing._arena import _arena

maker = Maker(synchronize)


def handle(lock: synchronize.Lock) -> int:
    return lock._semlock.handle


def test_every_object_has_a_slot_of_its_own() -> None:
    locks = [maker.Lock() for _ in range(3000)]
    handles = {handle(lock) for lock in locks}
    assert len(handles) == 3000 and all(place % 64 == 0 for place in handles)
    for lock in locks:
        lock.acquire()
    assert all(lock.locked() for lock in locks)


def test_a_slot_that_nobody_else_knows_is_used_again() -> None:
    first = handle(maker.Lock())
    assert handle(maker.Lock()) == first
    held = maker.Lock()
    held.acquire()
    del held
    assert not maker.Lock().locked()


def test_a_slot_that_a_child_may_know_is_not_used_again() -> None:
    kept = [maker.Lock()]
    place = handle(kept[0])
    reader, writer = os.pipe()

    def child() -> None:
        kept[0].acquire()
        os.write(writer, b".")
        os.read(reader_of_child, 1)
        assert kept[0].locked()

    reader_of_child, writer_of_child = os.pipe()
    pid = forked(child)
    os.read(reader, 1)
    kept.clear()
    gc.collect()
    assert place not in {handle(lock) for lock in [maker.Lock() for _ in range(100)]}
    os.write(writer_of_child, b".")
    assert ended(pid) == 0
    for fd in (reader, writer, reader_of_child, writer_of_child):
        os.close(fd)


def test_a_child_makes_its_own() -> None:
    """Parent and child never give out the same slot, whatever was free at the fork."""
    spare = [maker.Lock() for _ in range(50)]
    spare.clear()
    before = set(_arena.held())

    def child() -> None:
        lock = maker.Lock()
        assert set(_arena.held()) - before
        with lock:
            pass

    assert ended(forked(child)) == 0


def test_descriptors_go_with_the_arenas() -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    keep = maker.Lock()
    gc.collect()
    before = descriptors()
    for _ in range(3):
        locks = [maker.Lock() for _ in range(40000)]
        assert descriptors() > before
        locks.clear()
        gc.collect()
    assert descriptors() <= before + 1  # the latest, from which the next ones come
    with keep:
        pass


def test_slots_that_were_shared_and_dropped_do_not_pile_up() -> None:
    """Their arenas go as wholes.  A fork of a thousand locks, thirty times."""
    keep = maker.Lock()

    def child() -> None:
        with keep:
            pass

    sizes = []
    for _ in range(30):
        locks = [maker.Lock() for _ in range(1000)]
        assert ended(forked(child)) == 0
        locks.clear()
        sizes.append(len(_arena.held()))
    assert max(sizes) <= 4


def test_threads_make_and_drop() -> None:
    def work() -> None:
        for _ in range(2000):
            lock = maker.Lock()
            assert lock.acquire(False)
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_nothing_has_a_name() -> None:
    before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    things = [maker.Lock(), Maker(synchronize, "spawn").Semaphore(), maker.Condition(), maker.Event()]
    after = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    assert not {name for name in after - before if name.startswith(("sem.mp-", "hasten"))}
    del things


@pytest.mark.parametrize("offset", [0, 64, 1, 1 << 30])
def test_a_slot_that_is_none(offset: int) -> None:
    arena = maker.Lock()._semlock._state()[0].__reduce__()[1][0]
    with pytest.raises((ValueError, OverflowError)):
        _arena.slot_of(arena, offset)


def test_what_is_no_arena() -> None:
    class Duplicate:
        def detach(self) -> int:
            return os.open("/dev/null", os.O_RDONLY)

    with pytest.raises(OSError):
        _arena.receive(Duplicate())
