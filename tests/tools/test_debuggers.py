"""Debuggers: they start, and see our threads."""

import itertools
import json
import socket

APP = """\
import sys, threading, queue
def work(item):
    return item     # breakpoint
if "listen" in sys.argv:
    import debugpy
    print(*debugpy.listen(("127.0.0.1", 0)), flush=True)
    debugpy.wait_for_client()
results = queue.Queue()
thread = threading.Thread(target=lambda: results.put(work(5)), name="worker")
thread.start()
print("got", results.get(), flush=True)
thread.join()
"""
LINE = 3


class Client:
    """As much of the debug adapter protocol as it takes to stop in a thread once."""

    def __init__(self, connection):
        self.socket = connection
        self.file = self.socket.makefile("rb")
        self.numbers = itertools.count(1)
        self.messages = []

    def send(self, command, **arguments):
        number = next(self.numbers)
        body = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        data = json.dumps(body).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        return number

    def wait(self, **wanted):
        """The first message that has these fields, of those that came or will come."""
        for message in self.messages:
            if wanted.items() <= message.items():
                return message
        while True:
            length = 0
            while line := self.file.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            message = json.loads(self.file.read(length))
            self.messages.append(message)
            if wanted.items() <= message.items():
                return message

    def ask(self, command, **arguments):
        answer = self.wait(type="response", request_seq=self.send(command, **arguments))
        assert answer["success"], answer
        return answer.get("body")


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def stop_in_the_thread(connection, path):
    client = Client(connection)
    with client.socket:
        client.ask("initialize", adapterID="test", pathFormat="path")
        attached = client.send("attach", justMyCode=False)
        client.wait(type="event", event="initialized")
        client.ask("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": LINE}])
        client.ask("configurationDone")
        assert client.wait(type="response", request_seq=attached)["success"]
        stopped = client.wait(type="event", event="stopped")["body"]
        threads = {thread["id"]: thread["name"] for thread in client.ask("threads")["threads"]}
        assert threads[stopped["threadId"]] == "worker" and "MainThread" in threads.values()
        frames = client.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"]
        assert (frames[0]["name"], frames[0]["line"]) == ("work", LINE)
        client.ask("continue", threadId=stopped["threadId"])
        client.wait(type="event", event="terminated")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def finish(process):
    try:
        out, err = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 0 and "got 5\n" in out, (out, err)


def test_debugpy_inside_the_program(tools):
    tools.need("debugpy")
    tools.write("app.py", APP)
    with tools.start("app.py", "listen") as process:
        try:
            line = process.stdout.readline().split()
            assert line, process.stderr.read()
            stop_in_the_thread(connect(int(line[1])), tools.folder / "app.py")
        except BaseException:
            process.kill()
            raise
        finish(process)


def test_debugpy_starts_the_program(tools):
    tools.need("debugpy")
    tools.write("app.py", APP)
    port = free_port()
    args = ["-m", "debugpy", "--listen", f"127.0.0.1:{port}", "--wait-for-client", "app.py"]
    with tools.start(*args) as process:
        try:
            stop_in_the_thread(connect_when_it_listens(process, port), tools.folder / "app.py")
        except BaseException:
            process.kill()
            raise
        finish(process)


def connect_when_it_listens(process, port):
    """The first connection is the client's: when that is closed, the session is over."""
    while process.poll() is None:
        try:
            return connect(port)
        except ConnectionRefusedError:
            continue
    raise AssertionError(process.stderr.read())


KERNEL = """\
import sys
from jupyter_client import KernelManager
manager = KernelManager()
manager.kernel_spec.argv[:] = [sys.executable, "-m", "hasten", "-m", "ipykernel_launcher", "-f",
                                "{connection_file}"]
manager.start_kernel()
client = manager.client()
client.start_channels()
try:
    client.wait_for_ready(timeout=30)
    found = []
    def output(message):
        if message["msg_type"] == "stream":
            found.append(message["content"]["text"])
    code = "import sys, queue, threading; print(sys.modules.get('hasten.queue') is queue)"
    reply = client.execute_interactive(code, timeout=30, output_hook=output)
    print(reply["content"]["status"], *found, end="")
    request = client.session.msg("debug_request", {"type": "request", "seq": 1, "command": "initialize",
        "arguments": {"clientID": "test", "adapterID": "", "pathFormat": "path"}})
    client.control_channel.send(request)
    print(client.control_channel.get_msg(timeout=30)["content"].get("success"))
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
"""


def test_ipykernel_and_its_debugger(tools):
    tools.need("ipykernel")
    tools.write("client.py", KERNEL)
    assert tools.plain("client.py") == "ok True\nTrue\n"
