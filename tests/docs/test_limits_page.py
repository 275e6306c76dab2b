"""The numbers of docs/serve/limits.md are those of the options and of vitok.http.limits."""

import re

import pytest
from support import PROJECT
from vitok.http.limits import LIMITS
from vitok.http.options import Options

pytestmark = pytest.mark.vitok_only

PAGE = (PROJECT / "docs" / "serve" / "limits.md").read_text()
KIB, MIB, GIB = 2**10, 2**20, 2**30
DEFAULTS = Options()
# A row of the page, up to its number, and what the number is.
ROWS = {
    "a request line longer than": (f"{DEFAULTS.limit_request_line} bytes",),
    "a head longer than": (f"{DEFAULTS.limit_request_head} bytes", f"{DEFAULTS.limit_request_fields} fields"),
    "a body longer than": (f"{(DEFAULTS.limit_request_body or 0) // GIB} GiB",),
    "a method longer than": (f"{LIMITS['method_bytes']} bytes",),
    "a head that takes longer": (f"{DEFAULTS.timeout_header:g} s",),
    "a body without progress": (f"{DEFAULTS.timeout_body:g} s", f"{DEFAULTS.min_body_rate} bytes a second"),
    "more than 256 bytes of extensions": (f"{LIMITS['chunk_extension_bytes']} bytes",),
    "more than 16 KiB of trailers": (f"{LIMITS['trailer_bytes'] // KIB} KiB",),  # type: ignore[operator]
    "for a client to close": (f"{LIMITS['linger_seconds']:g} s", f"{LIMITS['linger_seconds_at_most']:g} s in all"),
    "content that the application has not read": (f"{LIMITS['waiting_body_bytes'] // KIB} KiB",),  # type: ignore[operator]
    "further requests behind": (f"{LIMITS['backlog_bytes'] // KIB} KiB",),  # type: ignore[operator]
    "messages of a WebSocket": (f"{LIMITS['ws_queue_bytes'] // MIB} MiB",),  # type: ignore[operator]
    "the rest of a request": (f"{LIMITS['drain_bytes'] // KIB} KiB",),  # type: ignore[operator]
}


@pytest.mark.parametrize("begin", ROWS)
def test_the_numbers_are_those_of_the_code(begin: str) -> None:
    """A row of the page has each of its numbers as the code has it."""
    [row] = re.findall(rf"^\| {re.escape(begin)}.*$", PAGE, re.MULTILINE)
    missing = [number for number in ROWS[begin] if not re.search(rf"(?<!\d){re.escape(number)}", row)]
    assert not missing, row


def test_options_without_a_limit() -> None:
    """Two options that the page says to have none have none."""
    assert DEFAULTS.limit_concurrency is None
    assert DEFAULTS.limit_connections is None
