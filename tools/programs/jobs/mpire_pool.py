"""mpire: maps, shared objects, worker state, an exception, a time limit; for each start method."""

import time

from mpire import WorkerPool


def with_shared(shared, number):
    return shared["factor"] * number


def init(state):
    state["sum"] = 0


def with_state(state, number):
    state["sum"] += number
    return number


def fails(number):
    raise ValueError(f"no {number}")


def slow(number):
    time.sleep(60)


def main():
    for method in ("fork", "spawn", "forkserver", "threading"):
        with WorkerPool(2, start_method=method, shared_objects={"factor": 3}) as pool:
            print(method, "map", list(pool.map(with_shared, range(100))))
        with WorkerPool(2, start_method=method, use_worker_state=True) as pool:
            done = sorted(pool.imap_unordered(with_state, range(50), worker_init=init, chunk_size=4))
            print(method, "state", done)
        with WorkerPool(2, start_method=method) as pool:
            try:
                pool.map(fails, range(3))
            except ValueError:
                print(method, "error")
        if method != "threading":
            with WorkerPool(2, start_method=method) as pool:
                try:
                    pool.map(slow, range(2), task_timeout=0.5)
                except TimeoutError:
                    print(method, "timeout")


if __name__ == "__main__":
    main()
