"""The pages as HTML, and the response with a page. The database is not known here."""

from datetime import datetime

from vitok.http import Request, Response

from .note import Note
from .templates import Html, render
from .visitors import face, visitor_of

PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp"}


def page(request: Request, title: str, main: Html, *, status: int = 200) -> Response:
    """Return the response with a whole page."""
    return Response.html(render("layout", title=title, main=main, visitor=visitor_of(request)), status=status)


def show_index(notes: list[Note], *, words: str, count: int) -> Html:
    """Return the notes, with a form for a new one."""
    if notes:
        cards = Html("\n".join(map(show_note, notes)))
    else:
        message = f"No note contains “{words}”." if words else "There are no notes yet. Write the first one."
        cards = render("empty", message=message)
    return render("index", form=show_form(None), notes=cards, count=count, shown=len(notes), words=words)


def show_message(title: str, message: str) -> Html:
    """Return something to read, with a way back to the notes."""
    return render("message", title=title, message=message)


def show_edit(note: Note) -> Html:
    """Return a note in a form."""
    return render("edit", form=show_form(note))


def show_form(note: Note | None) -> Html:
    """Return the form for a new note, or for one that is there."""
    if note is None:
        new = {"id": 0, "version": 0, "title": "", "text": "", "file_hint": "up to 10 MB", "button": "Save"}
        return render("form", **new, action="/notes", cancel=" hidden")
    hint = f"replaces {note.file_name}" if note.file_name else "up to 10 MB"
    kept = {"id": note.id, "version": note.version, "title": note.title, "text": note.text, "file_hint": hint}
    return render("form", **kept, button="Save changes", action=f"/notes/{note.id}", cancel="")


def show_note(note: Note) -> Html:
    """Return one note as a card, with a link to its file, and the picture if it is one."""
    file = picture = Html()
    if note.file_name is not None:
        kilobytes = (note.file_size or 0) / 1000
        size = f"{kilobytes:.1f} kB" if kilobytes < 1000 else f"{kilobytes / 1000:.1f} MB"
        file = render("file", id=note.id, name=note.file_name, size=size)
    if note.file_type in PICTURES:
        picture = render("picture", id=note.id, key=note.file_key)
    day = f"{datetime.fromisoformat(note.changed):%d %b %Y, %H:%M} UTC"
    own = {"id": note.id, "version": note.version, "title": note.title, "text": note.text, "changed": note.changed}
    return render("note", **own, **face(note.author) | {"author": note.author}, day=day, file=file, picture=picture)
