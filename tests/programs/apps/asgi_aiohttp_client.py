"""An aiohttp client of plain_asgi.py, whose address is its argument: bodies, streams, many and aborted requests.

It knows nothing of how the server is run.
"""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator
from io import BytesIO

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from scene import LARGE_BODY, MEETING, MIB, chosen, loop_name

REQUESTS = 200
CROWD = 500
PATIENCE = ClientTimeout(total=20)
PARTS = 16
# Trailers are not shown, and must not be taken for the next answer.
WITH_TRAILERS_OR_NOT = ("first\nlast\n", "no trailers here")


async def main(address: str) -> None:
    """Talk to the server in every way, then say on which loop this was."""
    async with ClientSession(address, timeout=PATIENCE, raise_for_status=True) as session:
        await send_bodies(session)
        await read_streams(session)
        await leave_early(session)
        await meet(session)
        await crowd(session)
    async with ClientSession(address, timeout=PATIENCE, connector=TCPConnector(limit=1)) as session:
        await share_a_connection(session)
    print(loop_name())


async def send_bodies(session: ClientSession) -> None:
    """16 MiB of a known length, in chunks, and after a 100 Continue; a form and JSON."""
    expected = {"method": "POST", "length": PARTS * MIB, "sha256": hashlib.sha256(LARGE_BODY * PARTS).hexdigest()}
    whole = LARGE_BODY * PARTS
    for data, expects in ((BytesIO(whole), False), (BytesIO(whole), True), (parts(), False), (parts(), True)):
        async with session.post("/digest", data=data, expect100=expects) as answer:
            assert await answer.json() == expected
    async with session.put("/echo", json={"word": "é"}) as answer:
        assert (await answer.json(), answer.content_type) == ({"word": "é"}, "application/json")
    async with session.post("/echo", data={"word": "a b"}) as answer:
        assert await answer.text() == "word=a+b"


async def parts() -> AsyncIterator[bytes]:
    """The same body, without anybody knowing how long it will be."""
    for _ in range(PARTS):
        yield LARGE_BODY


async def read_streams(session: ClientSession) -> None:
    """A stream's beginning is here before its end is made; a body comes back while it is sent."""
    async with session.get("/stream") as answer:
        assert await answer.content.readline() == b"first\n"
        async with session.post("/release") as released:
            assert await released.text() == "released"
        assert await answer.read() == LARGE_BODY + b"last\n"
    async with session.post("/mirror", data=parts()) as answer:
        assert hashlib.sha256(await answer.read()).digest() == hashlib.sha256(LARGE_BODY * PARTS).digest()


async def leave_early(session: ClientSession) -> None:
    """A response that is closed in its middle; the server answers others."""
    async with session.get("/flood") as answer:
        assert await answer.content.readexactly(1) == b"\x00"
        answer.close()
    async with session.head("/status/200") as answer:
        assert (answer.headers["Content-Length"], await answer.read()) == ("10", b"")


async def meet(session: ClientSession) -> None:
    """Requests that wait for each other."""

    async def come() -> str:
        async with session.get("/meet") as answer:
            return await answer.text()

    assert await asyncio.gather(*(come() for _ in range(MEETING))) == ["met"] * MEETING


async def crowd(session: ClientSession) -> None:
    """Many requests at once, on as many connections as aiohttp opens at the most; each gets its own answer."""

    async def ask(number: int) -> bool:
        async with session.post("/echo", data=b"%d" % number) as answer:
            return await answer.read() == b"%d" % number

    assert all(await asyncio.gather(*(ask(number) for number in range(CROWD))))


async def share_a_connection(session: ClientSession) -> None:
    """Many requests of all kinds on one connection: the server always sees the same port of ours."""
    ports = set()
    for number in range(REQUESTS):
        async with session.get("/scope") as answer:
            ports.add((await answer.json())["client"][1])
        async with session.post("/echo", data=b"%d" % number) as answer:
            assert await answer.read() == b"%d" % number
        async with session.get(f"/status/{204 if number % 2 else 304}") as answer:
            assert await answer.read() == b""
        async with session.get("/trailers") as answer:
            assert await answer.text() in WITH_TRAILERS_OR_NOT
    assert len(ports) == 1


if __name__ == "__main__":
    chosen().run(main(sys.argv[1]))
