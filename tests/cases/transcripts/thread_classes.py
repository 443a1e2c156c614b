"""Subclasses of Thread as applications have them: two bases, slots, properties, attributes set or gone."""

import threading

from prelude import say, trial


class Slotted(threading.Thread):
    __slots__ = ("extra",)

    def run(self):
        self.extra = "from run"


class Channel(threading.Thread, dict):
    def __init__(self):
        threading.Thread.__init__(self, name="channel")
        dict.__init__(self)

    __hash__ = object.__hash__

    def run(self):
        self["ran"] = True


class Failure(threading.Thread, Exception):
    pass


class Named(threading.Thread):
    @property
    def name(self):
        return "own name"

    @name.setter
    def name(self, value):
        self.given = value


class NoInit(threading.Thread):
    def __init__(self):
        pass


class Overridden(threading.Thread):
    def is_alive(self):
        return "overridden"

    def join(self, timeout=None):
        say("join", timeout)
        return super().join(timeout)


slotted = Slotted()
slotted.start()
slotted.join()
say(slotted.extra, hasattr(slotted, "__dict__"))
channel = Channel()
channel.start()
channel.join()
say(dict(channel), channel.name, bool(channel))
failure = Failure()
trial(lambda: failure.args)
failure.start()
failure.join()
say(failure.is_alive())
named = Named(name="given")
say(named.name)
trial(lambda: named.given)
trial(lambda: NoInit().start())
trial(lambda: NoInit().join())
trial(lambda: NoInit().is_alive())
trial(lambda: NoInit().name)
trial(lambda: NoInit().daemon)
trial(lambda: NoInit().ident)
trial(lambda: repr(NoInit()))
over = Overridden(target=int, name="over")
over.start()
over.join(10)
say(over.is_alive(), over)

thread = threading.Thread(target=int, name="t")
trial(lambda: setattr(thread, "name", 5))
trial(lambda: thread.name)
trial(lambda: setattr(thread, "daemon", 1))
trial(lambda: thread.daemon)
trial(lambda: setattr(thread, "ident", 1))
trial(lambda: setattr(thread, "native_id", 1))
trial(lambda: delattr(thread, "name"))
trial(lambda: delattr(thread, "_target"))
trial(lambda: delattr(thread, "_target"))
trial(thread.run)
for argument in ("x", 1, ()):
    trial(lambda: threading.Thread(argument))
trial(lambda: threading.Thread(target=int, args=3).run())
trial(lambda: threading.Thread(target=int, kwargs=3).run())
trial(lambda: threading.Thread(target=divmod, args=[7, 2]).run())
trial(lambda: threading.Thread(targets=int))
trial(lambda: threading.Thread(None, int, "n", (), {}, daemon=None).daemon)
trial(lambda: threading.Thread(None, int, "n", (), {}, True))
again = threading.Thread(target=int)
again.start()
again.join()
trial(again.start)
trial(threading.current_thread().join)
trial(lambda: again.join("x"))
trial(lambda: again.join(-1))
trial(lambda: threading.Thread().join())
trial(lambda: setattr(threading.current_thread(), "daemon", True))
trial(lambda: threading.current_thread().run())
say(sorted(set(vars(threading.Thread(target=int))) - {"_os_thread_handle"}))
