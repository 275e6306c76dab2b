"""The fields of a response as a mapping: names without regard to case, several fields of a name.

The fields themselves are native, and checked when they are set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from vitok import _native

from ..narrowing import pairs_of


class ResponseHeaders(MutableMapping[str, str]):
    """The header fields of a response. Names are compared without regard to case, and iterated in lower case.

    A name that has several fields has the value of the first one. `headers[name] = value` replaces all fields of the
    name, and `add()` adds one, as `Set-Cookie` needs. ValueError for names and values that can't be in a field: a value
    has no line ends and no NUL, and its characters are those of Latin-1.

    >>> headers = Response.text("", headers={"Vary": "accept"}).headers
    >>> headers.add("vary", "cookie")
    >>> headers["VARY"], headers.get_all("vary")
    ('accept', ['accept', 'cookie'])
    """

    __slots__ = ("_response",)

    def __init__(self, response: _native.Response) -> None:
        self._response = response

    def __getitem__(self, name: str) -> str:
        """Return the first value of a field. KeyError if there is none."""
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def __setitem__(self, name: str, value: str) -> None:
        """Set a field, in place of all of this name."""
        self._response._set(name, value)

    def __delitem__(self, name: str) -> None:
        """Remove all fields of a name. KeyError if there is none."""
        if not self._response._remove(name):
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        """Return whether there is a field of this name."""
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, each once, in order."""
        return iter(dict.fromkeys(name for name, _ in self.items_all()))

    def __len__(self) -> int:
        """Return the number of different names."""
        return len({name for name, _ in self.raw})

    def __repr__(self) -> str:
        """Return all fields."""
        return f"ResponseHeaders({self.items_all()!r})"

    def get_all(self, name: str) -> list[str]:
        """Return the values of all fields of a name, in order."""
        try:
            return self._response._get_all(name)
        except ValueError:
            # No field has such a name.
            return []

    def add(self, name: str, value: str) -> None:
        """Add a field behind those of this name."""
        self._response._add(name, value)

    def items_all(self) -> list[tuple[str, str]]:
        """Return all fields as pairs, in order."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw]

    def update(self, other: Any = (), /, **fields: str) -> None:
        """Set the fields of a mapping or of pairs: those of a name that comes several times are all there."""
        pairs = [*_pairs(other), *fields.items()]
        for name in {name.lower() for name, _ in pairs}:
            self._response._remove(name)
        for name, value in pairs:
            self._response._add(name, value)

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """All fields as pairs of bytes, with names in lower case, in order."""
        return self._response.raw_headers


def _pairs(fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    if isinstance(fields, ResponseHeaders):
        return fields.items_all()
    return pairs_of(fields)
