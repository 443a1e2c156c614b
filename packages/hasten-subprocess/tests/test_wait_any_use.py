"""Waiting for the first of many children: `wait_any` as a user sees it."""

import os
import signal
import subprocess

import pytest
from children import has_ended
from signalling import Interrupt, interrupt

import hasten.subprocess as ours


@pytest.fixture
def start():
    """Start children; all are killed and waited for at the end."""
    started = []

    def start(count=1, command=("sleep", "1000"), **options):
        children = [ours.Popen(command, **options) for _ in range(count)]
        started.extend(children)
        return children

    yield start
    for child in started:
        child.kill()
        with child:
            """It is waited for."""


def ended(children, timeout=30):
    """What wait_any() gives, as a list whatever its form."""
    return list(ours.wait_any(children, timeout=timeout))


def test_the_one_that_ends(start):
    children = start(20)
    children[7].kill()
    assert ended(children) == [children[7]]
    assert children[7].returncode == -9
    assert all(child.returncode is None for child in children if child is not children[7])
