"""sentry-sdk: its wrappers of threads, executors and subprocesses record errors and spans."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import sentry_sdk
from sentry_sdk.integrations.stdlib import StdlibIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration
from sentry_sdk.transport import Transport

events = []


class Kept(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            events.append(item.payload.json or {})


def fails():
    raise ValueError("no")


def main():
    threading.excepthook = lambda *_: None
    integrations = [ThreadingIntegration(propagate_scope=True), StdlibIntegration()]
    sentry_sdk.init(
        "http://key@127.0.0.1/1",
        transport=Kept,
        traces_sample_rate=1.0,
        default_integrations=False,
        integrations=integrations,
    )
    with sentry_sdk.start_transaction(name="all"):
        thread = threading.Thread(target=fails, name="failing")
        thread.start()
        thread.join()
        with ThreadPoolExecutor(2) as pool:
            print(list(pool.map(len, ["a", "bb"])))
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    sentry_sdk.flush(5)
    for item in events:
        for value in item.get("exception", {}).get("values", []):
            print("error", value["type"], value["value"], value["mechanism"]["type"])
        for span in item.get("spans", []):
            print("span", span["op"])


if __name__ == "__main__":
    main()
