"""Pipe(shm=True): several processes at one end, some of them killed; lack of memory and of descriptors."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
from functools import partial
from typing import Any

import pytest
from support import ring_pipe_targets as targets
from support.forked import in_child
from support.tasks import Task, until

from hasten.multiprocessing import connection as ours

PATIENCE = 30
LARGE = 200 << 20  # bytes: copied for long enough to be killed in the middle


def forked(target: Any, *args: Any) -> Any:
    process = multiprocessing.get_context("fork").Process(target=target, args=args)
    process.start()
    return process


def end_of(process: Any) -> None:
    process.kill()
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL


def memory_of(connection: Any) -> int:
    """The bytes of memory that the ring of incoming messages has."""
    fd, _ = connection._incoming.descriptors()
    return os.fstat(fd).st_blocks * 512


def test_senders_that_are_killed_cost_the_others_nothing() -> None:
    """Messages of each sender are whole and in order, and those of survivors go on."""
    receiver, sender = ours.Pipe(False, shm=True)
    choice = random.Random(7)
    children: dict[int, Any] = {}
    last: dict[int, int] = {}  # number of the last message, by the name of its sender
    with receiver, sender:
        for name in range(16):
            children[name] = forked(targets.send_named_for_ever, sender, receiver, name)
            if len(children) < 3:
                continue
            victim = choice.choice(list(children))
            follow(receiver, last, children, count=choice.randrange(5, 40))
            end_of(children.pop(victim))
        follow(receiver, last, children, count=100)
        sender.close()
        for child in children.values():
            end_of(child)
        with pytest.raises(EOFError):
            while True:
                targets.named(receiver.recv_bytes())


def follow(receiver: Any, last: dict[int, int], alive: dict[int, Any], count: int) -> None:
    """Receive until so many have come, and one at least of somebody who is alive."""
    heard = False
    while count > 0 or not heard:
        name, number = targets.named(receiver.recv_bytes())
        assert number == last.get(name, -1) + 1
        last[name] = number
        heard |= name in alive
        count -= 1


def test_receivers_that_are_killed_do_not_hold_the_sender() -> None:
    receiver, sender = ours.Pipe(False, shm=True)
    sent = [0]

    def send() -> None:
        while True:
            sender.send_bytes(targets.message_of(0, sent[0]))
            sent[0] += 1

    def more(than: int) -> bool:
        return sent[0] > than

    with sender:
        children = [forked(targets.receive_for_ever, receiver, sender) for _ in range(2)]
        sending = Task(send)
        sending.start()
        for _ in range(10):
            until(partial(more, sent[0] + 20))
            children.append(forked(targets.receive_for_ever, receiver, sender))
            end_of(children.pop(0))
        receiver.close()
        for child in children:
            end_of(child)
        with pytest.raises(BrokenPipeError):
            sending.result()


def test_memory_of_a_message_whose_sender_was_killed_is_given_back() -> None:
    receiver, sender = ours.Pipe(False, shm=True)
    with receiver, sender:
        child = forked(sender.send_bytes, bytes(LARGE))
        until(lambda: memory_of(receiver) >= LARGE or not child.is_alive())
        child.kill()
        child.join(PATIENCE)
        if receiver.poll():  # it had sent it just before
            assert len(receiver.recv_bytes()) == LARGE
        for size in [500_000] * 4:
            sender.send_bytes(bytes(size))
            assert len(receiver.recv_bytes()) == size
        assert memory_of(receiver) < LARGE // 2


def test_readiness_is_told_to_parent_and_child() -> None:
    """What fileno() gave before a fork works on both sides, and the child's close() is its own."""
    receiver, sender = ours.Pipe(False, shm=True)
    with receiver, sender:
        assert receiver.fileno() != sender.fileno()

        def child() -> None:
            sender.close()
            assert ours.wait([receiver], PATIENCE) == [receiver] and receiver.recv() == 1
            assert ours.wait([receiver], 0) == []
            receiver.close()

        sender.send(1)
        in_child(child)
        assert ours.wait([receiver], 0) == []
        sender.send(2)
        assert ours.wait([receiver], PATIENCE) == [receiver] and receiver.recv() == 2
        sender.close()
        assert ours.wait([receiver], PATIENCE) == [receiver]


class Given:
    """A descriptor as DupFd has it, of what is no ring."""

    def detach(self) -> int:
        return os.open(os.devnull, os.O_RDWR)


class Gone:
    """A descriptor that cannot be fetched any more."""

    def detach(self) -> int:
        raise ConnectionRefusedError("its process is gone")


@pytest.mark.parametrize("ring", [(Given(), Given()), (Given(), Gone()), (Gone(), Given())])
def test_an_end_that_cannot_be_rebuilt_leaves_no_descriptor(ring: Any) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError):
        ours.rebuild_ring_connection(Given(), ring, None)
    assert os.listdir("/proc/self/fd") == before


LITTLE_ADDRESS_SPACE = """
import resource, threading
from hasten.multiprocessing.connection import Pipe, RingConnection
with open("/proc/self/statm") as file:  # without a GIL the allocator alone has reserved a gigabyte
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (250 << 20),) * 2)
receiver, sender = Pipe(shm=True)
assert type(receiver) is RingConnection
sizes = [10, 300_000, 6_000_000, 1 << 20]
thread = threading.Thread(target=lambda: [sender.send_bytes(bytes([7]) * size) for size in sizes])
thread.start()
assert all(receiver.recv_bytes() == bytes([7]) * size for size in sizes)
thread.join()
"""


def test_little_address_space() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_ADDRESS_SPACE], capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")
