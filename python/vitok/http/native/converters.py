"""Converters of path parameters: from the text in a path to a value, and back for `url_for`.

Matching a path with the converters that are always there is native; here is the way back. Nothing here knows patterns.
"""

from __future__ import annotations

import math
import uuid
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Converter(Protocol[T]):
    """What `App.converter` takes: an object that reads a path parameter, and writes it.

    >>> class Hexadecimal:
    ...     def parse(self, text: str) -> int:
    ...         return int(text, 16)
    ...
    ...     def format(self, value: int) -> str:
    ...         return f"{value:x}"
    """

    def parse(self, text: str) -> T:
        """Return the value of a segment of a path, which is decoded and not empty.

        ValueError if the text is none: the route does not match, and the next one is tried.
        """
        ...

    def format(self, value: T) -> str:
        """Return the text for a value, not percent-encoded. ValueError or TypeError if it has none."""
        ...


def format_built_in(kind: str, value: Any) -> str:
    """Return the text for a value of a converter that is always there. ValueError if no path has it."""
    return _FORMATS[kind](value)


def _format_str(value: Any) -> str:
    text = str(value)
    if not text:
        raise ValueError("expected a text that is not empty")
    return text


def _format_int(value: Any) -> str:
    if isinstance(value, str) or int(value) != value:
        raise ValueError(f"expected an int, not {value!r}")
    text = str(int(value))
    if len(text.lstrip("-")) > 64:
        raise ValueError("expected at most 64 digits")
    return text


def _format_float(value: Any) -> str:
    number = float(value)
    if isinstance(value, str) or not math.isfinite(number):
        raise ValueError(f"expected a finite float, not {value!r}")
    # A path has no exponents.
    text = f"{number:f}" if "e" in repr(number) else repr(number)
    return text.removesuffix(".0")


def _format_uuid(value: Any) -> str:
    return str(value if isinstance(value, uuid.UUID) else uuid.UUID(value))


_FORMATS: dict[str, Callable[[Any], str]] = {
    "str": _format_str,
    "int": _format_int,
    "float": _format_float,
    "path": str,
    "uuid": _format_uuid,
}

BUILT_IN = frozenset(_FORMATS)
