"""A program with threads and a child process, run under a debugger or a profiler by the rows of the table."""

import queue
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context


def square(number):
    return number * number


def main():
    numbers = queue.Queue(4)
    got = []
    reader = threading.Thread(target=lambda: [got.append(numbers.get(timeout=20)) for _ in range(100)])
    reader.start()
    for number in range(100):
        numbers.put(number)
    reader.join()
    print("queue", sum(got))
    with ThreadPoolExecutor(2) as pool:
        print("threads", sum(pool.map(square, range(100))))
    for method in ("fork", "spawn"):
        with get_context(method).Pool(2) as pool:
            print(method, sum(pool.map(square, range(100))))
    print("child", subprocess.run([sys.executable, "-c", "print(3)"], capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
