"""APScheduler's background scheduler over a pool of threads and one of processes: intervals, errors."""

import datetime
import threading

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

LOCAL = threading.local()


def square(number):
    return number * number


def fails():
    raise ValueError("no")


def main():
    executors = {"default": ThreadPoolExecutor(4), "processes": ProcessPoolExecutor(2)}
    on_time = {"misfire_grace_time": None}  # however busy the machine is
    scheduler = BackgroundScheduler(executors=executors, job_defaults=on_time, timezone=datetime.timezone.utc)
    results, every = [], threading.Semaphore(0)

    def listen(event):
        results.append((event.job_id, event.retval, repr(event.exception)))
        every.release()

    scheduler.add_listener(listen, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    scheduler.start()
    for number in range(5):
        scheduler.add_job(square, args=[number], id=f"thread {number}")
        scheduler.add_job(square, args=[number], id=f"process {number}", executor="processes")
    scheduler.add_job(fails, id="fails")
    scheduler.add_job(fails, id="fails in a process", executor="processes")
    for _ in range(12):
        every.acquire(timeout=40)
    for result in sorted(results):
        print(result)
    ticks = threading.Semaphore(0)
    scheduler.add_job(ticks.release, "interval", seconds=0.05, id="tick")
    print("ticks", all(ticks.acquire(timeout=20) for _ in range(5)))
    scheduler.shutdown(wait=True)
    print("running", scheduler.running, [t.name for t in threading.enumerate()])


if __name__ == "__main__":
    main()
