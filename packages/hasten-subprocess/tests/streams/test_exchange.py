"""Exchange: feeding pipes and collecting from them in one loop; decode()."""

import array
import errno
import fcntl
import inspect
import io
import os
import select
import signal
import socket
import subprocess
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.signalling import Interrupt, interrupt

from hasten.subprocess._communicate import Exchange, decode

BIG = bytes(range(256)) * 20_000  # 5 MB, more than any pipe holds
LINUX = os.path.isdir("/proc/self/fd")


@pytest.fixture
def pipe():
    """Make pipes; what is still open of them at the end is closed."""
    ends = []

    def make():
        pair = os.pipe()
        ends.extend((fd, os.fstat(fd).st_ino) for fd in pair)
        return pair

    yield make
    for fd, inode in ends:
        try:
            if os.fstat(fd).st_ino == inode:
                os.close(fd)
        except OSError as error:
            assert error.errno == errno.EBADF


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def close_rest(exchange):
    for fd in (exchange.stdin_fd, exchange.stdout_fd, exchange.stderr_fd):
        if fd != -1:
            os.close(fd)


@pytest.fixture
def child():
    """Start programs with pipes that belong to the test alone."""
    started = []

    def start(*command):
        pipes = [os.pipe() for _ in range(3)]
        theirs = (pipes[0][0], pipes[1][1], pipes[2][1])
        popen = subprocess.Popen(command, stdin=theirs[0], stdout=theirs[1], stderr=theirs[2])
        started.append(popen)
        for fd in theirs:
            os.close(fd)
        return pipes[0][1], pipes[1][0], pipes[2][0]

    yield start
    for popen in started:
        popen.kill()
        popen.wait()


class TestBothWays:
    def test_a_child_that_echoes(self, child):
        exchange = Exchange(*child("cat"), b"hello")
        assert exchange.pump() is True
        assert (exchange.stdout, exchange.stderr, exchange.input_sent) == (b"hello", b"", 5)

    @pytest.mark.parametrize("size", [1, 4096, 4097, 65536, 65537, 262144, len(BIG)])
    def test_any_amount(self, child, size):
        exchange = Exchange(*child("tee", "/dev/stderr"), BIG[:size])
        assert exchange.pump()
        assert exchange.stdout == BIG[:size]
        assert exchange.stderr == BIG[:size]
        assert exchange.input_sent == size

    @pytest.mark.parametrize("input", [None, b"", bytearray(), memoryview(b"")])
    def test_no_input(self, child, input):
        exchange = Exchange(*child("cat"), input)
        assert exchange.pump()
        assert (exchange.stdout, exchange.stderr, exchange.input_sent) == (b"", b"", 0)

    def test_a_reader_that_is_gone_is_no_error(self, child):
        exchange = Exchange(*child("sh", "-c", "exec <&-; echo done"), BIG)
        assert exchange.pump()
        assert exchange.stdout == b"done\n"
        assert exchange.input_sent < len(BIG)

    def test_a_reader_that_leaves_in_the_middle(self, child):
        exchange = Exchange(*child("head", "-c", "100000"), BIG)
        assert exchange.pump()
        assert exchange.stdout == BIG[:100000]

    def test_a_socket_as_input(self, spawn):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            exchange = Exchange(stdin_fd=ours.detach(), input=BIG)
            reader = spawn(lambda: theirs.makefile("rb").read())
            assert exchange.pump(30)
            assert reader.result() == BIG

    def test_no_ends_at_all(self):
        exchange = Exchange()
        assert exchange.pump(0) is True
        assert (exchange.stdout, exchange.stderr, exchange.input_sent) == (None, None, 0)

    def test_signature(self):
        names = ["stdin_fd", "stdout_fd", "stderr_fd", "input", "on_end"]
        assert list(inspect.signature(Exchange).parameters) == names


class TestInput:
    @pytest.mark.parametrize(
        "input",
        [
            bytearray(BIG),
            array.array("d", range(100_000)),
            memoryview(array.array("i", range(200_000))),
            memoryview(BIG).cast("B", (500, len(BIG) // 500)),
            memoryview(BIG)[1:],
        ],
        ids=["bytearray", "array", "items", "dimensions", "slice"],
    )
    def test_any_block_of_memory(self, child, input):
        exchange = Exchange(*child("cat"), input)
        assert exchange.pump()
        assert exchange.stdout == memoryview(input).tobytes()

    def test_it_is_held_until_it_is_sent_and_no_longer(self, pipe):
        data = bytearray(b"x" * 100)
        exchange = Exchange(stdin_fd=pipe()[1], input=data)
        with pytest.raises(BufferError):
            data.clear()
        assert exchange.pump()
        data.clear()

    @pytest.mark.parametrize("input", ["text", 5, [b"x"], memoryview(b"abcd")[::2]], ids=repr)
    def test_what_is_none(self, pipe, input):
        reader, writer = pipe()
        with pytest.raises(TypeError, match="bytes-like|C-contiguous"):
            Exchange(stdin_fd=writer, input=input)
        assert is_open(writer)

    def test_its_end_is_as_blocking_as_it_was(self, pipe):
        for blocking in (True, False):
            reader, writer = pipe()
            os.set_blocking(writer, blocking)
            exchange = Exchange(stdin_fd=writer, input=BIG)
            assert exchange.pump(0) is False
            assert os.get_blocking(writer) is blocking
            assert 0 < exchange.input_sent < len(BIG)

    def test_a_copy_of_the_descriptor_stays_blocking(self, pipe, spawn):
        reader, writer = pipe()
        copy = os.dup(writer)
        try:
            exchange = Exchange(stdin_fd=writer, input=BIG)
            with open(reader, "rb") as file:
                taker = spawn(lambda: file.read(len(BIG)))
                assert exchange.pump(30)
                assert taker.result() == BIG
            assert os.get_blocking(copy)
        finally:
            os.close(copy)

    @pytest.mark.skipif(not hasattr(fcntl, "F_GETPIPE_SZ"), reason="needs F_GETPIPE_SZ")
    def test_a_size_that_somebody_chose_stays(self, pipe):
        reader, writer = pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 8192)
        exchange = Exchange(stdin_fd=writer, input=BIG)
        assert exchange.pump(0) is False
        assert exchange.input_sent == 8192
        assert fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ) == 8192


class TestTimeouts:
    def test_it_goes_on_where_it_stopped(self, pipe):
        reader, writer = pipe()
        exchange = Exchange(stdout_fd=reader)
        assert exchange.pump(0) is False
        assert exchange.stdout == b""
        os.write(writer, b"one")
        assert exchange.pump(0) is False
        assert exchange.stdout == b"one"
        os.write(writer, b"two")
        os.close(writer)
        assert exchange.pump(30) is True
        assert exchange.stdout == b"onetwo"
        assert exchange.pump(0) is True

    def test_input_is_not_sent_twice(self, pipe, spawn):
        reader, writer = pipe()
        exchange = Exchange(stdin_fd=writer, input=BIG)
        assert exchange.pump(0) is False
        assert exchange.pump(-1) is False
        with open(reader, "rb") as file:
            taker = spawn(file.read)
            assert exchange.pump(30)
            assert taker.result() == BIG

    @pytest.mark.parametrize("timeout", [0, -1, -float("inf"), 0.001])
    def test_a_writer_without_an_end(self, child, timeout):
        exchange = Exchange(*child("cat", "/dev/zero"))
        assert exchange.pump(timeout) is False
        close_rest(exchange)

    def test_any_real_number(self, pipe):
        from fractions import Fraction

        exchange = Exchange(stdout_fd=pipe()[0])
        for timeout in (Fraction(1, 1000), False, -(10**400)):
            assert exchange.pump(timeout) is False

    @pytest.mark.parametrize(
        "timeout, error", [("1", TypeError), (float("nan"), ValueError), (1j, TypeError)]
    )
    def test_what_is_none(self, pipe, timeout, error):
        exchange = Exchange(stdout_fd=pipe()[0])
        with pytest.raises(error):
            exchange.pump(timeout)


class TestLargeOutputs:
    """The buffer grows, is followed by others, and they become one again: see _communicate.pyx."""

    @pytest.mark.parametrize("megabytes", [1, 10, 11, 12, 13, 23, 25, 50, 80])
    def test_all_of_it_in_its_order(self, pipe, spawn, megabytes):
        reader, writer = pipe()
        data = array.array("I", range(megabytes << 18)).tobytes() + b"the end"

        def write():
            with open(writer, "wb", buffering=0) as file:
                for begin in range(0, len(data), 1 << 16):
                    file.write(data[begin : begin + (1 << 16)])

        exchange = Exchange(stdout_fd=reader)
        writing = spawn(write)
        assert exchange.pump(60)
        writing.result()
        same = exchange.stdout == data
        assert same
        assert exchange.stdout is exchange.stdout

    def test_what_has_come_so_far(self, pipe, spawn):
        reader, writer = pipe()
        exchange = Exchange(stdout_fd=reader)
        data, sent = os.urandom(1 << 16), b""
        for number in range(15 * 16):
            sent += data
            assert os.write(writer, data) == len(data)
            while select.select([reader], [], [], 0)[0]:
                assert exchange.pump(0) is False
            same = number % 40 or exchange.stdout == sent  # pytest would compare line by line
            assert same
        os.close(writer)
        assert exchange.pump()
        same = exchange.stdout == sent
        assert same


class TestEnds:
    def test_each_is_closed_when_it_is_done(self, pipe):
        (stdin, writer), (stdout, out), (stderr, err) = pipe(), pipe(), pipe()
        exchange = Exchange(writer, stdout, stderr, b"input")
        os.close(out)
        assert exchange.pump(0) is False
        assert (exchange.stdin_fd, exchange.stdout_fd, exchange.stderr_fd) == (-1, -1, stderr)
        assert [is_open(fd) for fd in (writer, stdout, stderr)] == [False, False, True]
        assert os.read(stdin, 100) == b"input"
        assert os.read(stdin, 100) == b""
        os.close(err)
        assert exchange.pump()

    def test_or_given_to_a_function(self, pipe):
        (_, writer), (stdout, out) = pipe(), pipe()
        ended = []
        exchange = Exchange(writer, stdout, input=b"input", on_end=ended.append)
        os.close(out)
        assert exchange.pump()
        assert sorted(ended) == sorted([writer, stdout])
        assert is_open(writer) and is_open(stdout)
        assert os.get_blocking(writer)

    def test_an_error_in_that_function(self, pipe):
        (_, writer), (stdout, out) = pipe(), pipe()

        def fail(fd):
            raise LookupError(fd)

        exchange = Exchange(writer, stdout, input=b"input", on_end=fail)
        with pytest.raises(LookupError, match=str(writer)):
            exchange.pump()
        os.write(out, b"answer")
        os.close(out)
        with pytest.raises(LookupError, match=str(stdout)):
            exchange.pump()
        assert exchange.pump()
        assert exchange.stdout == b"answer"

    def test_an_output_is_one_object_from_its_end_on(self, pipe):
        reader, writer = pipe()
        exchange = Exchange(stdout_fd=reader)
        os.write(writer, b"x" * 1000)
        assert exchange.pump(0) is False
        assert exchange.stdout is not exchange.stdout
        os.close(writer)
        assert exchange.pump()
        assert exchange.stdout is exchange.stdout
        assert type(exchange.stdout) is bytes

    @pytest.mark.parametrize("end", ["stdin_fd", "stdout_fd", "stderr_fd"])
    def test_a_descriptor_that_is_closed(self, pipe, end):
        fd = pipe()[0]
        os.close(fd)
        exchange = Exchange(input=b"x", **{end: fd})
        with pytest.raises(OSError) as info:
            exchange.pump()
        assert info.value.errno == errno.EBADF

    def test_a_descriptor_of_the_wrong_kind(self, tmp_path):
        fd = os.open(tmp_path, os.O_RDONLY)
        try:
            with pytest.raises(IsADirectoryError):
                Exchange(stdout_fd=fd).pump()
        finally:
            os.close(fd)

    def test_nothing_is_lost_by_an_error(self, pipe, tmp_path):
        reader, writer = pipe()
        fd = os.open(tmp_path, os.O_RDONLY)
        try:
            exchange = Exchange(stdout_fd=reader, stderr_fd=fd)
            os.write(writer, b"before")
            with pytest.raises(IsADirectoryError):
                exchange.pump()
            assert exchange.stdout == b"before"
        finally:
            os.close(fd)


class TestSignals:
    def test_a_handler_that_raises(self, pipe, on_signal, when_main_sleeps):
        reader, writer = pipe()
        on_signal(interrupt)
        exchange = Exchange(stdout_fd=reader)
        sender = when_main_sleeps(lambda: (os.write(writer, b"kept"), os.kill(os.getpid(), signal.SIGUSR1)))
        with pytest.raises(Interrupt):
            exchange.pump()
        sender.result()
        os.close(writer)
        assert exchange.pump()
        assert exchange.stdout == b"kept"

    def test_a_handler_that_returns(self, pipe, on_signal, when_main_sleeps):
        reader, writer = pipe()
        on_signal(lambda: os.close(writer))
        exchange = Exchange(stdout_fd=reader)
        sender = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        assert exchange.pump()
        sender.result()

    def test_one_that_comes_while_data_flows(self, child, on_signal):
        """It does not interrupt any sleep."""
        on_signal(interrupt)
        command = f"read go; kill -USR1 {os.getpid()}; exec cat /dev/zero"
        exchange = Exchange(*child("sh", "-c", command), b"go\n")
        with pytest.raises(Interrupt):
            exchange.pump()
        close_rest(exchange)

    def test_the_handler_cannot_use_the_exchange(self, pipe, on_signal, when_main_sleeps):
        exchange = Exchange(stdout_fd=pipe()[0])
        on_signal(exchange.pump)
        sender = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(RuntimeError, match="in use"):
            exchange.pump()
        sender.result()


class TestThreads:
    def test_the_second_one_is_refused(self, pipe, spawn, until):
        reader, writer = pipe()
        exchange = Exchange(stdout_fd=reader)
        pumping = spawn(exchange.pump).settle()
        for use in (exchange.pump, lambda: exchange.stdout, lambda: exchange.stderr):
            with pytest.raises(RuntimeError, match="in use"):
                use()
        os.close(writer)
        assert pumping.result() is True
        assert exchange.stdout == b""

    def test_others_run_meanwhile(self, pipe, spawn):
        """Both ends of one pipe, in two threads: that takes a pump() without the GIL."""
        reader, writer = pipe()
        feeding = spawn(Exchange(stdin_fd=writer, input=BIG).pump)
        exchange = Exchange(stdout_fd=reader)
        assert exchange.pump(30)
        assert exchange.stdout == BIG
        assert feeding.result() is True

    def test_many_at_once(self, pipe, spawn):
        barrier = threading.Barrier(8)

        def echo(data):
            reader, writer = os.pipe()
            exchange = Exchange(writer, reader, input=data)
            barrier.wait()
            assert exchange.pump()
            return exchange.stdout

        inputs = [BIG[i : 500_000 * i + 7] for i in range(8)]
        assert [task.result() for task in [spawn(echo, data) for data in inputs]] == inputs


@pytest.mark.skipif(not LINUX, reason="looks into /proc")
def test_memory_is_given_back():
    """A million rounds would show a leak of one byte in each."""

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    def rounds(count):
        for _ in range(count):
            reader, writer = os.pipe()
            exchange = Exchange(writer, reader, input=b"x" * 10_000)
            assert exchange.pump()
            assert len(exchange.stdout) == 10_000

    rounds(2000)
    before = resident()
    rounds(5000)
    assert resident() - before < 4_000_000


class TestDecode:
    @given(
        st.text(alphabet=st.one_of(st.sampled_from("\r\nab"), st.characters()), max_size=60),
        st.sampled_from(
            ["utf-8", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "ascii", "cp037", "utf-7"]
        ),
        st.sampled_from(["strict", "replace", "ignore", "backslashreplace", "surrogateescape", None]),
    )
    def test_as_a_text_file_reads_it(self, text, encoding, errors):
        self.compare(text.encode(encoding, "replace"), encoding, errors)

    @given(
        st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\xc3\xa4", b"\xff", b"\xe2\x82"])).map(
            b"".join
        ),
        st.sampled_from(["utf-8", "latin-1", "ascii", "utf-16-le"]),
        st.sampled_from(["strict", "replace", "ignore", "surrogateescape"]),
    )
    def test_also_what_is_no_text(self, data, encoding, errors):
        self.compare(data, encoding, errors)

    def compare(self, data, encoding, errors):
        try:
            with io.TextIOWrapper(io.BytesIO(data), encoding, errors, newline=None) as file:
                wanted = file.read()
        except UnicodeDecodeError:
            with pytest.raises(UnicodeDecodeError):
                decode(data, encoding, errors)
        else:
            assert decode(data, encoding, errors) == wanted

    @pytest.mark.parametrize("text", ["", "plain\n", "ä\n", "€\n", "😀\n"])
    @pytest.mark.parametrize("end", ["", "\r", "\r\n", "\n\r", "\r\r\n"])
    def test_newlines_in_strings_of_each_width(self, text, end):
        assert decode((text + end).encode(), "utf-8", None) == io.StringIO(text + end, newline=None).read()

    def test_unknown_names(self):
        with pytest.raises(LookupError):
            decode(b"x", "no such encoding", None)
        with pytest.raises(LookupError):
            decode(b"\xff", "ascii", "no such handler")
        with pytest.raises(LookupError):
            decode(b"00", "hex", None)
