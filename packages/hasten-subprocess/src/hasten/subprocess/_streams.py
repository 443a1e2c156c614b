"""stdin, stdout and stderr of a Popen, and communicate().

A pipe's file object is made at first access: communicate() works on the descriptors, and most programs use
nothing else.  Until then the stream is a PipeEnd in _ends; afterwards it is an ordinary attribute of the
instance, which may be replaced.
"""

import errno
import io
import subprocess as _stdlib
import sys

from hasten.subprocess import _by_selector
from hasten.subprocess._communicate import Exchange, decode
from hasten.subprocess._pipe_end import PipeEnd
from hasten.subprocess._waiting_calls import deadline_after

TimeoutExpired = _stdlib.TimeoutExpired
NAMES = ("stdin", "stdout", "stderr")
_public = sys.modules[__package__]


class Stream:
    """The class attribute of a stream; makes the file object, an instance attribute that then hides it."""

    def __init__(self, name):
        self.name = name

    def __get__(self, popen, owner=None):
        end = None if popen is None else popen._ends.get(self.name)
        if end is None:
            who = owner.__name__ if popen is None else type(popen).__name__
            raise AttributeError(f"{who!r} object has no attribute {self.name!r}")
        return end.open_in(vars(popen), self.name)


class Collected:
    """The attribute _fileobj2output: what communicate() has read so far, by file object."""

    def __get__(self, popen, owner=None):
        exchange = None if popen is None else popen._exchange
        if exchange is None:
            who = owner.__name__ if popen is None else type(popen).__name__
            raise AttributeError(f"{who!r} object has no attribute '_fileobj2output'")
        outputs = ((popen.stdout, exchange.stdout), (popen.stderr, exchange.stderr))
        return {stream: [data] if data else [] for stream, data in outputs if stream}


class Streams:
    """The part of Popen that exchanges data with the child."""

    stdin, stdout, stderr = map(Stream, NAMES)
    _fileobj2output = Collected()
    _ends: dict[str, PipeEnd] = {}
    _communication_started: bool
    _input: object  # bytes, once communicate() has been called with some
    _exchange: "Exchange | None" = None

    def _make_streams(self, ends, bufsize):
        """Take over the parent's ends as self.stdin, stdout and stderr."""
        _, stdin, stdout, _, stderr, _ = ends
        if stdin == stdout == stderr == -1:
            self.stdin = self.stdout = self.stderr = None
            return
        self._ends = pending = {}
        lines = False
        if self.text_mode and bufsize == 1:
            lines, bufsize = True, -1
        for name, fd in zip(NAMES, (stdin, stdout, stderr)):
            if fd == -1:
                vars(self)[name] = None
                continue
            mode = "wb" if name == "stdin" else "rb"
            pending[name] = PipeEnd(fd, mode, bufsize, self.encoding, self.errors, lines, self._descriptors)
        if pending and not is_safe_to_postpone(bufsize, self.encoding, self.errors):
            for name in pending:
                getattr(self, name)  # raises errors of the arguments before the child starts

    def _stream(self, name):
        """A file object, a PipeEnd, or None."""
        attributes = self.__dict__
        return attributes[name] if name in attributes else self._ends.get(name)

    def communicate(self, input=None, timeout=None):
        """Send data to the child, read its outputs until it closes them, and wait for its end.

        input: a bytes-like object, or a str in text mode; None to send nothing.  stdin is closed after it.
        timeout: seconds, any real number; None: no limit.

        Returns (stdout, stderr), bytes or str; None for one that is not a pipe.  TimeoutExpired has the bytes
        so far in output and stderr; communicate() may then be called again, without input, and loses nothing.
        A child that does not read its input is not an error.  All output is kept in memory.  Blocks; releases
        the GIL.  Not thread-safe.
        """
        if self._communication_started and input:
            raise ValueError("Cannot send input after starting communication")
        deadline = None if timeout is None else deadline_after(timeout)
        if timeout is None and not self._communication_started:
            streams = list(map(self._stream, NAMES)) if self._ends else [self.stdin, self.stdout, self.stderr]
            if streams.count(None) >= 2 and not (self._ends and PipeEnd in map(type, streams)):
                return self._communicate_alone(input, *streams)
        try:
            return self._communicate(input, deadline, timeout)
        except KeyboardInterrupt:
            self._wait_politely(deadline)
            raise
        finally:
            self._communication_started = True

    def _communicate_alone(self, input, stdin, stdout, stderr):
        """communicate() with at most one file object, by its methods, which know what was buffered before."""
        out = err = None
        if stdin:
            self._stdin_write(input)
        elif stdout:
            out = stdout.read()
            stdout.close()
        elif stderr:
            err = stderr.read()
            stderr.close()
        self.wait()
        return out, err

    def _stdin_write(self, input):
        try:
            if input:
                self.stdin.write(input)
        except OSError as error:
            if not means_reader_gone(error):
                raise
        close_quietly(self._stream("stdin"), raises=True)

    def _communicate(self, input, endtime, orig_timeout):
        """communicate() with pipes; endtime: a time of the monotonic clock in seconds, or None."""
        if self._exchange is None:
            if _by_selector.is_wanted(self):
                return _by_selector.communicate(self, input, endtime, orig_timeout)
            self._exchange = self._begin_exchange(input)
        exchange = self._exchange
        if not exchange.pump(self._remaining_time(endtime)):
            raise TimeoutExpired(self.args, orig_timeout, exchange.stdout or None, exchange.stderr or None)
        try:
            self.wait(timeout=self._remaining_time(endtime))
        except TimeoutExpired as error:
            error.timeout = orig_timeout
            raise
        return self._result("stdout", exchange.stdout), self._result("stderr", exchange.stderr)

    def _remaining_time(self, endtime):
        """The seconds until a time of the monotonic clock; None for None."""
        return None if endtime is None else endtime - _public._time()

    def _check_timeout(self, endtime, orig_timeout, stdout_seq, stderr_seq, skip_check_and_raise=False):
        """Raise TimeoutExpired, with the joined outputs, if *endtime* has passed, or unconditionally."""
        if endtime is None or not (skip_check_and_raise or _public._time() > endtime):
            return
        output, errors = (b"".join(parts) if parts else None for parts in (stdout_seq, stderr_seq))
        raise TimeoutExpired(self.args, orig_timeout, output, errors)

    def _save_input(self, input):
        """Store the input as bytes, at the first call; used by communicate() with a selector.

        A program that replaces this method gets that implementation of communicate().
        """
        if self._input is None and self.stdin:
            self._input_offset, self._input = 0, encoded(input, self) if input else input

    def _drain(self, seconds):
        """Read the outputs for up to *seconds* more; what has arrived, for a TimeoutExpired."""
        exchange = self._exchange
        if exchange is None:
            return None, None
        exchange.pump(seconds)
        return exchange.stdout or None, exchange.stderr or None

    def _begin_exchange(self, input):
        stdin = self._stream("stdin")
        if stdin and input:
            input = encoded(input, self)
        if stdin and not isinstance(stdin, PipeEnd):
            self._flush_stdin(stdin)
        if stdin and not input:
            close_quietly(self._stream("stdin"), raises=True)
        streams = [self._stream(name) for name in NAMES]
        fds = [descriptor_of(stream) for stream in streams]

        def close(fd):  # does not refer to self, which would be a cycle
            close_quietly(streams[fds.index(fd)], raises=fd == fds[0])

        return Exchange(*fds, input=(input or None) if fds[0] != -1 else None, on_end=close)

    @staticmethod
    def _flush_stdin(stdin):
        try:
            stdin.flush()
        except BrokenPipeError:
            return
        except ValueError:
            if not stdin.closed:
                raise

    def _result(self, name, data):
        """communicate()'s result for an output."""
        stream = self._stream(name)
        if not stream:
            return None
        if self.text_mode:
            return self._translate_newlines(data or b"", stream.encoding, stream.errors)
        return data or b""

    def _joined(self, stream, parts):
        """communicate()'s result for an output in parts."""
        if parts is None:
            return None
        data = b"".join(parts)
        return self._translate_newlines(data, stream.encoding, stream.errors) if self.text_mode else data

    def _translate_newlines(self, data, encoding, errors):
        """Bytes as text, with universal newlines."""
        return decode(data, encoding, errors)

    def _close_streams(self):
        """After a failed start."""
        for name in NAMES:
            stream = self._stream(name)
            if stream:
                try:
                    stream.close()
                except OSError:
                    continue

    def _close_all(self):
        """For the end of a with block: outputs first, as closing stdin writes and may raise."""
        for name in ("stdout", "stderr", "stdin"):
            stream = self._stream(name)
            if stream:
                stream.close()


def encoded(input, popen):
    """The input as the bytes that are sent."""
    if not popen.text_mode:
        return input
    stdin = popen._stream("stdin")
    return input.encode(stdin.encoding, stdin.errors or "strict")


def descriptor_of(stream):
    """The descriptor of a stream that is open, or -1."""
    if isinstance(stream, PipeEnd):
        return stream.fd
    return stream.fileno() if stream and not stream.closed else -1


def close_quietly(stream, raises):
    """Close a stream, ignoring that its other end is closed.  raises: whether to raise other errors."""
    try:
        stream.close()
    except OSError as error:
        if raises and not means_reader_gone(error):
            raise


def means_reader_gone(error):
    """Whether a failed write means that the reader is gone; some file objects raise EINVAL then."""
    return isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL


_safe_codecs = {(None, None)}


def is_safe_to_postpone(bufsize, encoding, errors):
    """Whether making file objects with these arguments cannot fail, so that it can be postponed."""
    if bufsize < -1 or (bufsize == 1 and encoding is None) or (bufsize == 0 and encoding is not None):
        return False
    try:
        if (encoding, errors) not in _safe_codecs:
            io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors)
            _safe_codecs.add((encoding, errors))
    except Exception:
        return False
    return True


_by_selector.standard_save_input = Streams._save_input  # type: ignore[assignment]
