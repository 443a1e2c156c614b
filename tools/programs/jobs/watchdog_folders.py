"""Watch a folder with watchdog's inotify, its polling observer and its debouncer: each file is noticed."""

import threading
from pathlib import Path

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.polling import PollingObserver
from watchdog.utils.event_debouncer import EventDebouncer


class Seen(FileSystemEventHandler):
    def __init__(self, wanted):
        self.wanted, self.seen, self.all = wanted, set(), threading.Event()

    def on_created(self, event):
        self.seen.add(Path(event.src_path).name)
        if len(self.seen) == self.wanted:
            self.all.set()


def main():
    for kind in (Observer, PollingObserver):
        folder = Path(kind.__name__)
        folder.mkdir()
        seen, observer = Seen(20), kind(timeout=0.1)
        observer.schedule(seen, str(folder), recursive=True)
        observer.start()
        for number in range(20):
            (folder / f"{number:02}").write_text("x")
        seen.all.wait(30)
        observer.stop()
        observer.join(20)
        print(kind.__name__, sorted(seen.seen), observer.is_alive())
    got, done = [], threading.Event()
    debouncer = EventDebouncer(0.05, lambda events: (got.extend(events), done.set()))
    debouncer.start()
    for number in range(3):
        debouncer.handle_event(number)
    done.wait(20)
    debouncer.stop()
    debouncer.join(20)
    print("debounced", got, debouncer.is_alive())


if __name__ == "__main__":
    main()
