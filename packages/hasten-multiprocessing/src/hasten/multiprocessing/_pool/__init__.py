"""The pool engine: calls that are run in worker processes, and what becomes of them when a worker dies.

`Pool` is one face of it.  What an owner of an engine uses, see _engine.py:

- Engine(pool, tasks, results, start): the list of workers, the two rings, and how a worker is started;
- supervise(): begin to watch the workers and to take results;
- submit(sink, index, func, args, kwds): have a call run; its outcome goes to sink._set(index, (ok, value));
- feed(source): have the calls of an iterator run, as fast as the workers take them;
- pump(): take the results that are there;
- close(): let the workers go when everything is done; terminate(): end them now; join().
"""

try:
    from hasten.multiprocessing._pool import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # they are files of their own
