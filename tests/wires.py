"""The version of HTTP that the clients of a test speak.

A module whose tests are about both has `both_wires` in its `pytestmark`: each test runs once for each version, with the
same assertions. `http1_only` and `http2_only` leave a test of such a module, or a value of a parameter, to one of them,
and say why. The fixture `wire` chooses.
"""

from typing import Any

import pytest

HTTP1, HTTP2 = "HTTP/1.1", "HTTP/2"
WIRES = (HTTP1, HTTP2)

both_wires = pytest.mark.both_wires


def http1_only(reason: str) -> Any:
    """Leave a test, or a value of a parameter, to HTTP/1.1."""
    assert reason
    return pytest.mark.http1_only(reason)


def http2_only(reason: str) -> Any:
    """Leave a test, or a value of a parameter, to HTTP/2."""
    assert reason
    return pytest.mark.http2_only(reason)


def in_order(*fields: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """Return fields in the order in which they have to arrive."""
    if in_use() == HTTP1:
        return list(fields)
    names = list(dict(fields))
    return sorted(fields, key=lambda field: names.index(field[0]))


class _Chosen:
    """The version that is used now."""

    wire = HTTP1


def in_use() -> str:
    """Return the version in use."""
    return _Chosen.wire


def choose(wire: str) -> None:
    """Have new clients of sites and places speak this version."""
    assert wire in (HTTP1, HTTP2)
    _Chosen.wire = wire


def is_wanted(item: Any) -> bool:
    """Return whether a test is one of its version."""
    version = getattr(item, "callspec", None) and item.callspec.params.get("wire")
    other = {HTTP1: "http2_only", HTTP2: "http1_only"}.get(version)
    return other is None or item.get_closest_marker(other) is None
