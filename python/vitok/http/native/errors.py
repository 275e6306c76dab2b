"""Errors that become responses: `HTTPError`, and its content as application/problem+json (RFC 9457).

The native code raises it too, for content that it can't read. Nothing here knows applications or requests.
"""

from __future__ import annotations

import copyreg
import http
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..narrowing import pairs_of

if TYPE_CHECKING:
    from collections.abc import Iterable

# The media type of the content (RFC 9457 section 3).
PROBLEM_JSON = "application/problem+json"
# Members that have a parameter of their own.
_OWN_MEMBERS = ("status", "detail", "type", "title")


class HTTPError(Exception):
    """A response with an error status, raised instead of returned.

    Its content is a problem: JSON with the members `type`, `title`, `status` and, if given, `detail`, followed by
    `members`. An exception handler for the class, or for its status, replaces the response.

    Args:
        status: The status, 400 to 599.
        detail: What went wrong this time, for the client to read. Left out if empty.
        headers: Further header fields of the response. Several fields of one name are pairs.
        type: A URI that names the kind of problem.
        title: The name of the kind of problem; the phrase of the status if it is None.
        members: Further members of the content, encodable as JSON.

    Raises:
        ValueError: The status is no error.

    >>> error = HTTPError(403, "The balance is 30, but that costs 50.", balance=30)
    >>> error.problem()["balance"]
    30
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        type: str = "about:blank",  # noqa: A002  # the name of the member in RFC 9457
        title: str | None = None,
        **members: object,
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"status: expected 400 to 599, not {status!r}")
        super().__init__(status, detail)
        self.status: int = int(status)
        self.detail = detail
        self.headers: list[tuple[str, str]] = _pairs_of(headers)
        self.type = type
        self.title: str = phrase_of(self.status) if title is None else title
        self.members = members

    def __str__(self) -> str:
        """Return the status with its title and the detail, as a log shows it."""
        return f"{self.status} {self.title}" + (f": {self.detail}" if self.detail else "")

    def __reduce__(self) -> tuple[object, ...]:
        """Return what pickle and copy need: a copy is made without `__init__`, which a subclass may change."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__.copy()  # type: ignore[attr-defined]

    def problem(self) -> dict[str, object]:
        """Return the members of the content, in the order in which they are sent."""
        members: dict[str, object] = {"type": self.type, "title": self.title, "status": self.status}
        if self.detail:
            members["detail"] = self.detail
        return members | {name: value for name, value in self.members.items() if name not in _OWN_MEMBERS}

    def content(self) -> bytes:
        """Return the content of the response. TypeError or ValueError if a member can't be encoded as JSON."""
        text = json.dumps(self.problem(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        # A lone surrogate is no character of UTF-8; JSON has an escape for it.
        return text.encode("utf-8", "backslashreplace")


def phrase_of(status: int) -> str:
    """Return the phrase that is registered for a status, or "Error" for one that has none."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _pairs_of(headers: Mapping[str, str] | Iterable[tuple[str, str]] | None) -> list[tuple[str, str]]:
    """Return header fields as pairs."""
    if headers is None:
        return []
    return [(name, value) for name, value in pairs_of(headers)]
