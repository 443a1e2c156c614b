"""Index Python sources: how often each name occurs, and a checksum over every token.

    python index_sources.py                           the standard library of the running Python
    python index_sources.py FOLDER -j 8               another tree, with eight workers
    python index_sources.py --items small --limit 200 hand over single tokens instead of whole files
    python index_sources.py --by pool                 hand them over as tasks of a ThreadPoolExecutor
    python index_sources.py --by processes            hand them over to a multiprocessing.Pool
    python index_sources.py --pre 'expand -t 4'       send each file through a program first

A reader thread puts items into a bounded queue; workers take them, work on them, and put results into a
priority queue; one thread merges the results in the order of their numbers, so that the output does not
depend on who was faster. With large items (whole files) the workers tokenise; with small ones the reader
tokenises and each token travels on its own. Either way, by queues, by an executor (--by pool), by other
processes and by neither (--direct), the same steps are done and the output is the same.
"""

import argparse
import io
import keyword
import multiprocessing
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import tokenize
import traceback
import zlib
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MASK = 2**64 - 1
LAST = float("inf")  # the number after all others: the priority queue gives it when nothing else is left
STOP = (LAST, None, None)


class FileIndex:
    """What is known of one file's tokens."""

    def __init__(self):
        self.tokens = 0
        self.names: Counter[str] = Counter()
        self.checksum = 0

    def add(self, name, weight):
        self.tokens += 1
        if name is not None:
            self.names[name] += 1
        self.checksum = (self.checksum * 31 + weight) & MASK


class Index:
    """The sum over all files, taken in their order."""

    def __init__(self):
        self.files = 0
        self.tokens = 0
        self.names: Counter[str] = Counter()
        self.checksum = 0
        self.failures = []
        self.open = FileIndex()  # the file whose tokens are arriving one by one

    def add_file(self, name, found):
        self.files += 1
        self.tokens += found.tokens
        self.names.update(found.names)
        self.checksum = (self.checksum * 1000003 + found.checksum + zlib.crc32(name.encode())) & MASK

    def add_failure(self, name, reason):
        self.files += 1
        self.failures.append((name, reason))

    def report(self, top):
        yield f"files      {self.files}"
        yield f"tokens     {self.tokens}"
        yield f"names      {len(self.names)}"
        yield f"checksum   {self.checksum:016x}"
        for name, count in sorted(self.names.items(), key=lambda pair: (-pair[1], pair[0]))[:top]:
            yield f"{count:10} {name}"
        yield f"not tokenised: {len(self.failures)}"
        for name, reason in self.failures:
            yield f"    {name}: {reason}"


class Unreadable(Exception):
    """A file that is no Python source we can read."""


def read(path):
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{type(error).__name__}: {error.strerror}") from error


def filtered(command, data):
    """What this program makes of the data; without a program, the data."""
    if not command:
        return data
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if done.returncode:
        raise Unreadable(f"{command[0]} ended with status {done.returncode}")
    return done.stdout


def tokens_of(data):
    """Kind and text of every token. A file that breaks off in the middle counts as unreadable as a whole."""
    try:
        return [(token.type, token.string) for token in tokenize.tokenize(io.BytesIO(data).readline)]
    except (SyntaxError, tokenize.TokenError, UnicodeDecodeError) as error:
        raise Unreadable(f"{type(error).__name__}: {str(error).splitlines()[0]}") from error


def digest(kind, text):
    """The name that a token is, if it is one, and its part in the checksum."""
    name = text if kind == tokenize.NAME and not keyword.iskeyword(text) else None
    return name, zlib.crc32(text.encode("utf-8", "surrogatepass"), kind)


class WholeFiles:
    """Large items: one is a file."""

    room = 64

    def __init__(self, root, paths, command=()):
        self.root, self.paths, self.command = root, paths, command

    def items(self):
        for number, path in enumerate(self.paths):
            try:
                yield number, path, read(path)
            except Unreadable as error:
                yield number, path, error

    def work(self, item):
        number, path, data = item
        if isinstance(data, Unreadable):
            return item
        found = FileIndex()
        try:
            for kind, text in tokens_of(filtered(self.command, data)):
                found.add(*digest(kind, text))
        except Unreadable as error:
            return number, path, error
        return number, path, found

    def merge(self, index, result):
        _, path, found = result
        name = path.relative_to(self.root).as_posix()
        if isinstance(found, Unreadable):
            index.add_failure(name, str(found))
        else:
            index.add_file(name, found)


class SingleTokens:
    """Small items: one is a token, or the end of a file, which has the file's path in place of a kind."""

    room = 1000

    def __init__(self, root, paths, command=()):
        self.root, self.paths, self.command = root, paths, command

    def items(self):
        number = 0
        for path in self.paths:
            failure = None
            try:
                for kind, text in tokens_of(filtered(self.command, read(path))):
                    yield number, kind, text
                    number += 1
            except Unreadable as error:
                failure = str(error)
            yield number, path, failure
            number += 1

    def work(self, item):
        number, kind, text = item
        if isinstance(kind, Path):
            return item
        return (number, *digest(kind, text))

    def merge(self, index, result):
        _, first, second = result
        if not isinstance(first, Path):
            index.open.add(first, second)
            return
        name = first.relative_to(self.root).as_posix()
        if second is None:
            index.add_file(name, index.open)
        else:
            index.add_failure(name, second)
        index.open = FileIndex()


@contextmanager
def on_interrupt(call):
    """Ctrl-C only makes this call: an exception amid the start or the join of a thread would strand some."""
    previous = signal.signal(signal.SIGINT, lambda signum, frame: call())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


class Pipeline:
    """The threads. Whatever goes wrong in one of them ends all of them, and is kept in `errors`."""

    def __init__(self, job, workers):
        self.job = job
        self.index = Index()
        self.errors = []
        self.stopping = False
        self.interrupted = False
        self.todo: queue.Queue[Any] = queue.Queue(job.room)
        self.done: queue.PriorityQueue[Any] = queue.PriorityQueue()
        self.reader = threading.Thread(target=self.guarded, args=(self.read,), name="reader")
        self.workers = [
            threading.Thread(target=self.guarded, args=(self.work,), name=f"worker-{number}")
            for number in range(workers)
        ]
        self.merger = threading.Thread(target=self.guarded, args=(self.merge,), name="merger")

    def guarded(self, body):
        try:
            body()
        except Exception as error:
            self.errors.append(error)
            self.stopping = True

    def read(self):
        """Also ends the others: a STOP for each worker, one for the merger when all workers are through."""
        try:
            for item in self.job.items():
                if self.stopping:
                    break
                self.todo.put(item)
        finally:
            for _ in self.workers:
                self.todo.put(STOP)
            for worker in self.workers:
                worker.join()
            self.done.put(STOP)

    def work(self):
        """After a failure the queue is still emptied, or the reader would wait for room for ever."""
        todo, done, work = self.todo, self.done, self.job.work
        while True:
            item = todo.get()
            if item is STOP:
                return
            if self.stopping:
                continue
            try:
                done.put(work(item))
            except Exception as error:
                self.errors.append(error)
                self.stopping = True

    def merge(self):
        """The priority queue gives the smallest number that is there; one ahead of its turn waits aside."""
        due, early, merge = 0, {}, self.job.merge
        while True:
            result = self.done.get()
            if result is STOP:
                return
            early[result[0]] = result
            while due in early:
                merge(self.index, early.pop(due))
                due += 1

    def interrupt(self):
        self.interrupted = self.stopping = True

    def run(self):
        threads = [self.merger, *self.workers, self.reader]
        with on_interrupt(self.interrupt):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if self.interrupted:
            raise KeyboardInterrupt
        return self.index


def run_ahead(job, submit):
    """The items as tasks: so many at a time as there is room for, and their results in turn.

    submit(item) begins a task, and returns what waits for its result.
    """
    index, asked = Index(), []
    due: deque[Any] = deque()  # the oldest first
    with on_interrupt(lambda: asked.append("stop")):
        for item in job.items():
            due.append(submit(item))
            if len(due) == job.room:
                job.merge(index, due.popleft()())
            if asked:
                break
        while due and not asked:
            job.merge(index, due.popleft()())
    if asked:
        raise KeyboardInterrupt
    return index


def run_in_pool(job, workers):
    """By the threads of an executor."""
    with ThreadPoolExecutor(workers) as pool:
        try:
            return run_ahead(job, lambda item: pool.submit(job.work, item).result)
        finally:
            pool.shutdown(cancel_futures=True)  # after a failure, what is left would be worked on in vain


job_of_worker: Any = None


def begin_worker(job):
    """In each process of a pool, once.  Ctrl-C at a terminal reaches it, too: its parent answers that."""
    global job_of_worker
    job_of_worker = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def work_in_worker(item):
    return job_of_worker.work(item)


def run_in_processes(job, workers):
    """By the processes of a pool."""
    pool = multiprocessing.Pool(workers, begin_worker, (job,))
    try:
        return run_ahead(job, lambda item: pool.apply_async(work_in_worker, (item,)).get)
    finally:
        pool.terminate()
        pool.join()


def run_directly(job):
    """The same steps with neither queues nor threads."""
    index = Index()
    for item in job.items():
        job.merge(index, job.work(item))
    return index


def sources(root, limit):
    """The tree's Python files in a fixed order, without installed packages."""
    found = [path for path in root.rglob("*.py") if not {"site-packages", "dist-packages"} & set(path.parts)]
    return sorted(found)[:limit]


def count(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def parse(words):
    parser = argparse.ArgumentParser(description="Index Python sources: names, tokens and a checksum.")
    parser.add_argument("root", nargs="?", type=Path, default=Path(sysconfig.get_path("stdlib")))
    parser.add_argument("-j", "--jobs", type=count, default=4, metavar="N", help="workers; default 4")
    parser.add_argument(
        "--items", choices=("large", "small"), default="large", help="hand over files or tokens"
    )
    parser.add_argument(
        "--by", choices=("queue", "pool", "processes"), default="queue", help="hand over by which means"
    )
    parser.add_argument("--direct", action="store_true", help="by neither, in one thread, for comparison")
    parser.add_argument(
        "--pre", type=shlex.split, metavar="COMMAND", help="send each file through this program"
    )
    parser.add_argument("--limit", type=count, metavar="N", help="the first N files only")
    parser.add_argument("--top", type=count, default=20, metavar="N", help="names to show; default 20")
    options = parser.parse_args(words)
    if not options.root.is_dir():
        parser.error(f"{options.root} is not a folder")
    if options.pre and shutil.which(options.pre[0]) is None:
        parser.error(f"--pre: there is no program {options.pre[0]}")
    return options


def main(words=None):
    options = parse(words)
    kind = WholeFiles if options.items == "large" else SingleTokens
    job = kind(options.root, sources(options.root, options.limit), options.pre)
    errors = []
    try:
        if options.direct:
            index = run_directly(job)
        elif options.by == "pool":
            index = run_in_pool(job, options.jobs)
        elif options.by == "processes":
            index = run_in_processes(job, options.jobs)
        else:
            pipeline = Pipeline(job, options.jobs)
            index, errors = pipeline.run(), pipeline.errors
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as problem:
        errors.append(problem)
    for error in errors:
        traceback.print_exception(type(error), error, error.__traceback__)
    if errors:
        return 1
    print(*index.report(options.top), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
