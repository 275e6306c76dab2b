"""A response as a test looks at it, whichever version of HTTP brought it."""

import json
from dataclasses import dataclass, field
from typing import Any

Fields = list[tuple[bytes, bytes]]


@dataclass
class Answer:
    """A response as it arrived."""

    status: int
    # The status line; HTTP/2 has none, and here its name and the status.
    line: bytes
    fields: Fields
    body: bytes = b""
    # Chunks of HTTP/1.1, and frames of HTTP/2 with content.
    chunks: list[bytes] = field(default_factory=list)
    trailers: Fields = field(default_factory=list)
    interim: list["Answer"] = field(default_factory=list)

    def all(self, name: bytes) -> list[bytes]:
        """The values of a field, in order."""
        return [value for known, value in self.fields if known == name]

    def one(self, name: bytes) -> bytes | None:
        """The value of a field that is there once at the most."""
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None

    @property
    def json(self) -> Any:
        """The content read as JSON."""
        return json.loads(self.body)
