"""The notes in a database, by statements that SQLite and PostgreSQL both understand. HTTP is not known here."""

from datetime import UTC, datetime

from .database import Database
from .note import Note

SHOWN_AT_MOST = 200
ID_BITS = 63
FILE = "file_name", "file_type", "file_size", "file_key"


class Store:
    """The notes of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def find(self, words: str = "") -> list[Note]:
        """Return the notes that contain the words, the latest change first."""
        pattern = words.lower()
        for special in "\\%_":
            pattern = pattern.replace(special, "\\" + special)
        sql = r"SELECT * FROM notes WHERE lower(title || ' ' || text) LIKE $1 ESCAPE '\' ORDER BY changed DESC, id DESC"
        rows = await self.database.read(f"{sql} LIMIT {SHOWN_AT_MOST}", f"%{pattern}%")
        return [Note(**row) for row in rows]

    async def get(self, number: int) -> Note | None:
        """Return the note with this id, if there is one."""
        if number.bit_length() > ID_BITS:
            return None
        rows = await self.database.read("SELECT * FROM notes WHERE id = $1", number)
        return Note(**rows[0]) if rows else None

    async def add(self, note: Note) -> Note:
        """Keep a new note, and return it with its id."""
        (added,) = await self._write("INSERT INTO notes ({names}) VALUES ({places}) RETURNING *", note)
        return added

    async def change(self, note: Note) -> Note | None:
        """Change the note with this id, unless somebody has removed it, or changed it since this version."""
        sql = "UPDATE notes SET version = version + 1, ({names}) = ({places}) WHERE id = $9 AND version = $10"
        return next(iter(await self._write(f"{sql} RETURNING *", note, note.id, note.version)), None)

    async def remove(self, note: Note) -> bool:
        """Remove a note; false if it is gone already."""
        return bool(await self.database.write("DELETE FROM notes WHERE id = $1 RETURNING id", note.id))

    async def _write(self, sql: str, note: Note, *more: object) -> list[Note]:
        values = {name: getattr(note, name) for name in ("title", "text", "author", *FILE)}
        values["changed"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        statement = sql.format(names=", ".join(values), places=places)
        return [Note(**row) for row in await self.database.write(statement, *values.values(), *more)]
