"""twisted: deferToThread, its thread pool, a child process, and calls from threads, under the reactor."""

import sys

from twisted.internet import defer, protocol, reactor, threads, utils
from twisted.python.threadpool import ThreadPool


def square(number):
    return number * number


def fails():
    raise ValueError("no")


@defer.inlineCallbacks
def main():
    print("threads", (yield defer.gatherResults([threads.deferToThread(square, n) for n in range(50)])))
    try:
        yield threads.deferToThread(fails)
    except ValueError as error:
        print("error", error)
    print("blocking", (yield threads.deferToThread(threads.blockingCallFromThread, reactor, square, 4)))
    print("child", (yield utils.getProcessOutput(sys.executable, ["-c", "print(5)"])))
    ended = defer.Deferred()

    class Echo(protocol.ProcessProtocol):
        def connectionMade(self):
            self.transport.write(b"x" * 300_000)
            self.transport.closeStdin()

        received = 0

        def outReceived(self, data):
            self.received += len(data)

        def processEnded(self, reason):
            ended.callback((self.received, reason.value.exitCode))

    reactor.spawnProcess(Echo(), "cat", ["cat"])
    print("echo", (yield ended))
    pool = ThreadPool(1, 3)
    pool.start()
    done = [defer.Deferred() for _ in range(20)]
    for deferred in done:
        pool.callInThread(reactor.callFromThread, deferred.callback, None)
    yield defer.gatherResults(done)
    pool.stop()
    print("pool", pool.workers)


if __name__ == "__main__":
    main().addErrback(lambda failure: print("failed", failure)).addBoth(lambda _: reactor.stop())
    reactor.run()
