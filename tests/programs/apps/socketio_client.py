"""Clients of asgi_socketio.py, whose address is the argument: events, answers, rooms, binary data.

They know nothing of how the server is run.
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import socketio
from scene import LARGE_BODY, chosen, loop_name

MESSAGES = 100
AUTH = "open sesame"


class Visitor:
    """A client, and what it was told."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.client = socketio.AsyncClient(http_session=session, reconnection=False)
        self.entered: asyncio.Queue[str] = asyncio.Queue()
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self.numbers: asyncio.Queue[int] = asyncio.Queue()
        self.client.on("entered", self.entered.put)
        self.client.on("said", self.said.put)
        self.client.on("number", self.numbers.put, namespace="/numbers")
        self.client.on("question", self.answer)

    async def answer(self, question: str) -> str:
        """What the server wants to know."""
        return f"asked {question}, and well"

    async def connect(self, address: str, transports: list[str], name: str) -> None:
        """By WebSocket, or by polling and then by WebSocket."""
        auth = {"token": AUTH, "name": name}
        await self.client.connect(address, auth=auth, transports=transports, namespaces=["/", "/numbers"])
        assert self.client.transport() == "websocket"


async def main(address: str) -> None:
    """Everything in both manners, and a client that is refused."""
    for transports in (["websocket"], ["polling", "websocket"]):
        await talk(address, transports)
    async with aiohttp.ClientSession() as session:
        refused = Visitor(session)
        try:
            await refused.client.connect(address, auth={"token": ""}, transports=["websocket"])
        except socketio.exceptions.ConnectionError:
            print(loop_name())


async def talk(address: str, transports: list[str]) -> None:
    """Two clients, one of which sees the other leave."""
    async with AsyncExitStack() as stack:
        ada, bob = [Visitor(await stack.enter_async_context(aiohttp.ClientSession())) for _ in range(2)]
        await ada.connect(address, transports, "ada")
        await bob.connect(address, transports, "bob")
        await answers(ada)
        await room(ada, bob)
        await numbers(bob)
        await ada.client.disconnect()
        # Its last packets and its close are different tasks of the server.
        assert await bob.client.call("how did it end") in ("client disconnect", "transport close")
        await bob.client.disconnect()


async def answers(visitor: Visitor) -> None:
    """Answers to events, with binary data of either size, and an event that is answered by a question."""
    data = ("gr\u00fc\u00df dich", {"a": [1, b"\x00\x01"]})
    assert await visitor.client.call("echo", data) == data
    assert await visitor.client.call("echo", LARGE_BODY) == LARGE_BODY
    assert await visitor.client.call("ask me") == "you are asked how are you, and well"


async def room(ada: Visitor, bob: Visitor) -> None:
    """What one says in a room, the other hears, in order."""
    await ada.client.emit("enter", "blue")
    assert await ada.entered.get() == "ada"
    await bob.client.emit("enter", "blue")
    assert [await ada.entered.get(), await bob.entered.get()] == ["bob", "bob"]
    for number in range(MESSAGES):
        await ada.client.emit("say", ("blue", f"message {number}"))
    assert [await bob.said.get() for _ in range(MESSAGES)] == [f"message {number}" for number in range(MESSAGES)]
    await bob.client.emit("say", ("blue", LARGE_BODY))
    assert await ada.said.get() == LARGE_BODY
    assert ada.said.empty()


async def numbers(visitor: Visitor) -> None:
    """A namespace shares the connection."""
    await visitor.client.emit("count", MESSAGES, namespace="/numbers")
    assert [await visitor.numbers.get() for _ in range(MESSAGES)] == list(range(MESSAGES))


if __name__ == "__main__":
    chosen().run(main(sys.argv[1]))
