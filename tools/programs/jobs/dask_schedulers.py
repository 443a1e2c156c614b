"""The same bag by dask's threads, its processes, and a distributed cluster of processes and of threads."""

import dask
import dask.bag
from distributed import Client, LocalCluster, Queue, as_completed


def square(number):
    return number * number


def fails(number):
    raise ValueError(f"no {number}")


def distributed(processes):
    host = {"host": "127.0.0.1"} if processes else {}  # threads need no sockets
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=None, **host
    )
    with cluster, Client(cluster) as client:
        total = client.submit(sum, client.map(square, range(300))).result(timeout=60)
        print("distributed", processes, "sum", total)
        done = sorted(future.result() for future in as_completed(client.map(square, range(20))))
        print("distributed", processes, "as_completed", done)
        print("distributed", processes, "error", repr(client.submit(fails, 3).exception(timeout=60)))
        queue = Queue("q", client=client)
        queue.put(17)
        print("distributed", processes, "queue", queue.get(timeout=20))
        with client.get_executor() as executor:
            print("distributed", processes, "executor", list(executor.map(square, range(5))))


def main():
    bag = dask.bag.from_sequence(range(1000), npartitions=8).map(square)
    for scheduler in ("synchronous", "threads", "processes"):
        print(scheduler, bag.sum().compute(scheduler=scheduler, num_workers=2))
        try:
            dask.delayed(fails)(1).compute(scheduler=scheduler)
        except ValueError as error:
            print(scheduler, "error", error)
    distributed(processes=True)
    distributed(processes=False)


if __name__ == "__main__":
    main()
