"""The version of HTTP that the clients of a test speak.

A module whose tests are about both has `both_wires` in its `pytestmark`: each test runs once for each version, with the
same assertions. `http1_only` leaves a test of such a module to HTTP/1.1, and says why. The fixture `wire` chooses.
"""

from typing import Any

import pytest

HTTP1, HTTP2 = "HTTP/1.1", "HTTP/2"
WIRES = (HTTP1, HTTP2)

both_wires = pytest.mark.both_wires


def http1_only(reason: str) -> Any:
    """Leave a test to HTTP/1.1."""
    assert reason
    return pytest.mark.http1_only(reason)


class _Chosen:
    """The version that is used now."""

    wire = HTTP1


def in_use() -> str:
    """Return the version in use."""
    return _Chosen.wire


def choose(wire: str) -> None:
    """Have new clients of sites and places speak this version."""
    assert wire in WIRES
    _Chosen.wire = wire


def wires_of(item: Any) -> tuple[str, ...] | None:
    """Return the versions for a test function, by its marks, or None if it knows nothing of them."""
    marks = {mark.name for mark in item.iter_markers()}
    if "both_wires" not in marks:
        return None
    return (HTTP1,) if "http1_only" in marks else WIRES
