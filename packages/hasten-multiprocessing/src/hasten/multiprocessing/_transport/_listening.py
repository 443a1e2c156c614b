"""Accepting clients: accept() returns the first client that completes the handshake.

Invariants:

- Handshakes proceed concurrently, without threads: a call of accept() advances all of them as bytes arrive.
  A silent client does not delay others, and is dropped after HANDSHAKE_TIMEOUT.
- A handshake belongs to one call of accept() at a time.  A call that ends, for whatever reason, returns its
  unfinished handshakes to the list and wakes the other calls.
- The only blocking step is one wait for all descriptors.  The listening socket does not block, since
  another process that shares it after a fork may accept the client first; nor do the clients.
- close() wakes all waiting calls by a byte in a pipe that is never read again.  (Closing the pipe's end
  would not wake them if a forked child has it too.)
- Handshakes stay with the parent after a fork; the child closes its descriptors of them.
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
        """Advance without blocking; whether the handshake is complete.

        AuthenticationError if the client's key is wrong; EOFError or OSError if the client is gone.
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
            if self.client.send(data) != len(data):  # a few bytes always fit the socket's buffer
                raise ConnectionAbortedError("a client takes no bytes during the handshake")
        return said

    def _message(self):
        """The next message; None if it has not arrived completely.  Never reads beyond it."""
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
        """Read without blocking; whether *size* bytes of the message have been received."""
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
    """A client without a handshake: it is accepted once it has sent something, or is gone."""

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
    """Accepts the clients of a listening socket.  Thread-safe; usable in forked children too.

    authkey: the key for the handshake, bytes; None for no handshake.
    """

    def __init__(self, listening, authkey):
        self._listening, self._authkey = listening, authkey
        self._begin()

    def _begin(self):
        self._pid = os.getpid()
        self._lock = RLock()  # guards the following; recursive: a signal handler may call close()
        self._handshakes = []  # those that belong to no call
        self._admitted = []  # Admitted clients that have sent nothing yet, in a call or not
        self._calls = 0
        self._wakeup: Any = None  # the ends of a pipe, as connections, while accept() is called
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
        """The socket of a client that has completed the handshake, and its address.

        Blocks; signal handlers run meanwhile.  AuthenticationError for a client with a wrong key; EOFError
        or OSError for one that is gone; socket.timeout after the listening socket's timeout; OSError once the
        listener is closed.
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
        """Let accept() return this connected socket, too, once there is something to read from it.

        OSError, and the socket is closed, if the listener is closed.  Does not block.
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
            pass  # the pipe is full of wake-ups

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
        """Wait; the ready objects.  Closes the handshakes whose time is over.  socket.timeout at
        *deadline*."""
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
            return None  # another process has accepted it, or the client is gone
        if self._authkey is None:
            return client, address
        try:
            handshake = Handshake(client, address, self._authkey)
        except BaseException:
            client.close()
            raise
        mine.append(handshake)
        return self._go_on(mine, handshake)
