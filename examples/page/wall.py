"""Lines that are written on one page and shown on all: a WebSocket for each page, with JSON in both directions.

HTTP is not known here, nor who may write.
"""

import asyncio
import json
from collections import deque

from streams import Receive, Send

REMEMBERED = 5  # Lines for a page that is opened later.
LINE_CHARACTERS_AT_MOST = 200
WAITING = 100  # Messages for a page that does not read; it misses the oldest of more.


class Wall:
    """The lines, and the messages that wait for each page."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=REMEMBERED)
        self.pages: set[asyncio.Queue[str]] = set()

    async def serve(self, receive: Receive, send: Send) -> None:
        """Serve one page until it closes: show it what is written, and write what it sends."""
        await send({"type": "websocket.accept"})
        waiting: asyncio.Queue[str] = asyncio.Queue(WAITING)
        sending = asyncio.ensure_future(send_all(send, waiting))
        self.pages.add(waiting)
        self.tell({"lines": list(self.lines)}, {waiting})
        self.tell({"pages": len(self.pages)})
        try:
            while (message := await receive())["type"] == "websocket.receive":
                self.write(message.get("text") or "")
        finally:
            self.pages.discard(waiting)
            self.tell({"pages": len(self.pages)})
            sending.cancel()
            await asyncio.wait([sending])
        if not sending.cancelled() and not isinstance(sending.exception(), OSError):
            sending.result()

    def write(self, text: str) -> None:
        """Write one line for all to see."""
        if line := text.strip()[:LINE_CHARACTERS_AT_MOST]:
            self.lines.append(line)
            self.tell({"lines": [line]})

    def tell(self, news: dict[str, object], pages: set[asyncio.Queue[str]] | None = None) -> None:
        """Put a message where it waits for each page, or for some. No page waits for another that does not read."""
        for waiting in self.pages if pages is None else pages:
            if waiting.full():
                waiting.get_nowait()
            waiting.put_nowait(json.dumps(news))


async def send_all(send: Send, waiting: asyncio.Queue[str]) -> None:
    """Send the messages of one page, each when it is there."""
    while True:
        await send({"type": "websocket.send", "text": await waiting.get()})
