"""huey's consumer with workers that are threads, and processes: results, an error, a locked task, SIGINT."""

import os
import signal
import subprocess
import sys

TASKS = """
from huey import SqliteHuey

huey = SqliteHuey(filename="tasks.db")

@huey.task()
def add(a, b):
    return a + b

@huey.task()
def fails(number):
    raise ValueError(number)

@huey.task()
@huey.lock_task("one")
def locked(number):
    return number
"""


def run(kind):
    from tasks import add, fails, locked

    launcher = ["-m", "hasten"] if "hasten.patch" in sys.modules else []
    options = ["-m", "huey.bin.huey_consumer", "tasks.huey", "-k", kind, "-w", "2", "-q"]
    with open("log", "w") as log:
        consumer = subprocess.Popen([sys.executable, *launcher, *options], stdout=log, stderr=log)
    results = [add(number, number) for number in range(40)]
    print(kind, [result.get(blocking=True, timeout=30) for result in results])
    try:
        fails(3).get(blocking=True, timeout=30)
    except Exception as error:
        print(kind, type(error).__name__, error)
    print(kind, "locked", locked(1).get(blocking=True, timeout=30))
    consumer.send_signal(signal.SIGINT)
    print(kind, "status", consumer.wait(30))


def main():
    with open("tasks.py", "w") as file:
        file.write(TASKS)
    sys.path.insert(0, os.getcwd())
    os.environ["PYTHONPATH"] = os.getcwd()
    for kind in ("thread", "process"):
        run(kind)


if __name__ == "__main__":
    main()
