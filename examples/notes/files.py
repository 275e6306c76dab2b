"""The files attached to notes: they lie in a folder under random names. The database is not known here."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

from vitok.http import Response, UploadedFile

from .note import Note
from .pages import PICTURES

NAME_AT_MOST = 120
ANY = "application/octet-stream"


async def keep(file: UploadedFile | None, folder: Path) -> dict[str, Any]:
    """Keep an uploaded file, and return the fields of its note; none if there is no file."""
    if file is None:
        return {}
    key = secrets.token_hex(16)
    await file.save(folder / key)
    kind = file.content_type if file.content_type in PICTURES else ANY
    return {"file_name": shown(file.filename), "file_type": kind, "file_size": file.size, "file_key": key}


def shown(name: str) -> str:
    """Return a file's name without characters that can't be shown."""
    return "".join(filter(str.isprintable, name)).strip()[:NAME_AT_MOST] or "file"


async def drop(key: str | None, folder: Path) -> None:
    """Remove a file, if there is one."""
    if key is not None:
        await asyncio.to_thread((folder / key).unlink, missing_ok=True)


def response(note: Note, folder: Path) -> Response:
    """Return the file of a note, to be kept by the browser and not to be shown as a page of this site."""
    path = folder / str(note.file_key)
    return Response.file(path, filename=note.file_name, content_type=note.file_type, disposition="attachment")
