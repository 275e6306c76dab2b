"""Servers over TLS whose protocols send back what they receive, and a client's exchange with one."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from net_protocols import Recorder
from net_support import run
from support import turn, turn_until

HOST = "127.0.0.1"
EXCHANGE_SECONDS = 30


class Echo(Recorder):
    """Sends back what it receives."""

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        super().data_received(data)
        self.transport.write(data)


@contextlib.contextmanager
def serving(loop: asyncio.AbstractEventLoop, creating: Any, protocols: list[Any]) -> Iterator[Any]:
    """Run a server, and wait at the end until its protocols have been told of their end."""
    server = run(loop, creating)
    try:
        yield server
    finally:
        server.close()
        turn_until(loop, lambda: all(protocol.lost for protocol in protocols))
        turn(loop, 3)


def factory(protocols: list[Any]) -> Any:
    """A factory of echoing protocols, which are kept in this list."""

    def make() -> Echo:
        protocols.append(Echo())
        return protocols[-1]

    return make


async def exchange(client: Recorder) -> None:
    """Send a message and wait for its echo, then say goodbye and wait for the end."""
    client.transport.write(b"hello")
    async with asyncio.timeout(EXCHANGE_SECONDS):
        while client.data != b"hello":
            await asyncio.sleep(0)
        client.transport.close()
        while not client.lost:
            await asyncio.sleep(0)
    assert client.lost == [None]
