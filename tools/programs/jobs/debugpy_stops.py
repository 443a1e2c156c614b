"""debugpy, in this process: a client stops a thread at a breakpoint, looks at a variable and lets it go."""

import json
import socket
import threading
from pathlib import Path

import debugpy


class Client:
    def __init__(self, address):
        self.stream = socket.create_connection(address, 20).makefile("rwb")
        self.number = 0

    def send(self, command, **arguments):
        self.number += 1
        body = json.dumps({"seq": self.number, "type": "request", "command": command, "arguments": arguments})
        self.stream.write(f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        self.stream.flush()

    def read_until(self, wanted):
        while True:
            length = int(self.stream.readline().split(b":")[1])
            self.stream.readline()
            message = json.loads(self.stream.read(length))
            if wanted in (message.get("event"), message.get("command")):
                return message


def line_of(text):
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(text))


def control(address, ready, stopped):
    client = Client(address)
    client.send("initialize", adapterID="test", pathFormat="path")
    client.read_until("initialize")
    client.send("attach", justMyCode=True, subProcess=False)
    client.read_until("initialized")
    breakpoints = [{"line": line_of("# the breakpoint")}]
    client.send("setBreakpoints", source={"path": str(Path(__file__).resolve())}, breakpoints=breakpoints)
    client.read_until("setBreakpoints")
    client.send("configurationDone")
    client.read_until("configurationDone")
    ready.set()
    event = client.read_until("stopped")["body"]
    client.send("threads")
    names = [thread["name"] for thread in client.read_until("threads")["body"]["threads"]]
    client.send("stackTrace", threadId=event["threadId"])
    frame = client.read_until("stackTrace")["body"]["stackFrames"][0]
    client.send("evaluate", expression="number * 2", frameId=frame["id"])
    stopped.append((event["reason"], frame["name"], "the worker" in names))
    stopped.append(client.read_until("evaluate")["body"]["result"])
    client.send("disconnect", terminateDebuggee=False)
    client.read_until("disconnect")


def work(number, results):
    results.append(number)  # the breakpoint


def main():
    address = debugpy.listen(("127.0.0.1", 0))
    ready, stopped, results = threading.Event(), [], []
    controller = threading.Thread(target=control, args=(address, ready, stopped))
    controller.pydev_do_not_trace = True
    controller.is_pydev_daemon_thread = True
    controller.start()
    debugpy.wait_for_client()
    ready.wait(30)
    worker = threading.Thread(target=work, args=(21, results), name="the worker")
    worker.start()
    worker.join(30)
    controller.join(30)
    print(stopped, results)


if __name__ == "__main__":
    main()
