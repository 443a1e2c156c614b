"""Rows of `multiprocessing`: a child that does nothing, started and joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.cases import Suite, module
from bench.own_program import OwnProgram


@dataclass
class Starts(OwnProgram):
    """Children one after the other; spawned ones load the program's main module."""

    program = "starts.py"
    method: str = "fork"
    most_rounds: int = 21

    def words(self, module: Any) -> list[str]:
        return [module.__name__, self.method]


SUITE = Suite(
    name="multiprocessing_starts",
    packages=("multiprocessing",),
    imports="hasten.multiprocessing",
    implementations=(module("stdlib", "multiprocessing"), module("hasten", "hasten.multiprocessing")),
    cases=(
        Starts("start and join, fork", method="fork", steps=100),
        Starts("start and join, spawn", method="spawn"),
        Starts("start and join, forkserver", method="forkserver", steps=40),
    ),
)
