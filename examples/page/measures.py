"""What a server can measure of itself from within its application: requests, connections, time and memory.

It knows nothing of HTTP, and tells connections apart by the addresses at their far ends.
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
from statistics import median

REQUESTS_REMEMBERED = 500  # The median of so many is steady and still cheap.
CLIENTS_REMEMBERED = 10_000  # Who comes back after so many others counts as new.
EVENT_SECONDS = 1.0  # Each event has a line on the page's curve.
MEMORY = Path("/proc/self/statm")  # Linux alone has it; elsewhere the page shows a dash.


class Measures:
    """Counters since the start."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.requests = self.running = self.connections = 0
        self.clients: dict[tuple[object, ...], None] = {}
        self.seconds: deque[float] = deque([0.0], REQUESTS_REMEMBERED)

    @contextmanager
    def request(self, client: tuple[str, int] | None) -> Iterator[None]:
        """Count a request and take its time; a client is an address and a port, or nothing on a Unix socket."""
        if (key := tuple(client or ())) not in self.clients:
            self.connections, self.clients[key] = self.connections + 1, None
            if len(self.clients) > CLIENTS_REMEMBERED:
                del self.clients[next(iter(self.clients))]
        self.requests, self.running = self.requests + 1, self.running + 1
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.running -= 1
            self.seconds.append(time.perf_counter() - begun)

    def now(self) -> dict[str, object]:
        """All of it at this moment, in bytes and seconds; processor time is that of all threads."""
        memory = int(MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if MEMORY.exists() else None
        loop = str(type(asyncio.get_running_loop())).split("'")[1]
        counts = {"requests": self.requests, "running": self.running, "connections": self.connections}
        times = {"uptime": time.monotonic() - self.begun, "processor": time.process_time()}
        figures = {**counts, **times, "median": median(self.seconds), "memory": memory}
        return {"loop": loop, "python": platform.python_version(), **figures}

    async def live(self) -> AsyncGenerator[bytes, None]:
        """The same again and again, as server-sent events (HTML, section 9.2)."""
        while True:
            yield f"data: {json.dumps(self.now())}\n\n".encode()
            await asyncio.sleep(EVENT_SECONDS)
