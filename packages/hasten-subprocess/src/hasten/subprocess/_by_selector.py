"""communicate() in Python, by a selector: for programs that have replaced a part of it.

Some replace _save_input() to put their own lists into _fileobj2output, and so watch a child's output; others
replace _PopenSelector.
"""

import os
import subprocess as _stdlib
import sys
from selectors import EVENT_READ, EVENT_WRITE

READ_AT_ONCE = 1 << 15  # bytes
_public = sys.modules[__package__]
_PopenSelector = _stdlib._PopenSelector
standard_save_input = None  # ours, see _streams


def is_wanted(popen):
    """Whether a program has replaced a part, in the module, the class or the instance."""
    saves = getattr(popen._save_input, "__func__", None)
    return saves is not standard_save_input or _public._PopenSelector is not _PopenSelector


def communicate(popen, input, endtime, orig_timeout):
    """Popen._communicate() by a selector."""
    if not popen._communication_started:
        begin(popen, input)
    popen._save_input(input)
    lists = popen._fileobj2output
    with _public._PopenSelector() as selector:
        if popen._input and is_open(popen.stdin):
            selector.register(popen.stdin, EVENT_WRITE)
        for stream in lists:
            if is_open(stream):
                selector.register(stream, EVENT_READ)
        outputs = [lists.get(stream) for stream in (popen.stdout, popen.stderr)]
        while selector.get_map():
            remaining = popen._remaining_time(endtime)
            if remaining is not None and remaining < 0:
                popen._check_timeout(endtime, orig_timeout, *outputs, skip_check_and_raise=True)
            for key, _ in selector.select(remaining):
                reads = key.events == EVENT_READ
                go_on = collect(key.fd, lists[key.fileobj]) if reads else feed(popen, key.fd)
                if not go_on:
                    selector.unregister(key.fileobj)
                    close(key.fileobj)
            popen._check_timeout(endtime, orig_timeout, *outputs)
    try:
        popen.wait(timeout=popen._remaining_time(endtime))
    except _stdlib.TimeoutExpired as error:
        error.timeout = orig_timeout
        raise
    return tuple(map(popen._joined, (popen.stdout, popen.stderr), outputs))


def begin(popen, input):
    """Flush what was written to stdin before, and make the lists of outputs."""
    if popen.stdin:
        popen._flush_stdin(popen.stdin)
        if not input:
            close(popen.stdin)
    popen._fileobj2output = {stream: [] for stream in (popen.stdout, popen.stderr) if stream}


def feed(popen, fd):
    """Write a part of the input, as much as a pipe accepts without blocking; whether there is more."""
    data = memoryview(popen._input).cast("B")
    try:
        popen._input_offset += os.write(fd, data[popen._input_offset :][: _public._PIPE_BUF])
    except BrokenPipeError:
        return False
    return popen._input_offset < len(data)


def collect(fd, parts):
    """Read a part of an output; whether there may be more."""
    data = os.read(fd, READ_AT_ONCE)
    if data:
        parts.append(data)
    return bool(data)


def is_open(stream):
    return bool(stream) and not stream.closed


def close(stream):
    """Close a stream; a BrokenPipeError is ignored."""
    try:
        stream.close()
    except BrokenPipeError:
        return
