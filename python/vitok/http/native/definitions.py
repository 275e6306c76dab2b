"""What an application defines, before it is compiled: routes and mounted applications.

Nothing here knows the class `App`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from .routes import Parameter, Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Definition:
    """A route of one application."""

    pattern: Pattern
    # None for every method, and for WebSockets.
    methods: tuple[str, ...] | None
    handler: Any
    name: str | None = None
    is_blocking: bool = False
    is_websocket: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Mount:
    """An application below a prefix."""

    prefix: Pattern
    application: Any
    # What stands before its names: empty, or with a colon at its end.
    scope: str
    # Whether it is an `App`, and not an ASGI application.
    is_app: bool


class Overlaps:
    """The patterns and methods that are defined, of which none may be defined twice."""

    def __init__(self) -> None:
        self._defined: dict[tuple[object, ...], Pattern] = {}

    def add(self, pattern: Pattern, definition: Definition) -> None:
        """Add a route. ValueError if one of its methods has a route with the same pattern."""
        keys = list(_keys(pattern, definition))
        for key, method in keys:
            if key in self._defined:
                other = self._defined[key].text
                raise ValueError(f"route {pattern.text!r}: {method} {other!r} is defined already")
        self._defined.update({key: pattern for key, _ in keys})


def _keys(pattern: Pattern, definition: Definition) -> Iterator[tuple[tuple[object, ...], str]]:
    """Yield what must be unique, with words for it."""
    methods = ("WebSocket",) if definition.is_websocket else (definition.methods or ())
    for method in methods:
        yield (definition.is_websocket, method, *pattern.shape()), method


def renamed(pattern: Pattern, names: Mapping[str, str]) -> Pattern:
    """Return a pattern with other names of its converters."""
    segments = tuple(
        Parameter(part.name, names.get(part.converter, part.converter)) if isinstance(part, Parameter) else part
        for part in pattern.segments
    )
    return Pattern(pattern.text, segments)


def joined(prefix: Pattern, pattern: Pattern) -> Pattern:
    """Return a pattern behind a prefix. The prefix `/` changes nothing."""
    if prefix.segments == ("",):
        return pattern
    return Pattern(prefix.text + pattern.text, prefix.segments + pattern.segments)
