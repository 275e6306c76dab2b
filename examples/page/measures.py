"""Measurements of a server from within its application: requests, connections, time and memory.

HTTP is not known here; connections are told apart by the addresses of their peers.
"""

import asyncio
import json
import os
import platform
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path

REMEMBERED = 1000  # Requests for the median, and clients: one that returns after this many others counts as new.
MEMORY = Path("/proc/self/statm")  # It exists on Linux only; elsewhere the page shows a dash.


class Measures:
    """Counters since the start."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.requests = self.running = self.connections = 0
        self.clients: dict[tuple[object, ...], None] = {}
        self.seconds: deque[float] = deque([0.0], REMEMBERED)

    @contextmanager
    def request(self, client: tuple[str, int] | None) -> Iterator[None]:
        """Count a request and measure its time; a client is an address and a port, or None on a Unix socket."""
        if (key := tuple(client or ())) not in self.clients:
            self.connections, self.clients[key] = self.connections + 1, None
            if len(self.clients) > REMEMBERED:
                del self.clients[next(iter(self.clients))]
        self.requests, self.running = self.requests + 1, self.running + 1
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.running -= 1
            self.seconds.append(time.perf_counter() - begun)

    def counts(self) -> dict[str, int]:
        """Return the counters: requests and connections since the start, and requests that run now."""
        return {"requests": self.requests, "connections": self.connections, "running": self.running}

    def figures(self) -> dict[str, object]:
        """Return all measurements, in bytes and seconds; processor time is that of all threads."""
        memory = int(MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if MEMORY.exists() else None
        names = {"loop": str(type(asyncio.get_running_loop())).split("'")[1], "python": platform.python_version()}
        middle = sorted(self.seconds)[len(self.seconds) // 2]
        times = {"uptime": time.monotonic() - self.begun, "processor": time.process_time(), "median": middle}
        return {**names, **self.counts(), **times, "memory": memory}

    async def live(self) -> AsyncGenerator[bytes, None]:
        """Yield the measurements once a second, as server-sent events (HTML, section 9.2)."""
        while True:
            yield f"data: {json.dumps(self.figures())}\n\n".encode()
            await asyncio.sleep(1)
