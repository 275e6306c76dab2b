"""Server-sent events of a native application when its server ends: no server waits for a response without an end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from embedded import GET, port_of, run, serving
from vitok.http import App, Request, Response

pytestmark = pytest.mark.vitok_only


def test_a_server_ends_its_events() -> None:
    """The iterator is cancelled, the client gets the end of the content, and the server is not late."""
    ended = []
    app = App()

    async def forever() -> AsyncIterator[str]:
        try:
            yield "one"
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    @app.get("/")
    async def events(_: Request) -> Response:
        return Response.events(forever())

    async def main() -> None:
        # Without a limit on the time, the server would wait for ever.
        async with serving(app, timeout_graceful_shutdown=None, lifespan="off") as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            writer.write(GET)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"text/event-stream" in head
            assert await reader.readuntil(b"data: one\n\n\r\n")
        assert await reader.read() == b"0\r\n\r\n"
        writer.close()

    run(asyncio.wait_for(main(), 60))
    assert ended == [True]
