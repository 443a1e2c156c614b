"""The example of README.md: a test that was flaky with real threads."""

import queue
import re
import threading
from pathlib import Path

import pytest

from hasten.dummy_threading import patched


class Mailer:
    """Sends mails in the background, and tells the caller when one could not be sent."""

    def __init__(self, send):
        self.send = send
        self.failed = []
        self.waiting = queue.Queue()

    def post(self, mail):
        self.waiting.put(mail)
        threading.Thread(target=self._deliver).start()

    def _deliver(self):
        mail = self.waiting.get()
        try:
            self.send(mail)
        except OSError as error:
            self.failed.append((mail, error))


class Refused(OSError):
    pass


def refuse(mail):
    raise Refused(mail)


def test_a_mail_that_cannot_be_sent():
    with patched():
        mailer = Mailer(refuse)
        mailer.post("hello")
        assert [mail for mail, error in mailer.failed] == ["hello"]


def test_the_order_is_always_the_same():
    for _ in range(50):
        sent = []
        with patched():
            mailer = Mailer(sent.append)
            for number in range(20):
                mailer.post(number)
        assert sent == list(range(20))


def test_with_real_threads_the_assertion_can_come_too_early():
    """The schedule that makes the test of the README fail now and then, forced."""
    may_fail = threading.Event()

    def slow(mail):
        may_fail.wait(30)
        raise Refused(mail)

    mailer = Mailer(slow)
    mailer.post("hello")
    try:
        assert mailer.failed == [], "the mail is still on its way when the test looks"
    finally:
        may_fail.set()
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join(30)
    assert [mail for mail, error in mailer.failed] == ["hello"]


@pytest.mark.parametrize("name", ["Mailer", "test_a_mail_that_cannot_be_sent"])
def test_the_readme_shows_this_very_code(name):
    here = Path(__file__)
    readme = (here.parents[1] / "README.md").read_text()
    source = here.read_text()
    shown = re.search(rf"^(?:class|def) {name}\b.*?(?=\n\n\n)", source, re.MULTILINE | re.DOTALL)
    assert shown and shown.group() in readme
