"""The notes as JSON, under /api. What a handler returns becomes JSON by itself, dataclasses too."""

from typing import Any

from vitok.http import App, HTTPError, Request, Response

from .board import board_of
from .note import Note, checked
from .visitors import visitor_of

api = App()


@api.get("/notes")
async def list_notes(request: Request) -> list[Note]:
    """Return the notes, or those that contain the words of `q`."""
    return await board_of(request).store.find(request.query.get("q", ""))


@api.post("/notes")
async def add(request: Request) -> Response:
    """Add a note."""
    sent = await content(request)
    new = Note(author=visitor_of(request), **checked(sent.get("title"), sent.get("text", "")))
    note = await board_of(request).add(new)
    return Response.json(note, status=201, headers={"location": f"/api/notes/{note.id}"})


@api.get("/notes/{id:int}")
async def show(request: Request) -> Note:
    """Return one note."""
    return await board_of(request).note(request)


@api.put("/notes/{id:int}")
async def change(request: Request) -> Note:
    """Change a note, if the `version` that is sent along is still its version."""
    board, sent = board_of(request), await content(request)
    fields = checked(sent.get("title"), sent.get("text", ""))
    return await board.change(await board.note(request), sent.get("version"), fields)


@api.delete("/notes/{id:int}")
async def delete(request: Request) -> None:
    """Delete a note. None becomes 204 without content."""
    board = board_of(request)
    await board.remove(await board.note(request))


async def content(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request."""
    value = await request.json()
    if not isinstance(value, dict):
        raise HTTPError(400, "the content has to be an object")
    return value
