"""The contextvars.Context that a thread runs in."""

import contextvars
import sys

import pytest

import hasten.threading

VARIABLE = contextvars.ContextVar("variable", default="none")


def value_in_thread(thread_of):
    seen = []
    thread = thread_of(lambda: seen.append(VARIABLE.get()))
    thread.start()
    thread.join()
    return seen[0]


@pytest.fixture
def here():
    """A value in the context of the calling thread."""
    token = VARIABLE.set("here")
    yield
    VARIABLE.reset(token)


def context_with(value):
    context = contextvars.Context()
    context.run(VARIABLE.set, value)
    return context


@pytest.mark.since(3, 14)
def test_a_given_context(impl, here):
    context = context_with("given")
    assert value_in_thread(lambda target: impl.Thread(target=target, context=context)) == "given"
    assert VARIABLE.get() == "here"


@pytest.mark.since(3, 14)
def test_what_the_thread_sets_stays_in_the_context(impl):
    context = contextvars.Context()
    thread = impl.Thread(target=VARIABLE.set, args=("set",), context=context)
    thread.start()
    thread.join()
    assert context[VARIABLE] == "set"
    assert VARIABLE.get() == "none"


@pytest.mark.since(3, 14)
def test_after_a_failure_the_context_can_be_used_again(impl, monkeypatch):
    told, context = [], contextvars.Context()
    monkeypatch.setattr(impl, "excepthook", lambda args: told.append(args.exc_type))
    for _ in range(2):
        thread = impl.Thread(target=lambda: 1 // 0, context=context)
        thread.start()
        thread.join()
    assert told == [ZeroDivisionError] * 2
    assert context.run(VARIABLE.get) == "none"


@pytest.mark.since(3, 14)
def test_a_context_that_is_in_use(impl, monkeypatch):
    told, context = [], contextvars.Context()
    monkeypatch.setattr(impl, "excepthook", lambda args: told.append((args.exc_type, str(args.exc_value))))

    def start():
        thread = impl.Thread(target=print, context=context)
        thread.start()
        thread.join()

    context.run(start)
    assert [kind for kind, words in told] == [RuntimeError]
    assert "already entered" in told[0][1]


def test_by_default(impl, here):
    inherits = getattr(sys.flags, "thread_inherit_context", 0)
    assert value_in_thread(lambda target: impl.Thread(target=target)) == ("here" if inherits else "none")


@pytest.mark.parametrize("flag", [0, 1])
@pytest.mark.skipif(sys.version_info < (3, 14), reason="the flag is new in 3.14")
def test_the_flag(impl, python, flag):
    printed = python(
        f"""
import contextvars, {impl.__name__} as threading
variable = contextvars.ContextVar("variable", default="none")
variable.set("here")
tell = lambda: print(variable.get())
for thread in threading.Thread(target=tell), threading.Timer(0.01, tell):
    thread.start()
    thread.join()
print(threading.Thread()._context)
""",
        "-X",
        f"thread_inherit_context={flag}",
    )
    assert printed.split() == (["here"] * 2 if flag else ["none"] * 2) + ["None"]


def test_it_must_be_a_context(monkeypatch):
    told = []
    monkeypatch.setattr(hasten.threading, "excepthook", lambda args: told.append(args.exc_type))
    thread = hasten.threading.Thread(target=print, context=5)
    thread.start()
    thread.join()
    assert told == [AttributeError]  # as in the standard library, which calls context.run()


def test_a_thread_needs_no_module_of_the_standard_librarys(python):
    program = """
import sys, hasten.threading
before = set(sys.modules)
thread = hasten.threading.Thread(target=int)
thread.start()
thread.join()
print(sorted(set(sys.modules) - before))
"""
    assert python(program) == "[]\n"
