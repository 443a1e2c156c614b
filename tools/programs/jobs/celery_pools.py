"""A celery worker with its prefork and its thread pool, a folder as the broker: results, errors, its end."""

import os
import subprocess
import sys
import time
from pathlib import Path

from celery import Celery, group

folder = Path(os.environ.setdefault("CELERY_JOB_FOLDER", str(Path("broker").resolve())))
app = Celery("celery_pools", set_as_current=True, broker="filesystem://", backend=f"file://{folder}/results")
app.conf.broker_transport_options = {
    "data_folder_in": str(folder / "queue"),
    "data_folder_out": str(folder / "queue"),
    "processed_folder": str(folder / "done"),
    "control_folder": str(folder / "control"),
}


@app.task(name="add")
def add(left, right):
    return left + right


@app.task(name="fails")
def fails(text):
    raise ValueError(text)


def worker(pool):
    words = ["--app", "celery_pools", "worker", "--pool", pool, "--concurrency", "2", "--without-mingle"]
    options = ["--without-gossip", "--loglevel", "warning"]
    hasten = ["-m", "hasten"] if "hasten.patch" in sys.modules else []
    here = str(Path(__file__).resolve().parent)
    return subprocess.Popen(
        [sys.executable, *hasten, "-m", "celery", "--workdir", here, *words, *options],
        stdout=subprocess.DEVNULL,
    )


def main():
    for name in ("queue", "done", "control", "results"):
        (folder / name).mkdir(parents=True)
    for pool in ("prefork", "threads"):
        process = worker(pool)
        try:
            print(pool, "sum", add.delay(2, 3).get(timeout=90))
            print(pool, "group", group(add.s(i, i) for i in range(40))().get(timeout=90))
            try:
                fails.delay("no").get(timeout=60)
            except ValueError as error:
                print(pool, "error", error)
        finally:
            process.terminate()
            begin = time.monotonic()
            status = process.wait(60)
        print(pool, "worker", status, "ended in time" if time.monotonic() - begin < 30 else "late")


if __name__ == "__main__":
    sys.modules["celery_pools"] = sys.modules["__main__"]
    main()
