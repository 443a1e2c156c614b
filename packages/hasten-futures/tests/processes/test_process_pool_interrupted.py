"""An interrupted submit() of a ProcessPoolExecutor, at any Python line, leaves nothing stuck."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest
from support import pool_targets as targets
from support.injection import at_each_line
from support.tasks import LONG, Task

from hasten.futures import _process_engine, _process_executor

FILES = [_process_executor.__file__, _process_engine.__file__]


def ends_in_time(pool: Any) -> bool:
    task = Task(pool.shutdown)
    task.start()
    task.join(LONG)
    return not task.is_alive()


@pytest.mark.ours
@pytest.mark.parametrize("first", [True, False])
def test_an_interrupted_submit(new_pool: Any, first: bool) -> None:
    def used() -> Any:
        pool = new_pool(size=1)
        if not first:
            pool.submit(targets.square, 1).result(LONG)
        return pool

    pools = [used()]
    for place in at_each_line(lambda: pools[-1].submit(targets.square, 3), KeyboardInterrupt, FILES):
        pool = pools.pop()
        if first:
            try:
                assert pool.submit(targets.square, 4).result(LONG) == 16, place
            except BrokenProcessPool as error:
                assert "could not be started" in str(error), place
        assert ends_in_time(pool), place
        pools.append(used())
