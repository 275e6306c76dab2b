"""The servers of the rows over TLS, as a user of asyncio would write them: one of `stream_servers.py`, with a context.

All speak TLS 1.3, with the defaults of the standard library otherwise; the client offers one cipher and one group, so
that they all do the same work. Loops and clients are not known here.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from vitok_bench.stream_servers import EchoProtocol, by


def families(certificate: Path, key: Path) -> dict[str, Callable[[], Awaitable[int]]]:
    """Return the functions that start a server and return its port, by name."""
    return {"tls_echo": by(EchoProtocol, tls=context(certificate, key))}


def engine() -> str:
    """The engine of the loop that serves, if it has several and one of them is known by its module."""
    choose = getattr(sys.modules.get("vitok._tls"), "engine", None)
    return str(choose()[0]) if choose else ""


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the context of a server."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_cert_chain(certificate, key)
    return made
