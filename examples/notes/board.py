"""Notes together with their files and with those who are told of changes: what the handlers of requests use."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vitok.http import HTTPError, Request, UploadedFile

from . import files
from .changes import Changes
from .note import Note
from .store import Store


@dataclass(frozen=True)
class Board:
    """The notes of this site. Each change is published."""

    store: Store
    folder: Path
    changes: Changes = field(default_factory=Changes)

    async def add(self, note: Note, file: UploadedFile | None = None) -> Note:
        """Add a note, and perhaps its file."""
        added = await self.store.add(replace(note, **await files.keep(file, self.folder)))
        self.changes.publish()
        return added

    async def change(self, note: Note, seen: object, fields: dict[str, Any], file: UploadedFile | None = None) -> Note:
        """Change fields of a note, which its writer has seen in a version; 409 if somebody has changed it since."""
        kept = await files.keep(file, self.folder)
        is_latest = str(seen) == str(note.version)
        changed = await self.store.change(replace(note, **fields, **kept)) if is_latest else None
        if changed is None:
            await files.drop(kept.get("file_key"), self.folder)
            raise HTTPError(409, "Somebody else has changed this note meanwhile. Open it again to see how.")
        if kept:
            await files.drop(note.file_key, self.folder)
        self.changes.publish()
        return changed

    async def remove(self, note: Note) -> None:
        """Remove a note and its file; no effect if it is gone already."""
        if await self.store.remove(note):
            await files.drop(note.file_key, self.folder)
            self.changes.publish()

    async def note(self, request: Request) -> Note:
        """Return the note that the path of a request names; 404 if there is none."""
        note = await self.store.get(request.path_params["id"])
        if note is None:
            raise HTTPError(404, "There is no such note. Perhaps somebody has deleted it.")
        return note


def board_of(request: Request) -> Board:
    """Return the board, which the application made when it started."""
    board: Board = request.state["board"]
    return board
