"""The other end of a manager, in an interpreter of its own that has nothing but the standard library.

    python -I manager_peer.py serve            prints the port, and serves until its input ends
    python -I manager_peer.py use PORT         does with a server what clients do, and prints what it gets
"""

import os
import sys
import threading
from multiprocessing import current_process
from multiprocessing.managers import SyncManager
from typing import Any

KEY = b"a key"


class Manager(SyncManager):
    pass


class Parent:
    def __init__(self, *args):
        pass

    def child(self):
        return Parent()

    def name(self):
        return "parent"


kept = {"a": 1}
Manager.register("kept", lambda: kept)
Manager.register("Parent", Parent, method_to_typeid={"child": "Parent"})


def serve():
    server: Any = Manager(("127.0.0.1", 0), KEY).get_server()
    print(server.address[1], flush=True)

    def end():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()
    server.serve_forever()


def use(manager):
    """What clients do; the same from both ends."""
    told: list[Any] = []
    d = manager.dict(a=1)
    d["b"] = [2]
    told.append(sorted(d.copy().items()))
    told.append(sorted(d))  # by an iterator's proxy
    items = manager.list([1, 2])
    items.append(3)
    items += [4]
    told.append((items[:], str(items)))
    queue = manager.Queue()
    queue.put("x")
    told.append((queue.get(), queue.empty()))
    try:
        queue.get_nowait()
    except Exception as error:
        told.append((type(error).__module__, type(error).__name__))
    try:
        d["no such key"]
    except KeyError as error:
        told.append(str(error))
    try:
        d._callmethod("__no_such__")
    except Exception as error:
        told.append(type(error).__name__)
    with manager.Lock(), manager.RLock(), manager.Semaphore(1), manager.Condition():
        pass
    event, value, space = manager.Event(), manager.Value("i", 3), manager.Namespace(y=2)
    event.set()
    value.value += 1
    space.z = 5
    told.append((event.wait(), value.value, str(value), space.z, manager.Array("i", [7])[0]))
    d["nested"] = items  # a proxy goes to the server and comes back
    d["nested"].append(5)
    told.append(items[:])
    told.append(manager.Parent().child().name())
    told.append(manager.kept().copy())
    del d, items, queue, event, value, space
    told.append("over")
    return told


if __name__ == "__main__":
    current_process().authkey = KEY  # it does not travel with proxies that are pickled
    if sys.argv[1] == "serve":
        serve()
    else:
        client = Manager(("127.0.0.1", int(sys.argv[2])), KEY)
        client.connect()
        print(use(client))
