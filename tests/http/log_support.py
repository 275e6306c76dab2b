"""For tests of logs and counts: a handler that keeps messages, and a client that leaves before its response.

What is logged is not known here.
"""

import logging

import pytest
from asgi_support import GET, Gate, Site
from wires import http2_only

# Ways to leave; a client of HTTP/2 may also leave the request alone.
LEAVING = ["close", "reset", pytest.param("leave", marks=http2_only("a stream"))]


class Kept(logging.Handler):
    """Keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.messages.append(record.getMessage())


def ask_and_leave(site: Site, gate: Gate, ending: str) -> None:
    """Ask, and leave by this method of the client while the application waits at the gate; then let it answer."""
    client = site.connect()
    client.send(GET)
    site.wait(lambda: gate.waiting)
    getattr(client, ending)()
    # A client that closes may have ended its side only: the application can answer yet.
    site.wait(lambda: ending in ("close", "leave") or site.http.connections == 0)
    site.turn()
    gate.open()
