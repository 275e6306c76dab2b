"""The end of a server in a running loop: graceful, at once, and with connections that arrived last.

Signals and processes are not tested here.
"""

import asyncio
import contextlib
import socket
import ssl
from typing import Any

import asgi_apps
import pytest
import vitok
import vitok.http
from certificates_made import Certificates
from embedded import GET, ask, port_of, run, serving

pytestmark = pytest.mark.vitok_only


def test_stop_lets_requests_end() -> None:
    """`stop()` lets a running request end, and closes idle connections."""

    async def main() -> None:
        async with serving() as server:
            idle, idle_writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            slow, slow_writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            slow_writer.write(GET.replace(b"/ ", b"/sleep/0.2 "))
            await asyncio.sleep(0.05)
            server.stop()
            assert await idle.read() == b""
            assert (await slow.read()).startswith(b"HTTP/1.1 200 ")
            idle_writer.close()
            slow_writer.close()

    run(main())


@pytest.mark.parametrize("way", ["at once", "no time"])
def test_the_end_without_patience(way: str) -> None:
    """`stop(at_once=True)`, and a graceful end that has no time, cancel what runs."""
    cancelled: list[bool] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def main() -> None:
        seconds = 0 if way == "no time" else None
        async with serving(application, timeout_graceful_shutdown=seconds) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            writer.write(GET)
            await asyncio.sleep(0.05)
            server.stop(at_once=way == "at once")
            with contextlib.suppress(ConnectionResetError):
                assert b" 200 " not in await reader.read()
            writer.close()

    run(main())
    assert cancelled == [True]


def test_who_waits_in_line_is_served() -> None:
    """A connection that the kernel has accepted and the server has not is answered, though the server is ending."""

    async def main() -> None:
        async with serving() as server:
            with socket.create_connection(("127.0.0.1", port_of(server))) as sock:
                # Both happen within one turn: the loop has not seen the connection yet.
                sock.sendall(GET)
                server.stop()
                sock.setblocking(False)
                answer = await asyncio.get_running_loop().sock_recv(sock, 65536)
                assert answer.startswith(b"HTTP/1.1 200 ")

    run(main())


def test_who_waits_in_line_is_served_over_tls(certificates: Certificates) -> None:
    """The same with a handshake before the request."""

    async def main() -> None:
        async with serving(ssl_certfile=certificates.both) as server:
            sock = socket.create_connection(("127.0.0.1", port_of(server)))
            server.stop()
            context = ssl.create_default_context(cafile=str(certificates.certificate))
            reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname="127.0.0.1")
            writer.write(GET)
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()

    run(main())


def test_a_handshake_that_fails_in_the_end(certificates: Certificates) -> None:
    """A peer that does not speak TLS does not keep a server from ending."""

    async def main() -> None:
        async with serving(ssl_certfile=certificates.both) as server:
            with socket.create_connection(("127.0.0.1", port_of(server))) as sock:
                sock.sendall(GET)
                server.stop()
                sock.setblocking(False)
                with contextlib.suppress(ConnectionResetError):
                    assert not (await asyncio.get_running_loop().sock_recv(sock, 65536)).startswith(b"HTTP")

    run(main())


def test_cancelling_ends_gracefully() -> None:
    """A cancelled `serve()` tells the application's lifespan, lets requests end, and is cancelled then."""
    ended: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for answer in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
                await receive()
                await send({"type": answer})
            ended.append("lifespan")
            return
        await asgi_apps.app(scope, receive, send)
        ended.append("request")

    async def main() -> None:
        server = vitok.http.Server(application, port=0)
        task = asyncio.create_task(server.serve())
        await server.started.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        writer.write(GET.replace(b"/ ", b"/sleep/0.2 "))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()

    run(main())
    assert ended == ["request", "lifespan"]


def test_limit_max_requests_ends_it() -> None:
    """After so many requests `serve()` returns."""

    async def main() -> None:
        server = vitok.http.Server(asgi_apps.without_lifespan, port=0, limit_max_requests=2)
        task = asyncio.create_task(server.serve())
        await server.started.wait()
        for _ in range(2):
            assert (await ask(server)).startswith(b"HTTP/1.1 200 ")
        await task

    run(main())
