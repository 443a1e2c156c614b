"""Accepting clients: who has shown the authkey first is the one that is returned.

What holds:

- Clients shake hands at the same time, without threads: whoever calls accept() goes on with all of them, as
  their bytes come.  A client that says nothing keeps nobody out, and is dropped after HANDSHAKE_TIMEOUT.
- A handshake belongs to one call of accept() at a time.  A call that ends, for whatever reason, leaves the
  unfinished ones to the other calls, which it wakes, or to the next.
- Nothing blocks but the one wait for everything: not the listening socket, since another process that has
  it too after a fork may take the client first, and not the clients.
- close() wakes all who wait, by a byte in a pipe that is never read again. (Closing its end would not do: a
  child of a fork may have that too.)
- After a fork the handshakes are the parent's; the child closes what it has of them.
"""

import os
import time
from _thread import RLock
from multiprocessing import util
from socket import timeout as SocketTimeout  # TimeoutError since 3.10

from hasten.multiprocessing._transport import _auth, _wire
from hasten.multiprocessing._transport._ready import wait

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

HANDSHAKE_TIMEOUT = 20.0  # seconds for a client to show the authkey
MOST_HANDSHAKES = 64  # at a time; more clients wait in the backlog


class Handshake:
    """A client that has yet to show the authkey."""

    def __init__(self, client, address, authkey):
        client.setblocking(False)
        self.client, self.address = client, address
        self.deadline = time.monotonic() + HANDSHAKE_TIMEOUT
        self._conversation = _auth.of_listener(authkey)
        self._received = b""
        self._said = self._say(None)

    def fileno(self):
        return self.client.fileno()

    def close(self):
        self._conversation.close()
        self.client.close()

    def go_on(self):
        """Go on as far as that goes without blocking: whether the client has shown the authkey.

        Raises AuthenticationError if it has shown another, and EOFError or OSError if it is gone.
        """
        while self._said is not None:
            reply = None
            if self._said.reply:
                reply = self._message()
                if reply is None:
                    return False
            self._said = self._say(reply)
        return True

    def _say(self, reply):
        try:
            said = self._conversation.send(reply)
        except StopIteration:
            return None
        if said.message is not None:
            data = len(said.message).to_bytes(4, "big") + said.message
            if self.client.send(data) != len(data):  # there is always room for so little
                raise ConnectionAbortedError("a client takes no bytes during the handshake")
        return said

    def _message(self):
        """The next message; None if it has not arrived.  Not a byte after it is read."""
        if len(self._received) < 4 and not self._read(4):
            return None
        size = int.from_bytes(self._received[:4], "big", signed=True)
        if not 0 <= size <= _auth.LONGEST:
            raise OSError(f"bad message length: {size} bytes during the handshake")
        if not self._read(4 + size):
            return None
        message, self._received = self._received[4:], b""
        return message

    def _read(self, size):
        """Whether so many bytes of the message have been received."""
        while len(self._received) < size:
            try:
                data = self.client.recv(size - len(self._received))
            except BlockingIOError:
                return False
            if not data:
                raise EOFError
            self._received += data
        return True


class Admitted:
    """A client that need not show the authkey: it is accepted once it has said something, or is gone."""

    deadline = float("inf")

    def __init__(self, client):
        self.client, self.address = client, None

    def fileno(self):
        return self.client.fileno()

    def close(self):
        self.client.close()

    def go_on(self):
        return True


class Acceptor:
    """Accepts the clients of a listening socket; for any number of threads, and processes after a fork.

    authkey: bytes that clients have to show, or None.
    """

    def __init__(self, listening, authkey):
        self._listening, self._authkey = listening, authkey
        self._begin()

    def _begin(self):
        self._pid = os.getpid()
        self._lock = RLock()  # guards what follows; a signal handler may close the listener under it
        self._handshakes = []  # those that no call has
        self._admitted = []  # who has said nothing yet, whether a call has them or not
        self._calls = 0
        self._wakeup: Any = None  # two connections: the ends of a pipe, while somebody calls
        self._closed = False

    def _check_process(self):
        if self._pid != os.getpid():
            abandoned, wakeup = [*self._handshakes, *self._admitted], self._wakeup
            self._begin()
            for inherited in [*abandoned, *(wakeup or ())]:
                inherited.close()

    def close(self):
        """End all calls, with OSError."""
        self._check_process()
        with self._lock:
            self._closed = True
            abandoned, self._handshakes = self._handshakes, []
            if self._wakeup is not None:
                self._wake()
        for handshake in abandoned:
            handshake.close()

    def accept(self):
        """The socket of a client, and its address.

        Blocks until there is one that has shown the authkey; signal handlers run meanwhile.  Raises
        AuthenticationError for a client that has shown another key, EOFError or OSError for one that is gone;
        socket.timeout if the listening socket has a timeout and that is over; OSError once it is closed.
        """
        timeout = self._listening.gettimeout()
        deadline = None if timeout is None else time.monotonic() + timeout
        self._check_process()
        mine: list[Handshake | Admitted] = []
        self._enter()
        try:
            os.set_blocking(self._listening.fileno(), False)
            while True:
                self._take_over(mine)
                ready = self._wait(mine, deadline)
                finished = self._shake_hands(mine, ready)
                if finished is None and self._listening in ready:
                    finished = self._accept_one(mine)
                if finished is not None:
                    return finished
        except (OSError, ValueError):
            self._check_open()  # closed meanwhile: that is the reason
            raise
        finally:
            self._leave(mine)

    def admit(self, client):
        """Have accept() return this connected socket, too, once there is something to read.

        It is closed if it cannot be: OSError if the listener is closed.
        """
        self._check_process()
        with self._lock:
            if not self._closed:
                self._admitted.append(Admitted(client))
                self._handshakes.append(self._admitted[-1])
                if self._wakeup is not None:
                    self._wake()
                return
        client.close()
        self._check_open()

    # ---- calls ----

    def _enter(self):
        with self._lock:
            self._check_open()
            if self._wakeup is None:
                reader, writer = os.pipe()
                os.set_blocking(writer, False)
                self._wakeup = _wire.Connection(reader), _wire.Connection(writer)
            self._calls += 1

    def _leave(self, mine):
        with self._lock:
            self._calls -= 1
            if self._closed:
                abandoned = mine
            else:
                abandoned = []
                self._handshakes += mine
            if self._calls == 0:
                for end in self._wakeup:
                    end.close()
                self._wakeup = None
            elif mine and not self._closed:
                self._wake()
        for handshake in abandoned:
            handshake.close()

    def _wake(self):
        try:
            self._wakeup[1].send_bytes(b"")
        except BlockingIOError:
            pass  # there is more than enough in the pipe

    def _take_over(self, mine):
        with self._lock:
            self._check_open()
            if self._wakeup[0].poll():
                self._wakeup[0].recv_bytes()
            mine += self._handshakes
            self._handshakes = []

    def _check_open(self):
        if self._closed:
            raise OSError("listener is closed")

    # ---- clients ----

    def _wait(self, mine, deadline):
        """What is ready; without unfinished handshakes whose time is up."""
        sources = [self._wakeup[0], *mine]
        if len(mine) < MOST_HANDSHAKES:
            sources.append(self._listening)
        ends = [handshake.deadline for handshake in mine]
        if deadline is not None:
            ends.append(deadline)
        end = min(ends, default=Admitted.deadline)
        ready = wait(sources, None if end == Admitted.deadline else end - time.monotonic())
        if ready:
            return ready
        now = time.monotonic()
        for handshake in [late for late in mine if late.deadline <= now]:
            mine.remove(handshake)
            handshake.close()
            util.info("a client of %r has not shown the authkey in time", self._listening)
        if deadline is not None and deadline <= now:
            raise SocketTimeout("timed out")
        return ready

    def _shake_hands(self, mine, ready):
        for handshake in [each for each in mine if each in ready]:
            finished = self._go_on(mine, handshake)
            if finished is not None:
                return finished
        return None

    def _go_on(self, mine, handshake):
        try:
            if not handshake.go_on():
                return None
        except BaseException:
            mine.remove(handshake)
            handshake.close()
            raise
        mine.remove(handshake)
        if handshake in self._admitted:
            self._admitted.remove(handshake)
        return handshake.client, handshake.address

    def _accept_one(self, mine):
        try:
            client, address = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None  # somebody else was faster, or the client is gone
        if self._authkey is None:
            return client, address
        try:
            handshake = Handshake(client, address, self._authkey)
        except BaseException:
            client.close()
            raise
        mine.append(handshake)
        return self._go_on(mine, handshake)
