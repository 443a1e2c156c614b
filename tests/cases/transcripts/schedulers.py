"""The scheduler's parts used directly, and subclasses of it."""

import sched
import sys
import time

from prelude import say, trial


class Logged(sched.scheduler):
    def run(self, blocking=True):
        say("run", blocking)
        return super().run(blocking)

    def enterabs(self, time, priority, action, argument=(), kwargs={}):
        say("enterabs", priority)
        return super().enterabs(time, priority, action, argument, kwargs)


now = [0.0]
slept = []


def delay(seconds):
    slept.append(seconds)
    now[0] += seconds


plan = Logged(lambda: now[0], delay)
order = []
for when, priority, name in ((2, 1, "b"), (1, 2, "a2"), (1, 1, "a1"), (1, 1, "a1 again"), (3, 0, "c")):
    plan.enter(when, priority, order.append, (name,))
say([(e.time, e.priority, e.argument) for e in plan.queue], len(plan._queue), plan.empty())
say(plan.run(), order, slept, plan.empty())
event = plan.enterabs(5, 1, order.append, argument=("x",), kwargs={})
say(event[0], event.time, event.kwargs, event.action is order.append or event.action == order.append)
say(isinstance(event, tuple), isinstance(event, sched.Event), event == event)
trial(lambda: setattr(event, "time", 1))
plan.cancel(event)
trial(lambda: plan.cancel(event))
say(plan.run(blocking=False))
event = plan.enter(10, 1, order.append, ("y",))
say(plan.run(False))
plan._queue.clear()
say(plan.run(False), plan.empty())
plan._queue.append(event)
say(plan.queue == [event], plan.empty())
plan._queue[:] = []
trial(lambda: plan.enter("x", 1, int))
trial(lambda: plan.enter(1, 1))
trial(lambda: plan.enter(1, 1, None) and plan.run())
say(plan.queue)
trial(lambda: plan.enter(0, 1, lambda: 1 / 0) and plan.run())
say(plan.empty())
one = plan.enterabs(1, 1, int)
two = plan.enterabs(1, 1, int)
say(one < two or sys.version_info < (3, 10))
plan.timefunc = lambda: 100.0
say(plan.run(False))
plan.timefunc, plan.delayfunc = (lambda: now[0]), delay


def again(count):
    order.append(count)
    if count:
        plan.enter(1, 1, again, (count - 1,))


del order[:]
plan.enter(0, 1, again, (3,))
plan.run()
say(order)
plain = sched.scheduler()
say(plain.timefunc is time.monotonic, plain.delayfunc is time.sleep)
trial(lambda: sched.scheduler(time.time, time.sleep, 3))
trial(lambda: sched.scheduler(timefunc=5).enter(1, 1, int))
plain.extra = 1
plain.enter(0.001, 1, say, ("ran",), {})
plain.run()
say(sched.__all__)
with plain._lock:
    say("locked", plain._lock)
