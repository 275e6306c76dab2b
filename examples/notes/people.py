"""Who has a page open, and what each of them is writing. WebSockets are not known here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .changes import Changes
from .visitors import face

SHOWN_AT_MOST = 500  # Characters of a draft, which is sent to everybody at each change.


@dataclass(eq=False)
class Person:
    """Somebody with a page, and the draft in its form."""

    name: str
    draft: dict[str, Any] | None = None


class People:
    """Everybody who has a page open."""

    def __init__(self) -> None:
        self.present: list[Person] = []
        self.changes = Changes()

    @contextmanager
    def joined(self, person: Person) -> Iterator[None]:
        """Let somebody take part."""
        self.present.append(person)
        self.changes.publish()
        try:
            yield
        finally:
            self.present.remove(person)
            self.changes.publish()

    def write(self, person: Person, message: str | bytes) -> None:
        """Take the draft that a page has sent. What is no draft is left out: a page sends none such."""
        try:
            match json.loads(message):
                case {"note": int(note), "title": str(title), "text": str(text)}:
                    person.draft = {"note": note, "title": title[:SHOWN_AT_MOST], "text": text[:SHOWN_AT_MOST]}
                    self.changes.publish()
        except ValueError:
            return

    def seen_by(self, viewer: Person) -> list[dict[str, object]]:
        """Return everybody, as one of them sees it: the own page is marked."""
        return [face(person.name) | {"you": person is viewer, "draft": person.draft} for person in self.present]
