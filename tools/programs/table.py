"""The programs: what pip installs for each, what runs, and how its outcome is read."""

from __future__ import annotations

from dataclasses import dataclass

from programs.outcome import REPORT, Reader, lines, tests, unittests


@dataclass(frozen=True)
class Program:
    """installs: pip's requirements.  words: what follows `python` or `python -m hasten`; "JOBS" is the
    folder of the jobs.  limit: seconds after which a run counts as hanging.  status: of a run that went
    well, None where it tells nothing.
    """

    name: str
    installs: tuple[str, ...]
    words: tuple[str, ...]
    read: Reader = lines
    limit: float = 120.0
    status: int | None = None


def job(name: str, installs: str, file: str, *words: str, limit: float = 120.0) -> Program:
    """A job of ours, jobs/FILE.py: what it prints is its outcome."""
    return Program(name, tuple(installs.split()), (f"JOBS/{file}.py", *words), limit=limit, status=0)


def reader(name: str, *words: str) -> Program:
    """A program that reads the sources that jobs/sources.py makes."""
    return Program(name, (name,), ("JOBS/sources.py", name, *words, "sources"), status=0)


def suite(name: str, installs: str, modules: str, *words: str, limit: float = 600.0) -> Program:
    """A program's own tests, in modules that its distribution brings along."""
    options = ("-q", "-p", "no:cacheprovider", f"--junitxml={REPORT}", "--color=no", *words)
    command = ("-m", "pytest", "--pyargs", *modules.split(), *options)
    return Program(name, (*installs.split(), "pytest"), command, tests, limit)


JOBLIB = "not nested_loop and (dispatch or exception or error or timeout or backend or callback)"

PROGRAMS = (
    # without nested_loop, where a Pool's terminate() hangs in the standard library, and what takes minutes
    suite(
        "joblib's tests", "joblib numpy threadpoolctl", "joblib.test.test_parallel", "-k", "not nested_loop"
    ),
    job("scikit-learn", "scikit-learn", "scikit_learn"),
    suite("dask's tests", "dask numpy", "dask.tests.test_threaded dask.tests.test_multiprocessing"),
    job("dask", "dask distributed", "dask_schedulers"),
    job("celery", "celery", "celery_pools", limit=180),
    job("gunicorn sync", "gunicorn", "web_server", "gunicorn", "sync"),
    job("gunicorn gthread", "gunicorn", "web_server", "gunicorn", "gthread"),
    job("uvicorn", "uvicorn", "web_server", "uvicorn"),
    job("pytest-xdist", "pytest pytest-xdist", "xdist_tests"),
    job("watchdog", "watchdog", "watchdog_folders"),
    job("APScheduler", "APScheduler<4", "apscheduler_jobs"),
    job("tqdm", "tqdm", "tqdm_maps"),
    reader("black", "--workers", "2"),
    reader("pylint", "-j", "2", "--exit-zero"),
    reader("flake8", "-j", "2", "--exit-zero"),
    job("coverage", "coverage", "coverage_children"),
    job("pebble", "pebble", "pebble_pools"),
    job("mpire", "mpire", "mpire_pool"),
    job("loky", "loky", "loky_executor"),
    job("aiomultiprocess", "aiomultiprocess", "aiomultiprocess_pool"),
    job("dill", "dill", "dill_objects"),
    job("huey", "huey", "huey_consumer"),
    job("viztracer", "viztracer", "viztracer_children"),
    job("SQLAlchemy", "SQLAlchemy", "sqlalchemy_pool"),
    Program(
        "tornado's tests",
        ("tornado",),
        (
            "-m",
            "unittest",
            "-v",
            *(
                "tornado.test." + n
                for n in ("concurrent_test", "process_test", "queues_test", "netutil_test")
            ),
        ),
        unittests,
    ),
    job("twisted", "twisted", "twisted_reactor"),
    job("sentry-sdk", "sentry-sdk", "sentry_threads"),
    job("ddtrace", "ddtrace", "ddtrace_threads"),
    job("debugpy", "debugpy", "debugpy_stops"),
    Program(
        "memray",
        ("memray",),
        ("-m", "memray", "run", "--follow-fork", "-o", "memray.bin", "JOBS/debugged.py"),
    ),
    Program("pathos's tests", ("pathos",), ("-m", "pathos.tests"), limit=300),
)
