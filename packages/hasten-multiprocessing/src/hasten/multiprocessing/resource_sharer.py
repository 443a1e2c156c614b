"""The standard library's `multiprocessing.resource_sharer`: descriptors that are fetched on demand.

The process that pickles a descriptor keeps a duplicate and sends an address and a number.  The process that
unpickles it connects to that address, authenticates, and receives the descriptor for the number, once.  A
thread serves the requests; it starts with the first descriptor.
"""

import copyreg
import os
import signal
import socket
import struct
import sys
import threading
import time
from multiprocessing import AuthenticationError, process, util
from multiprocessing import resource_sharer as _stdlib

from hasten.multiprocessing import reduction
from hasten.multiprocessing.connection import Client, Listener

__all__ = ["DupFd", "stop"]

REQUEST_TIMEOUT = 5  # seconds for a client to send its request, and to acknowledge the descriptor


class DupFd(_stdlib.DupFd):
    """DupFd(fd): a duplicate of a descriptor, for the process that unpickles this object."""

    def __init__(self, fd):
        duplicate = os.dup(fd)

        def send(conn, pid):
            reduction.send_handle(conn, duplicate, pid)

        def close():
            os.close(duplicate)

        try:
            self._id = _resource_sharer.register(send, close)
        except BaseException:
            close()
            raise

    def detach(self):
        """The descriptor, an int.  Call it once; blocks until the process that shares it answers.

        OSError or EOFError if that process is gone or the descriptor was fetched before; AuthenticationError
        if the authkeys differ.
        """
        with _resource_sharer.get_connection(self._id) as conn:
            return reduction.recv_handle(conn)

    def __reduce__(self):
        ours = reduction.for_child_of_ours()
        cls = DupFd if ours else reduction.named_as_in_stdlib("resource_sharer", "DupFd")
        return copyreg._reconstructor, (cls, object, None), {"_id": self._id}


class _ResourceSharer(_stdlib._ResourceSharer):
    """The descriptors that this process shares, and the thread that serves them."""

    def __init__(self):
        self._forget()
        util.register_after_fork(self, _ResourceSharer._afterfork)

    def _forget(self):
        self._pid = os.getpid()
        self._lock = threading.RLock()  # a signal handler may pickle a connection too
        self._key = 0
        self._cache = {}  # number -> (send, close)
        self._listener = self._address = self._thread = None

    def register(self, send, close):
        """Share a resource: send(connection, pid) sends it, close() frees it.  Returns its identifier."""
        self._check_process()
        with self._lock:
            if self._thread is None:
                self._start()
            number = self._key = self._key + 1
            self._cache[number] = send, close
            return self._address, number

    @staticmethod
    def get_connection(ident):
        """A connection over which the resource *ident* will be sent."""
        address, key = ident
        conn = Client(address, authkey=process.current_process().authkey)
        try:
            conn.send((key, os.getpid()))
        except BaseException:
            conn.close()
            raise
        return conn

    def stop(self, timeout=None):
        """End the thread, and close the resources that were not fetched.

        timeout: seconds to wait for the thread; None for no limit.
        """
        _stdlib.stop(timeout)
        self._check_process()
        with self._lock:
            listener, thread, cache = self._listener, self._thread, self._cache
            self._cache = {}
            self._listener = self._address = self._thread = None
        if listener is not None:
            listener.close()
            thread.join(timeout)
            if thread.is_alive():
                util.sub_warning("_ResourceSharer thread did not stop when asked")
        self._close_all(cache)

    @staticmethod
    def _close_all(cache):
        for _, close in cache.values():
            close()

    def _check_process(self):
        if self._pid != os.getpid():
            self._afterfork()

    def _afterfork(self):
        if self._pid == os.getpid():
            return
        cache, listener = self._cache, self._listener
        self._forget()
        self._close_all(cache)
        if listener is not None:
            listener.close()

    def _start(self):
        util.debug("starting listener and thread for sending handles")
        listener = Listener(authkey=process.current_process().authkey, backlog=128)
        try:
            thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
            thread.start()
        except BaseException:
            listener.close()
            raise
        self._listener, self._address, self._thread = listener, listener.address, thread

    def _serve(self, listener):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while listener._listener is not None:
            try:
                with listener.accept() as conn:
                    self._answer(conn)
            except (AuthenticationError, EOFError, ConnectionError) as error:
                util.info("a client of the resource sharer is gone: %r", error)
            except BaseException:
                if listener._listener is None:
                    return
                if not util.is_exiting():
                    sys.excepthook(*sys.exc_info())
                time.sleep(0.05)  # out of descriptors, for instance: do not retry at once

    def _answer(self, conn):
        with socket.fromfd(conn.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", REQUEST_TIMEOUT, 0))
        if not conn.poll(REQUEST_TIMEOUT):
            return
        message = conn.recv()
        if message is None:  # sent by the standard library's stop()
            return
        key, pid = message
        send, close = self._cache.pop(key)
        try:
            send(conn, pid)
        finally:
            close()


_resource_sharer = _ResourceSharer()
stop = _resource_sharer.stop
