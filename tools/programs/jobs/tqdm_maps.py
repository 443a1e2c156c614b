"""tqdm.contrib.concurrent: thread_map and process_map give each result once, in order."""

import sys

from tqdm import tqdm
from tqdm.contrib.concurrent import process_map, thread_map


def square(number):
    return number * number


def main():
    options = {"max_workers": 2, "file": sys.stderr}
    print(thread_map(square, range(300), **options))
    print(process_map(square, range(300), chunksize=7, **options))
    print(process_map(square, range(20), chunksize=1, **options))
    with tqdm(total=3, file=sys.stderr) as bar:
        bar.update(3)
    print("monitor", tqdm.monitor is not None, "lock", tqdm.get_lock() is not None)


if __name__ == "__main__":
    main()
