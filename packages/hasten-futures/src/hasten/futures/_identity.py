"""StandsFor: why isinstance() takes the standard library's futures and executors for ours.

Under `python -m hasten` a program that says `concurrent.futures.Future` means our class.  It also meets
futures that the standard library has made, those of its ProcessPoolExecutor for one, and asks for that class
before it uses them (asyncio does).  The other way round our classes are subclasses.
"""

from abc import ABCMeta


class StandsFor(ABCMeta):
    """The class of a class whose body says `_stands_for`: instances of that class count as its own.

    An ABCMeta, for a program's executors may have abstract base classes beside ours.
    """

    def __instancecheck__(cls, instance):
        return super().__instancecheck__(instance) or isinstance(instance, vars(cls).get("_stands_for", ()))

    def __subclasscheck__(cls, subclass):
        return super().__subclasscheck__(subclass) or issubclass(subclass, vars(cls).get("_stands_for", ()))
