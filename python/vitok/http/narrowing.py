"""Checks of values that may be anything, after which a type checker takes what is in them as Any.

`isinstance` alone says nothing of the elements, which pyright then reports as unknown. What values mean is not known
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard, TypeVar

_V = TypeVar("_V")


def is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    """Return whether a value is a dict."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return whether a value is a list."""
    return isinstance(value, list)


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Return whether a value is a tuple."""
    return isinstance(value, tuple)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Return whether a value is a sequence, which a text is, too."""
    return isinstance(value, Sequence)


def is_group(error: object) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    """Return whether an exception is a group of others."""
    return isinstance(error, BaseExceptionGroup)


def pairs_of(fields: Mapping[str, _V] | Iterable[tuple[str, _V]]) -> Iterable[tuple[str, _V]]:
    """Return the items of a mapping, or pairs as they are."""
    given: Any = fields
    pairs: Iterable[tuple[str, _V]] = given.items() if isinstance(fields, Mapping) else given
    return pairs
