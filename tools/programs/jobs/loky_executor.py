"""loky's reusable executor: results, closures, resizing, a crash, nesting, an error."""

import os

from loky import get_reusable_executor
from loky.process_executor import TerminatedWorkerError


def nested(depth):
    if depth == 0:
        return 1
    return get_reusable_executor(max_workers=1, timeout=10).submit(nested, depth - 1).result(60) + 1


def main():
    executor = get_reusable_executor(max_workers=2, timeout=20)
    print(list(executor.map(lambda n: n * n, range(100))))
    executor = get_reusable_executor(max_workers=3, timeout=20)
    print(sum(executor.map(len, [b"x" * 1_000_000] * 6)))
    try:
        executor.submit(os._exit, 3).result(60)
    except TerminatedWorkerError:
        print("crash")
    executor = get_reusable_executor(max_workers=2, timeout=20)
    try:
        executor.submit(int, "x").result(60)
    except ValueError as error:
        print("error", error)
    print("nested", executor.submit(nested, 2).result(60))
    executor.shutdown(wait=True)


if __name__ == "__main__":
    main()
