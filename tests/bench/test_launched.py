"""The check that python -m hasten works in an interpreter, by which the demo and the programs begin."""

import shutil
import sys

import pytest
from launched import NotLaunched, checked

import hasten.patch


def test_an_interpreter_with_all():
    pytest.importorskip("hasten.multiprocessing")
    assert hasten.patch.is_installed("queue") is False
    assert checked(sys.executable) == shutil.which(sys.executable)


def test_one_that_is_not_there():
    with pytest.raises(NotLaunched, match="no-such-python is not on PATH"):
        checked("no-such-python")


def test_one_without_hasten(tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(NotLaunched, match="does not replace all modules"):
        checked(str(python))
