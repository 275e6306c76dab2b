"""What a database has to offer, and which one a URL names. The statements for notes are in store.py."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

SCHEMA = """CREATE TABLE IF NOT EXISTS notes (
    id {identity}, version BIGINT NOT NULL DEFAULT 1,
    title TEXT NOT NULL, text TEXT NOT NULL, author TEXT NOT NULL, changed TEXT NOT NULL,
    file_name TEXT, file_type TEXT, file_size BIGINT, file_key TEXT)"""

Rows = Sequence[Mapping[str, Any]]


class Database(Protocol):
    """Runs statements whose values are $1, $2 and so on."""

    async def read(self, sql: str, *values: object) -> Rows:
        """Return the rows of a query."""

    async def write(self, sql: str, *values: object) -> Rows:
        """Change something, and return the rows that the statement returns."""

    async def close(self) -> None:
        """Wait for what is running, and close all connections."""


async def connect(url: str, folder: Path) -> Database:
    """Return the database of a URL, with its table: postgresql://..., or sqlite: for a file in the folder."""
    if url.startswith("postgresql:"):
        from .postgres import Postgres

        return await Postgres.connect(url, SCHEMA)
    from .sqlite import Sqlite

    return await Sqlite.connect(folder / "notes.db", SCHEMA)
