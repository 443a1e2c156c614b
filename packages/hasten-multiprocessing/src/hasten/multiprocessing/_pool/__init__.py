"""The pool engine: runs calls in worker processes, and handles workers that die.

`Pool` and `ProcessPoolExecutor` use it.  The interface of an engine, see _engine.py:

- Engine(pool, tasks, results, start): from the list of workers, the two rings, and a function that starts
  workers;
- supervise(): start watching the workers and taking results;
- submit(sink, index, func, args, kwds): run a call; its outcome goes to sink._set(index, (ok, value));
- feed(source): run the calls of an iterator, as fast as the workers take them;
- pump(): take the available results;
- close(): end the workers when everything is done; terminate(): end them now; join().
"""

try:
    from hasten.multiprocessing._pool import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # they are files of their own
