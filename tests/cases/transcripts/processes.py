"""Popen subclassed and its parts used, as test tools and wrappers do."""

import io
import os
import signal
import subprocess
import sys
import threading

from prelude import say, trial


class Logged(subprocess.Popen):
    log = []

    def __init__(self, *args, **kwargs):
        self.log.append("init")
        super().__init__(*args, **kwargs)
        self.mine = True

    def _execute_child(self, *args, **kwargs):
        self.log.append(("execute", len(args), sorted(kwargs)))
        return super()._execute_child(*args, **kwargs)

    def wait(self, timeout=None):
        self.log.append("wait")
        return super().wait(timeout=timeout)

    def poll(self):
        self.log.append("poll")
        return super().poll()

    def communicate(self, input=None, timeout=None):
        self.log.append("communicate")
        return super().communicate(input, timeout)

    def _wait(self, timeout):
        self.log.append("_wait")
        return super()._wait(timeout)

    def kill(self):
        self.log.append("kill")
        super().kill()

    def __exit__(self, *exc):
        self.log.append("exit")
        return super().__exit__(*exc)


def told():
    say(sorted({str(entry) for entry in Logged.log}))
    Logged.log.clear()


with Logged(["cat"], stdin=-1, stdout=-1) as child:
    say(child.communicate(b"x"), child.mine)
told()
child = Logged("exit 3", shell=True)
say(child.wait(), child.returncode, child.poll())
told()
plain, subprocess.Popen = subprocess.Popen, Logged
try:
    say(subprocess.run(["echo", "x"], stdout=-1, text=True))
    told()
    trial(lambda: subprocess.run(["sleep", "60"], timeout=0.05))
    told()
    say(subprocess.check_output("echo y", shell=True, universal_newlines=True))
    told()
    say(subprocess.getstatusoutput("echo z; exit 2"))
    told()
finally:
    subprocess.Popen = plain
say(subprocess.list2cmdline(["a b", 'c"d', "", "e\\", "f g\\"]))
say(type(subprocess._active).__name__, subprocess._cleanup())
say(subprocess._args_from_interpreter_flags())
child = subprocess.Popen(["true"])
os.waitpid(child.pid, 0)
say(child.wait(), child.returncode)
child = subprocess.Popen(["sleep", "60"])
say(child.poll(), child.args, child.pid > 0, child)
child.send_signal(signal.SIGTERM)
say(child.wait(), child)
child.send_signal(signal.SIGTERM)
child.terminate(), child.kill()
child = subprocess.Popen(["sleep", "60"])
trial(lambda: child.wait(0.02))
trial(lambda: child.communicate(timeout=0.02))
child.kill()
say(child.communicate(), child.returncode)
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
child.stdin.write(b"abc")
child.stdin.close()
say(type(child.stdin).__name__, type(child.stdout).__name__, child.stdout.read(), child.wait())
child.stdout.close()
child = subprocess.Popen(["cat"], stdin=-1, stdout=-1, text=True, encoding="latin-1", errors="strict")
say(child.communicate("\xe9"), child.stdin.encoding, child.text_mode, child.encoding, child.errors)
child.returncode = 42
say(child.poll(), child.wait())
for call in (
    lambda: subprocess.Popen(["/no/such/program"]),
    lambda: subprocess.Popen(["true"], cwd="/no/such/folder"),
    lambda: subprocess.Popen([]),
    lambda: subprocess.Popen(""),
    lambda: subprocess.Popen(None),
    lambda: subprocess.Popen(5),
    lambda: subprocess.Popen([5]),
    lambda: subprocess.Popen(["a\0b"]),
    lambda: subprocess.Popen(["true"], bufsize="x"),
    lambda: subprocess.Popen(["true"], env={"a": 1}),
    lambda: subprocess.Popen(["true"], env={"a=b": "1"}),
    lambda: subprocess.Popen(["true"], stdin=10**6),
    lambda: subprocess.Popen(["true"], stdin="x"),
    lambda: subprocess.Popen(["true"], text=True, universal_newlines=False),
    lambda: subprocess.Popen(["true"], creationflags=1),
    lambda: subprocess.Popen(["true"], startupinfo=1),
    lambda: subprocess.Popen(["true"], user="no such user"),
    lambda: subprocess.Popen(["true"], group=-1),
    lambda: subprocess.Popen(["true"], umask="x"),
    lambda: subprocess.Popen(["true"], unknown=1),
    lambda: subprocess.Popen(["true"], preexec_fn=lambda: 1 / 0),
    lambda: subprocess.Popen(["true"], preexec_fn=5),
    lambda: subprocess.Popen(["true"], pass_fds=[-1]),
    lambda: subprocess.run(["false"], check=True),
    lambda: subprocess.run(["true"], input=b"", stdin=-1),
    lambda: subprocess.run(["true"], capture_output=True, stdout=-1),
    lambda: subprocess.run(["cat"], input="text"),
    lambda: subprocess.run(["cat"], input=b"bytes", text=True, stdout=-1),
    lambda: subprocess.run(["cat"], input=bytearray(b"x"), stdout=-1),
    lambda: subprocess.run(["cat"], input=5),
    lambda: subprocess.run(["sh", "-c", "kill -9 $$"], check=True),
    lambda: subprocess.check_output(["true"], stdout=1),
    lambda: subprocess.check_output(["true"], input=None, text=True),
    lambda: subprocess.check_call(["false"]),
    lambda: subprocess.call(["sleep", "9"], timeout=0.02),
    lambda: subprocess.CompletedProcess(["x"], 1, "o", "e").check_returncode(),
    lambda: subprocess.CompletedProcess(["x"], 0),
    lambda: subprocess.CalledProcessError(-9, "c"),
    lambda: str(subprocess.CalledProcessError(-9, "c")),
    lambda: str(subprocess.CalledProcessError(-999, "c")),
    lambda: str(subprocess.CalledProcessError(9, "c")),
    lambda: subprocess.CalledProcessError(9, "c", "o").stdout,
    lambda: subprocess.TimeoutExpired("c", 1, b"x").stdout,
    lambda: subprocess.CompletedProcess[str],
    lambda: subprocess.Popen[bytes],
    lambda: subprocess.run(["env"], env={}, stdout=-1),
    lambda: subprocess.run("echo $0 $1", shell=True, executable="/bin/sh", stdout=-1),
    lambda: subprocess.run(["echo a; echo $0 $1", "b", "c"], shell=True, stdout=-1),
    lambda: subprocess.run(["echo", os.fsencode("x"), io.StringIO], stdout=-1),
    lambda: subprocess.run(["pwd"], cwd="/", stdout=-1, stderr=subprocess.STDOUT),
    lambda: subprocess.run(["true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False),
    lambda: subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpgid(0) == os.getpid())"],
        start_new_session=True,
        stdout=-1,
    ),
    lambda: subprocess.run(["sh", "-c", "umask"], umask=0o77, stdout=-1),
    lambda: subprocess.run(["cat"], stdin=open(os.devnull), stdout=-1),
):
    trial(call)


class Broken(subprocess.Popen):
    def _execute_child(self, *args, **kwargs):
        raise OSError("planted")


trial(lambda: Broken(["true"], stdin=-1, stdout=-1))


class Dead(subprocess.Popen):
    def __init__(self):
        pass


trial(lambda: repr(Dead()))
trial(lambda: Dead().poll())
fake = Dead()
fake.returncode = 5
trial(fake.poll)
lines = []
child = subprocess.Popen(["printf", "a\\nb\\n"], stdout=-1, text=True, bufsize=1)
thread = threading.Thread(target=lambda: lines.extend(child.stdout))
thread.start()
child.wait()
thread.join()
child.stdout.close()
say(lines)
