"""A note, and what a note has to be. The database is not known here."""

import unicodedata
from dataclasses import dataclass
from typing import Any

from vitok.http import HTTPError

TITLE_AT_MOST = 120
TEXT_AT_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note. `version` grows with each change; the file is the one attached to it, if there is one."""

    id: int = 0
    version: int = 1
    title: str
    text: str
    author: str
    changed: str = ""
    file_name: str | None = None
    file_type: str | None = None
    file_size: int | None = None
    file_key: str | None = None


def checked(title: object, text: object) -> dict[str, Any]:
    """Return a title and a text that somebody has sent, as they are kept; 422 says what is wrong with them."""
    if not isinstance(title, str) or not isinstance(text, str):
        raise HTTPError(422, "Title and text have to be texts.")
    title, text = title.strip(), text.replace("\r\n", "\n").strip()
    if not title:
        raise HTTPError(422, "A note needs a title.")
    if len(title) > TITLE_AT_MOST or len(text) > TEXT_AT_MOST:
        raise HTTPError(422, f"A title has at most {TITLE_AT_MOST} characters, a text {TEXT_AT_MOST}.")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in set(title + text) - {"\n", "\t"}):
        raise HTTPError(422, "Title and text may not contain control characters.")
    return {"title": title, "text": text}
