"""A connection to an SQLite file in WAL mode, for one thread. Neither notes nor the loop is known here."""

import sqlite3
import time
from pathlib import Path

WAIT_SECONDS = 10
PAUSE_SECONDS = 0.01


def open_in_wal_mode(path: Path) -> sqlite3.Connection:
    """Open a file, which is made if it is not there. A statement is a transaction, and waits while another writes."""
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    connection.create_function("lower", 1, str.lower, deterministic=True)  # SQLite's own knows ASCII only.
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_in_wal_mode(connection):
        if time.monotonic() > deadline:
            connection.close()
            raise TimeoutError(f"{path} is in use by another program, which does not let it go")
        time.sleep(PAUSE_SECONDS)
    return connection


def is_in_wal_mode(connection: sqlite3.Connection) -> bool:
    """Set WAL mode, or give False: SQLite does not wait while another process does so, or writes in another mode."""
    try:
        connection.execute("PRAGMA journal_mode = wal")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            connection.close()
            raise
        return False
    return True
