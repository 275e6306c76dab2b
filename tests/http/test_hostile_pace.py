"""Content that arrives more slowly than `min_body_rate`, a little now and then: its connection ends with 408.

A tick of these servers is a second, and the test decides when it passes. Content that stops is tested in
test_hostile_slow.py.
"""

import asyncio
import ssl
from typing import Any

import pytest
from asgi_support import echo, serving
from certificates_made import Certificates
from driven import POST, Driven, Wire, run, turns

pytestmark = pytest.mark.vitok_only

SECONDS = 16
LIMITS = {"timeout_body": SECONDS, "timeout_header": None, "timeout_keep_alive": None, "min_body_rate": 10}
LONG = POST + b"content-length: 1000000\r\n\r\n"


async def reads(_scope: Any, receive: Any, _send: Any) -> None:
    """Reads to the end of whatever comes."""
    while (await receive())["type"] == "http.request":
        pass


def drip(driven: Driven, wire: Wire, data: bytes, *, every: int, at_most: int) -> int:
    """Send the same bytes every so many seconds, until the connection has been refused: after how many seconds."""
    for second in range(1, at_most + 1):
        driven.pass_time(1)
        if wire.unread:
            return second
        if second % every == 0:
            wire.send(data)
    return at_most


def test_a_byte_now_and_then() -> None:
    """A byte every second is progress, and not enough: it ends after the time that there is for silence, with 408."""

    async def main() -> None:
        driven = Driven(reads, **LIMITS, access_log=True)
        wire = driven.connect()
        wire.send(LONG)
        await turns()
        took = drip(driven, wire, b"x", every=1, at_most=1000)
        assert SECONDS <= took <= SECONDS + SECONDS / 10 + 2
        assert wire.read().startswith(b"HTTP/1.1 408 ")
        await turns()
        assert wire.has_ended_writing
        assert '"POST / HTTP/1.1" 408 0B ' in driven.hooks.lines
        assert driven.server.running == 0

    run(main)


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_over_a_real_transport(is_tls: bool, certificates: Certificates) -> None:
    """A byte at a time, over TCP and over TLS: 408, and the end of the connection."""
    options: dict[str, Any] = {"timeout_body": 0.25, "min_body_rate": 100_000}
    trusting = None
    if is_tls:
        options["tls"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        options["tls"].load_cert_chain(certificates.certificate, certificates.key)
        trusting = ssl.create_default_context(cafile=str(certificates.certificate))

    with serving(echo, **options) as site:

        async def ask() -> bytes:
            reader, writer = await asyncio.open_connection(*site.address, ssl=trusting)
            writer.write(LONG)
            answer = asyncio.ensure_future(reader.read())
            while not answer.done():
                writer.write(b"x")
                await asyncio.wait({answer}, timeout=0.02)
            writer.close()
            return answer.result()

        assert site.run(ask()).startswith(b"HTTP/1.1 408 ")
        site.wait(lambda: site.http.running == 0)
