"""An SQLite file: several threads read it and one thread writes it, so that no statement holds the loop up.

In WAL mode readers see the last complete state while the writer writes. Notes are not known here.
"""

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .sqlite_connection import open_in_wal_mode


class Sqlite:
    """A pool of threads for reading and a thread for writing, each with a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.readers = ThreadPoolExecutor(thread_name_prefix="notes read")
        self.writer = ThreadPoolExecutor(1, "notes write")
        self.own = threading.local()
        self.connections: list[sqlite3.Connection] = []

    @classmethod
    async def connect(cls, path: Path, schema: str) -> "Sqlite":
        """Open the file, which is made if it is not there."""
        database = cls(path)
        try:
            await database.write(schema.format(identity="INTEGER PRIMARY KEY AUTOINCREMENT"))
        except BaseException:
            await database.close()
            raise
        return database

    async def read(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        return await asyncio.wrap_future(self.readers.submit(self.run, sql, values))

    async def write(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Change something, and return the rows that the statement returns."""
        return await asyncio.wrap_future(self.writer.submit(self.run, sql, values))

    def run(self, sql: str, values: tuple[object, ...]) -> list[dict[str, Any]]:
        """Run one statement by this thread's connection. SQLite takes $1 as the name "1"."""
        if not hasattr(self.own, "connection"):
            self.own.connection = open_in_wal_mode(self.path)
            self.connections.append(self.own.connection)
        cursor = self.own.connection.execute(sql, {str(place): value for place, value in enumerate(values, 1)})
        return [{column[0]: value for column, value in zip(cursor.description, row, strict=True)} for row in cursor]

    async def close(self) -> None:
        """Wait for what is running, and close all connections."""
        for pool in (self.readers, self.writer):
            await asyncio.to_thread(pool.shutdown)
        for connection in self.connections:
            connection.close()
