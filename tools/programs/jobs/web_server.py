"""gunicorn or uvicorn with two workers: requests, a killed worker is replaced, SIGTERM ends all.

web_server.py gunicorn sync | gunicorn gthread | uvicorn
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(kind, port):
    hasten = ["-m", "hasten"] if "hasten.patch" in sys.modules else []
    python = [sys.executable, *hasten, "-m"]
    if kind[0] == "uvicorn":
        address = ["--host", "127.0.0.1", "--port", str(port)]
        words = ["--workers", "2", "--log-level", "warning", "--lifespan", "off"]
        return [*python, "uvicorn", "web_server:asgi", *address, *words]
    words = ["--bind", f"127.0.0.1:{port}", "--worker-class", kind[1], "--threads", "2"]
    return [*python, "gunicorn", "--workers", "2", "--log-level", "warning", *words, "web_server:application"]


def ask(port, seconds=30.0):
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return int(answer.read())
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def another_than(old, port):
    until = time.monotonic() + 30
    while (pid := ask(port)) == old:
        if time.monotonic() > until:
            return None
    return pid


def main():
    port = free_port()
    server = subprocess.Popen(command(sys.argv[1:], port), cwd=Path(__file__).resolve().parent)
    try:
        first = ask(port)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, [port] * 200))
        print("answers", len(answers), "of at most two workers", len(set(answers)) <= 2)
        os.kill(first, signal.SIGKILL)
        print("killed worker, another answers", another_than(first, port) is not None)
    finally:
        server.terminate()
        print("server ended with", server.wait(40))


if __name__ == "__main__":
    main()
