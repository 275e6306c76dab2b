"""The pages: the list, the forms and the files. Each form works without JavaScript."""

from vitok.http import App, FormLimits, Request, Response

from . import files, pages
from .board import board_of
from .note import Note, checked
from .visitors import visitor_of

LIMITS = FormLimits(file_size=10 * 2**20)
site = App()


@site.get("/")
async def index(request: Request) -> Response:
    """Show the notes, or those that contain the words of a search."""
    board, words = board_of(request), request.query.get("q", "").strip()
    count = board.changes.count
    notes = await board.store.find(words)
    return pages.page(request, "Notes", pages.show_index(notes, words=words, count=count))


@site.post("/notes")
async def add(request: Request) -> Response:
    """Add the note of a form, and show the list."""
    form = await request.form(limits=LIMITS)
    note = Note(author=visitor_of(request), **checked(form.get("title"), form.get("text", "")))
    await board_of(request).add(note, form.get_file("file"))
    return Response.redirect("/")


@site.get("/notes/{id:int}/edit")
async def edit(request: Request) -> Response:
    """Show the form for a note that is there."""
    return pages.page(request, "Edit the note", pages.show_edit(await board_of(request).note(request)))


@site.post("/notes/{id:int}")
async def change(request: Request) -> Response:
    """Change a note to what its form says, and show the list."""
    board, form = board_of(request), await request.form(limits=LIMITS)
    note = await board.note(request)
    fields = checked(form.get("title"), form.get("text", ""))
    await board.change(note, form.get("version"), fields, form.get_file("file"))
    return Response.redirect("/")


@site.post("/notes/{id:int}/delete")
async def delete(request: Request) -> Response:
    """Delete a note, and show the list."""
    board = board_of(request)
    await board.remove(await board.note(request))
    return Response.redirect("/")


@site.get("/notes/{id:int}/file")
async def file(request: Request) -> Response:
    """Send the file of a note."""
    board = board_of(request)
    return files.response(await board.note(request), board.folder)
