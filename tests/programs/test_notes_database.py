"""The notes of examples/notes in SQLite and in PostgreSQL: database.py, sqlite.py, sqlite_connection.py,
postgres.py, store.py and note.py.

Both databases have to answer the same; a PostgreSQL server is started where one is installed.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from needs import need_library
from vitok.http import HTTPError

from examples.notes.database import Database, connect
from examples.notes.note import TEXT_AT_MOST, TITLE_AT_MOST, Note, checked
from examples.notes.store import Store

Scenario = Callable[[Store], Coroutine[Any, Any, None]]
Run = Callable[[Scenario], None]


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without notes. The server starts before the test whose descriptors are counted."""
    if request.param == "sqlite":
        return "sqlite:"
    need_library("asyncpg")
    return f"postgresql://tester@127.0.0.1:{request.getfixturevalue('postgres').port}/postgres"


@pytest.fixture
def run(url: str, loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[Run]:
    """Run a scenario with a store, and leave no table behind."""

    async def with_store(scenario: Scenario) -> None:
        store = Store(await connect(url, tmp_path))
        try:
            await scenario(store)
        finally:
            await store.database.write("DROP TABLE notes")
            await store.database.close()

    yield lambda scenario: loop.run_until_complete(with_store(scenario))
    loop.run_until_complete(loop.shutdown_default_executor())


def new(title: str, text: str = "") -> Note:
    return Note(title=title, text=text, author="Quiet Heron")


def test_a_note_comes_back_as_it_was(run: Run) -> None:
    async def scenario(store: Store) -> None:
        text = "Ünïcode 🦊\n\ttabs, 'quotes', \"more\", $1, ?1, %s and \\"
        file = {"file_name": "a.txt", "file_type": "text/plain", "file_size": 2**40, "file_key": "f00"}
        added = await store.add(Note(title="Title", text=text, author="Quiet Heron", **file))
        assert (added.version, added.text, added.file_size, added.file_name) == (1, text, 2**40, "a.txt")
        assert added.changed.endswith("+00:00")
        assert await store.get(added.id) == added
        assert await store.find() == [added]

    run(scenario)


def test_search_takes_each_character_as_itself(run: Run) -> None:
    """Upper and lower case are the same, in every alphabet; the signs of LIKE are found as such."""

    async def scenario(store: Store) -> None:
        for title, text in (("50% off", "a_b"), ("Ähren", "back\\slash"), ("plain", "50 percent")):
            await store.add(new(title, text))
        found = {
            words: sorted(note.title for note in await store.find(words))
            for words in ("50%", "A_B", "äHREN", "\\", "off a", "'; DROP TABLE notes; --", "")
        }
        assert found == {
            "50%": ["50% off"],
            "A_B": ["50% off"],
            "äHREN": ["Ähren"],
            "\\": ["Ähren"],
            "off a": ["50% off"],
            "'; DROP TABLE notes; --": [],
            "": ["50% off", "plain", "Ähren"],
        }

    run(scenario)


def test_latest_change_first(run: Run) -> None:
    async def scenario(store: Store) -> None:
        first, second = [await store.add(new(title)) for title in ("first", "second")]
        assert [note.id for note in await store.find()] == [second.id, first.id]
        # The clock of the notes has milliseconds.
        changed = first
        while changed.changed <= second.changed:
            changed = not_none(await store.change(changed))
        assert [note.id for note in await store.find()] == [first.id, second.id]

    run(scenario)


def not_none(note: Note | None) -> Note:
    assert note is not None
    return note


def test_no_change_is_lost(run: Run) -> None:
    """Of many who change the version that all have seen, one succeeds, and the others learn of it."""

    async def scenario(store: Store) -> None:
        note = await store.add(new("contested"))
        results = await asyncio.gather(*(store.change(replace(note, text=str(number))) for number in range(20)))
        (winner,) = [result for result in results if result is not None]
        assert winner.version == 2
        assert await store.get(note.id) == winner

    run(scenario)


def test_what_is_not_there(run: Run) -> None:
    """Ids that no note has, and ids that no database could have."""

    async def scenario(store: Store) -> None:
        note = await store.add(new("short-lived"))
        assert await store.remove(note)
        assert not await store.remove(note)
        assert await store.change(note) is None
        for number in (note.id, 0, -1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30):
            assert await store.get(number) is None
        assert (await store.add(new("next"))).id > note.id

    run(scenario)


def test_reads_go_on_beside_writes(run: Run) -> None:
    """A burst of both, at the same time: each added note is there once."""

    async def scenario(store: Store) -> None:
        async def add(number: int) -> int:
            await store.find(str(number))
            return (await store.add(new(f"note {number}"))).id

        ids = await asyncio.gather(*map(add, range(60)))
        assert len(set(ids)) == 60
        assert len(await store.find("note")) == 60

    run(scenario)


def test_the_table_stays(url: str, loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """A second start finds the notes of the first, also while the first still runs, as with several workers."""

    async def main() -> None:
        first, second = await asyncio.gather(connect(url, tmp_path), connect(url, tmp_path))
        added = await Store(first).add(new("kept"))
        await first.close()
        assert await Store(second).get(added.id) == added
        await second.write("DROP TABLE notes")
        await second.close()

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())


def test_a_file_that_another_process_changes_is_waited_for(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """SQLite refuses at once to set WAL mode beside a writer, as of the processes that open a new file: try again."""
    other = sqlite3.connect(tmp_path / "notes.db", isolation_level=None)
    other.execute("CREATE TABLE others (number INTEGER)")
    other.execute("BEGIN IMMEDIATE")

    async def main() -> None:
        loop.call_later(0.05, other.execute, "COMMIT")
        databases = await asyncio.gather(*(connect("sqlite:", tmp_path) for _ in range(8)))
        for database in databases:
            await database.close()

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())
    other.close()


def test_a_file_that_cannot_be_opened_leaves_no_thread(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    threads = threading.active_count()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        loop.run_until_complete(connect("sqlite:", tmp_path / "missing"))
    loop.run_until_complete(loop.shutdown_default_executor())
    assert threading.active_count() == threads


def test_sqlite_is_in_wal_mode_and_reports_errors(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """The mode is that of the file; a statement that fails raises, and so does a file that can't be opened."""

    async def main() -> None:
        database: Database = await connect("sqlite:", tmp_path)
        assert await database.read("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
        with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
            await database.write("INSERT INTO notes (title) VALUES ($1)", "alone")
        await database.close()
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            await connect("sqlite:", tmp_path / "missing")

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())


@pytest.mark.parametrize(
    ("title", "text"),
    [
        *[("", ""), (" \n ", "text"), (None, "text"), ("title", 5), ("title", ["text"])],
        *[("nul\0", ""), ("title", "\ud800"), ("title", "\x1b[31m")],
        *[("x" * (TITLE_AT_MOST + 1), ""), ("title", "x" * (TEXT_AT_MOST + 1))],
    ],
)
def test_no_note(title: object, text: object) -> None:
    """What is no note is refused before a database sees it: PostgreSQL takes no NUL, and neither takes a surrogate."""
    with pytest.raises(HTTPError) as refused:
        checked(title, text)
    assert refused.value.status == 422


def test_a_note_is_tidied() -> None:
    assert checked(" Title\n", "one\r\ntwo\t\n\n") == {"title": "Title", "text": "one\ntwo"}
