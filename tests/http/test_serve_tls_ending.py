"""The end of connections over TLS: clients that do not say goodbye, that read slowly, or are in their handshake.

The same over plain TCP is tested in test_serve_ending.py and in test_serve_leaving.py.
"""

import asyncio
import time
from typing import Any

import pytest
import vitok
import vitok.http
from asgi_messages import body, start
from certificates_made import Certificates
from embedded import GET, port_of, run, serving
from tls_driven import DrivenClient

pytestmark = [pytest.mark.vitok_only, pytest.mark.usefixtures("engine")]

KEPT = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
# Twice `linger_seconds` and a machine under load; asyncio's own limit is 30 s.
SOON_SECONDS = 15


async def ended(server: vitok.http.Server, task: "asyncio.Task[None]") -> None:
    """Ask for a graceful end, and wait for it as long as it may take."""
    server.stop()
    await asyncio.wait_for(task, SOON_SECONDS)


async def started(certificates: Certificates, **options: Any) -> tuple[vitok.http.Server, "asyncio.Task[None]"]:
    """A server over TLS, and the task that serves."""
    app = options.pop("app", hello)
    server = vitok.http.Server(app, port=0, access_log=False, ssl_certfile=certificates.both, **options)
    task = asyncio.create_task(server.serve())
    await asyncio.wait({task, asyncio.ensure_future(server.started.wait())}, return_when=asyncio.FIRST_COMPLETED)
    return server, task


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """A short answer."""
    assert scope["type"] == "http"
    await send(start())
    await send(body(b"hello"))


def test_a_client_that_never_says_goodbye(certificates: Certificates) -> None:
    """An idle client that does not react to the end of the server holds it up for moments only."""

    async def main() -> None:
        server, task = await started(certificates)
        client = DrivenClient(port_of(server), certificates)
        await client.shake_hands()
        await client.send(KEPT)
        assert (await client.read()).startswith(b"HTTP/1.1 200 ")
        await ended(server, task)
        client.sock.close()

    run(main())


def test_a_client_that_keeps_its_last_connection(certificates: Certificates) -> None:
    """A client that has its last response and does nothing is cut, though the server goes on."""

    async def main() -> None:
        async with serving(hello, ssl_certfile=certificates.both) as server:
            client = DrivenClient(port_of(server), certificates)
            await client.shake_hands()
            await client.send(GET)
            answer = b""
            while data := await asyncio.wait_for(client.read(), SOON_SECONDS):
                answer += data
            assert answer.startswith(b"HTTP/1.1 200 ")
            await asyncio.wait_for(client.wait_for_end(), SOON_SECONDS)
            client.sock.close()

    run(main())


def test_a_client_that_reads_its_last_response_slowly(certificates: Certificates) -> None:
    """The time for a goodbye begins when a client has read its response, which it gets as a whole."""
    size = 12 * 1024 * 1024
    # Longer than a client would have that is silent, or does not read.
    pauses, seconds = 12, 0.5

    async def large(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(bytes(size)))

    async def main() -> None:
        async with serving(large, lifespan="off", timeout_body=2, ssl_certfile=certificates.both) as server:
            client = DrivenClient(port_of(server), certificates, receive_buffer=65536)
            await client.shake_hands()
            await client.send(GET)
            answer, before = bytearray(), time.monotonic()
            while data := await client.read():
                answer += data
                due = before + seconds * pauses * len(answer) / size
                await asyncio.sleep(max(0, due - time.monotonic()))
            assert len(answer) - answer.index(b"\r\n\r\n") - 4 == size
            client.sock.close()

    run(main())


def test_a_handshake_in_progress_is_completed(certificates: Certificates) -> None:
    """A client that is in its handshake when the server ends may complete it, and gets its response."""

    async def main() -> None:
        server, task = await started(certificates)
        client = DrivenClient(port_of(server), certificates)
        await client.shake_hands(is_whole=False)
        await client.receive()
        server.stop()
        await asyncio.sleep(0)
        await client.shake_hands()
        await client.send(GET)
        assert (await client.read()).startswith(b"HTTP/1.1 200 ")
        client.sock.close()
        await asyncio.wait_for(task, SOON_SECONDS)

    run(main())


@pytest.mark.parametrize("says_hello", [False, True])
def test_a_handshake_that_goes_no_further(
    certificates: Certificates, caplog: pytest.LogCaptureFixture, says_hello: bool
) -> None:
    """A client that stops in its handshake, or before it, is closed with the server, which does not wait for it."""

    async def main() -> None:
        server, task = await started(certificates)
        client = DrivenClient(port_of(server), certificates)
        if says_hello:
            await client.shake_hands(is_whole=False)
            await client.receive()
        else:
            # The server accepts it.
            await asyncio.sleep(0.05)
        await ended(server, task)
        await asyncio.wait_for(client.wait_for_end(), SOON_SECONDS)
        client.sock.close()
        assert len(asyncio.all_tasks()) == 1

    run(main())
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
