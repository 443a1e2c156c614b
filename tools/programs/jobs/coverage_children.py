"""coverage --concurrency=multiprocessing: the lines that children run are counted, for each start method."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import multiprocessing, sys
def work(number):
    if number % 2:
        return number + 1
    return number * number
def other(number):
    return number
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        print(pool.map(work, range(20)))
        pool.close()
        pool.join()
    process = context.Process(target=other, args=(1,))
    process.start()
    process.join()
    print(process.exitcode)
"""


def main():
    hasten = ["-m", "hasten"] if "hasten.patch" in sys.modules else []
    Path("program.py").write_text(PROGRAM)
    for method in ("fork", "spawn", "forkserver"):
        Path(".coveragerc").write_text("[run]\nconcurrency = multiprocessing\nparallel = true\n")
        coverage = [sys.executable, *hasten, "-m", "coverage"]
        print(
            method, subprocess.check_output([*coverage, "run", "program.py", method], text=True).split("\n")
        )
        subprocess.check_call([*coverage, "combine", "--quiet"])
        subprocess.check_call([*coverage, "json", "--quiet", "-o", f"{method}.json"])
        report = json.loads(Path(f"{method}.json").read_text())
        print(method, "missing", report["files"]["program.py"]["missing_lines"])


if __name__ == "__main__":
    main()
