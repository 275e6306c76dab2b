"""An httpx client of plain_asgi.py: bodies, streams, many and aborted requests.

Its arguments are the address and, if it is not to be HTTP/1.1, the version.

It knows nothing of how the server is run.
"""

import asyncio
import hashlib
import os
import ssl
import sys
from collections.abc import AsyncIterator

from httpx import AsyncClient, Limits
from scene import LARGE_BODY, MEETING, MIB, chosen, loop_name

REQUESTS = 100
PATIENCE_SECONDS = 20
PARTS = 4
# Trailers are not shown, and must not be taken for the next answer.
WITH_TRAILERS_OR_NOT = ("first\nlast\n", "no trailers here")


async def main(address: str, version: str = "HTTP/1.1") -> None:
    """Talk to the server in every way, then say on which loop this was."""
    # In clear text it has to be told that nothing else is spoken.
    common = {"base_url": address, "timeout": PATIENCE_SECONDS, "trust_env": False, "verify": trust()}
    common |= {"http1": version == "HTTP/1.1", "http2": version == "HTTP/2"}
    async with AsyncClient(**common) as client:
        assert (await client.get("/loop")).http_version == version
        await send_bodies(client)
        await read_streams(client)
        answers = await asyncio.gather(*(client.get("/meet") for _ in range(MEETING)))
        assert [answer.text for answer in answers] == ["met"] * MEETING
    # A connection of its own: over HTTP/2 httpcore neither resets a stream that it no longer reads nor makes room for
    # its content, so the rest of the flood uses up the connection's window, and no other content could come.
    async with AsyncClient(**common) as client:
        await leave_early(client)
    only_one = Limits(max_connections=1)
    async with AsyncClient(**common, limits=only_one) as client:
        await share_a_connection(client)
    print(loop_name())


def trust() -> ssl.SSLContext:
    """The certificate that SSL_CERT_FILE names."""
    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))


async def send_bodies(client: AsyncClient) -> None:
    """4 MiB of a known length and in chunks; a form, a file and JSON."""
    expected = {"method": "POST", "length": PARTS * MIB, "sha256": hashlib.sha256(LARGE_BODY * PARTS).hexdigest()}
    assert (await client.post("/digest", content=LARGE_BODY * PARTS)).json() == expected
    assert (await client.post("/digest", content=parts())).json() == expected
    assert (await client.put("/echo", json={"word": "é"})).json() == {"word": "é"}
    assert (await client.post("/echo", data={"word": "a b"})).text == "word=a+b"
    assert LARGE_BODY in (await client.post("/echo", files={"file": LARGE_BODY})).content


async def parts() -> AsyncIterator[bytes]:
    """The same body, without anybody knowing how long it will be."""
    for _ in range(PARTS):
        yield LARGE_BODY


async def read_streams(client: AsyncClient) -> None:
    """A stream's beginning is here before its end is made; a body comes back in parts."""
    async with client.stream("GET", "/stream") as answer:
        received = answer.aiter_bytes()
        assert await anext(received) == b"first\n"
        assert (await client.post("/release")).text == "released"
        assert b"".join([part async for part in received]) == LARGE_BODY + b"last\n"


async def leave_early(client: AsyncClient) -> None:
    """A response that is closed in its middle; the server answers others."""
    async with client.stream("GET", "/flood") as answer:
        assert (await anext(answer.aiter_bytes())).startswith(b"\x00")
    answer = await client.head("/status/200")
    assert (answer.headers["Content-Length"], answer.content) == ("10", b"")


async def share_a_connection(client: AsyncClient) -> None:
    """Many requests of all kinds on one connection: the server always sees the same port of ours."""
    ports = set()
    for number in range(REQUESTS):
        ports.add((await client.get("/scope")).json()["client"][1])
        assert (await client.post("/echo", content=b"%d" % number)).content == b"%d" % number
        assert (await client.get(f"/status/{204 if number % 2 else 304}")).content == b""
        assert (await client.get("/trailers")).text in WITH_TRAILERS_OR_NOT
    assert len(ports) == 1


if __name__ == "__main__":
    chosen().run(main(*sys.argv[1:]))
