"""What a WebSocket client does in asgi_websocket.py, whatever its library: each visit is a check.

A program of a library implements `Library` and calls `run`. The server is not known here.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from asgi_websocket import DENIAL, FIELD, SUBPROTOCOL
from scene import KIB, LARGE_BODY, MIB, chosen, loop_name

# Around each place where a frame's header changes (RFC 6455, section 5.2).
LENGTHS = (0, 1, 125, 126, 127, 65535, 65536)
CONNECTIONS = 20
AHEAD = 50
# More than one byte to a character, and one that is none alone.
TEXT = "gr\u00fc\u00df dich \U0001f44b"
LARGE_TEXT = (TEXT * MIB)[: 512 * KIB]


class Closed(Exception):
    """The connection was closed by the server, with this code and reason."""


class Denied(Exception):
    """The handshake was refused with this status and body; None for what the library does not tell."""


class Connection(Protocol):
    """A connection, as this program uses it."""

    subprotocol: str | None
    fields: dict[str, str]

    async def send(self, message: str | bytes) -> None:
        """Send a text or bytes."""

    async def send_parts(self, parts: list[str] | list[bytes]) -> None:
        """Send one message in a frame for each part."""

    async def receive(self) -> str | bytes:
        """The next message; Closed if there is none."""

    async def ping(self) -> None:
        """Send a ping and wait for its answer."""

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the server's side."""

    def cut(self) -> None:
        """End the connection without a word."""


class Library(Protocol):
    """What the library can do, and how it connects."""

    makes_fragments: bool
    compresses: bool

    def connect(
        self, address: str, *, subprotocols: tuple[str, ...] = (), compressed: bool = False
    ) -> AbstractAsyncContextManager[Any]:
        """A `Connection`; Denied if the server does not want it."""


def run(library: Library) -> None:
    """Run all visits on the chosen loop; the address of the server is the program's argument."""
    chosen().run(visit(library, sys.argv[1]))


async def visit(library: Library, site: str) -> None:
    """One check after the other, with the name of the loop as the last line."""
    await messages(library, site)
    await compressed_messages(library, site)
    await fragments(library, site)
    await many_at_once(library, site)
    await subprotocols(library, site)
    await closing(library, site)
    await closed_by_the_server(library, site)
    await denials(library, site)
    await cut(library, site)
    print(loop_name())


async def messages(library: Library, site: str, *, compressed: bool = False) -> None:
    """Texts and bytes of many lengths, large ones, many that are sent ahead, and a ping."""
    async with library.connect(f"{site}/echo", compressed=compressed) as connection:
        async for sent, came in echoed(connection):
            assert (type(sent), sent == came) == (type(came), True), (len(sent), len(came))
        for number in range(AHEAD):
            await connection.send(f"message {number}")
        assert [await connection.receive() for _ in range(AHEAD)] == [f"message {n}" for n in range(AHEAD)]
        await connection.ping()
        assert connection.fields.get("sec-websocket-extensions", "").startswith("permessage-deflate") is compressed


async def echoed(connection: Connection) -> AsyncIterator[tuple[str | bytes, str | bytes]]:
    """Each message, and what came back for it."""
    for length in LENGTHS:
        for message in ("x" * length, bytes(length), (TEXT * length)[:length]):
            await connection.send(message)
            yield message, await connection.receive()
    for message in (LARGE_BODY, LARGE_TEXT):
        await connection.send(message)
        yield message, await connection.receive()


async def compressed_messages(library: Library, site: str) -> None:
    """The same with permessage-deflate."""
    if library.compresses:
        await messages(library, site, compressed=True)


async def fragments(library: Library, site: str) -> None:
    """Messages in several frames; a character may be in two of them."""
    if not library.makes_fragments:
        return
    async with library.connect(f"{site}/echo") as connection:
        await connection.send_parts([TEXT, "", TEXT])
        assert await connection.receive() == TEXT * 2
        parts = [LARGE_BODY[place : place + 64 * KIB] for place in range(0, MIB, 64 * KIB)]
        await connection.send_parts(parts)
        assert await connection.receive() == LARGE_BODY


async def many_at_once(library: Library, site: str) -> None:
    """Twenty connections meet, and what one of them says reaches all."""
    said = asyncio.Barrier(CONNECTIONS)

    async def guest(number: int) -> None:
        async with library.connect(f"{site}/meet?room={os.getpid()}&wanted={CONNECTIONS}") as connection:
            assert await connection.receive() == "all are here"
            await said.wait()
            if number == 0:
                await connection.send("a word to all")
            assert await connection.receive() == "a word to all"
            await said.wait()

    await asyncio.gather(*(guest(number) for number in range(CONNECTIONS)))


async def subprotocols(library: Library, site: str) -> None:
    """The application chooses among what is offered, or none; it sees what was offered, in its order."""
    name, value = (word.decode() for word in FIELD)
    async with library.connect(f"{site}/echo", subprotocols=("other", SUBPROTOCOL)) as connection:
        assert (connection.subprotocol, connection.fields[name]) == (SUBPROTOCOL, value)
    async with library.connect(f"{site}/told?a=%20b", subprotocols=("one", "two")) as connection:
        assert connection.subprotocol is None
        told = json.loads(await connection.receive())
    assert (told["type"], told["scheme"], told["subprotocols"]) == ("websocket", "ws", ["one", "two"])
    assert (told["path"], told["query_string"], told["root_path"]) == ("/told", "a=%20b", "")
    assert told["client"][0] == told["server"][0] == "127.0.0.1"
    assert "websocket.http.response" in told["extensions"]


async def closing(library: Library, site: str) -> None:
    """The application sees the code and the reason of a client that closes."""
    for code, reason in ((1000, ""), (4000, TEXT)):
        name = f"{os.getpid()}-{code}"
        async with library.connect(f"{site}/echo?name={name}") as connection:
            await connection.close(code, reason)
        assert await end_of(library, site, name) == [code, reason]


async def end_of(library: Library, site: str, name: str) -> list[object]:
    """How a connection ended for the application."""
    async with library.connect(f"{site}/ended?name={name}") as connection:
        end: list[object] = json.loads(await connection.receive())
        return end


async def closed_by_the_server(library: Library, site: str) -> None:
    """The client sees the code and the reason of an application that closes, and everything that was sent before."""
    async with library.connect(f"{site}/close?code=3001&reason=that+is+all") as connection:
        assert await connection.receive() == "last words"
        assert await end_seen(connection) == (3001, "that is all")


async def end_seen(connection: Connection) -> tuple[int, str]:
    """The end that a client sees; there is no other message before it."""
    try:
        message = await connection.receive()
    except Closed as closed:
        code, reason = closed.args
        return code, reason
    raise AssertionError(message)


async def denials(library: Library, site: str) -> None:
    """403 where the application closes instead of accepting, and a response of its own where it has one."""
    status, _ = await denial(library, f"{site}/refused")
    assert status == 403
    status, body = await denial(library, f"{site}/denied")
    assert (status, body) in ((401, b"".join(DENIAL)), (401, None))


async def denial(library: Library, address: str) -> tuple[int, bytes | None]:
    """The answer to a handshake that is refused."""
    try:
        async with library.connect(address):
            raise AssertionError("accepted")
    except Denied as denied:
        status, body = denied.args
        return status, body


async def cut(library: Library, site: str) -> None:
    """A connection that is cut has the code 1006, and the server goes on."""
    name = f"{os.getpid()}-cut"
    async with library.connect(f"{site}/echo?name={name}") as connection:
        await connection.send(TEXT)
        assert await connection.receive() == TEXT
        connection.cut()
    # uvicorn has the code of a close without a code.
    end = await end_of(library, site, name)
    assert end in ([1006, ""], [1005, ""]), end
