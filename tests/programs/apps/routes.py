"""The shared contents of the routes of the ASGI applications in this folder, without a framework.

It knows nothing of any framework or test.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator

from scene import Scene

# So often the endless answer goes on; nobody waits for its end.
PAUSE_SECONDS = 0.01
# What the shutdown hook writes, and what the broken route raises.
GOODBYE = "the hook of the end ran"
BROKEN = "broken on purpose"


class Routes(Scene):
    """A scene, and what happens beside a request: hooks, work in the background, visitors who leave."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = False
        self.is_done = asyncio.Event()
        self.is_left = asyncio.Event()

    def begin(self) -> None:
        """The hook of the beginning."""
        self.has_begun = True

    def end(self) -> None:
        """The hook of the end, of which only the output can tell."""
        print(GOODBYE, flush=True)

    def hooks(self) -> dict[str, bool]:
        """`/hooks`: whether the server had the hook run before the first request."""
        return {"has_begun": self.has_begun}

    async def work(self) -> None:
        """What `POST /background` leaves to be done when its answer is on its way."""
        await asyncio.sleep(0)
        self.is_done.set()

    async def done(self) -> str:
        """`/done`: answers when the work in the background is done."""
        await self.is_done.wait()
        return "done"

    async def endless(self) -> AsyncIterator[bytes]:
        """`/endless`: goes on until the visitor has left, or rather until the framework has noticed it."""
        try:
            while True:
                yield b"and on\n"
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            self.is_left.set()

    async def left(self) -> str:
        """`/left`: answers when the endless answer has come to its end all the same."""
        await self.is_left.wait()
        return "left"

    def broken(self) -> None:
        """`/broken`: a mistake in a handler."""
        raise RuntimeError(BROKEN)


def item(number: int, word: str) -> dict[str, object]:
    """`/items/7?word=seven`: a part of the path as a number, and a part of the query."""
    return {"number": number, "word": word}


def total(numbers: list[int]) -> dict[str, int]:
    """`POST /json` with `{"numbers": [1, 2]}`."""
    return {"total": sum(numbers)}


def greeting(name: str) -> dict[str, str]:
    """`POST /form` with a field `name`."""
    return {"greeting": f"Hello, {name}!"}


def receipt(name: str | None, content: bytes) -> dict[str, object]:
    """`POST /upload` with a field `file` that is a file."""
    return {"name": name, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
