"""SQLAlchemy's queue pool with many threads: all get a connection, a time-out where all are taken."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import create_engine, event, exc, text
from sqlalchemy.pool import QueuePool


def main():
    options = {"poolclass": QueuePool, "pool_size": 3, "max_overflow": 1, "pool_timeout": 20}
    engine = create_engine("sqlite:///base.db", connect_args={"check_same_thread": False}, **options)
    checkouts = []
    event.listen(engine, "checkout", lambda *_: checkouts.append(threading.get_ident()))
    with engine.begin() as connection:
        connection.execute(text("create table numbers (n integer)"))

    def read(number):
        with engine.connect() as connection:
            return connection.execute(text("select :n + 1"), {"n": number}).scalar()

    with ThreadPoolExecutor(12) as pool:
        print(list(pool.map(read, range(300))))
    print("checkouts", len(checkouts), "checked out", engine.pool.checkedout())
    engine.pool._timeout = 0.2
    held = [engine.connect() for _ in range(4)]
    try:
        engine.connect()
    except exc.TimeoutError:
        print("timeout")
    for connection in held:
        connection.close()
    engine.dispose()


if __name__ == "__main__":
    main()
