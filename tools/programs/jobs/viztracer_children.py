"""viztracer: the calls of threads, of forked and of spawned children in one trace."""

import json
import subprocess
import sys

TRACED = """
import multiprocessing, threading

def traced(number):
    return sum(range(number))

if __name__ == "__main__":
    thread = threading.Thread(target=traced, args=(10,))
    thread.start()
    thread.join()
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.map(traced, [10] * 3))
            pool.close()
            pool.join()
"""


def main():
    with open("traced.py", "w") as file:
        file.write(TRACED)
    launcher = ["-m", "hasten"] if "hasten.patch" in sys.modules else []
    command = [sys.executable, *launcher, "-m", "viztracer", "--quiet", "-o", "trace.json", "traced.py"]
    subprocess.run(command, check=True)
    with open("trace.json") as file:
        events = json.load(file)["traceEvents"]
    calls = [event for event in events if event.get("name", "").startswith("traced (")]
    print("calls", len(calls), "processes", len({call["pid"] for call in calls}))


if __name__ == "__main__":
    main()
