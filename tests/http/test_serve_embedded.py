"""A server in a running loop: what its options change for requests, and how it ends.

It knows nothing of processes and of the command line.
"""

import asyncio
import contextlib
import inspect
import json
import os
import signal
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import asgi_apps
import pytest
import vitok
import vitok.http
from conftest import Certificates
from served import get
from vitok.http.options import table

pytestmark = pytest.mark.vitok_only

GET = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
Application = Callable[..., Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(app: Any = asgi_apps.without_lifespan, **options: Any) -> AsyncIterator[vitok.http.Server]:
    """A server on a port that the kernel chooses, for as long as the block takes."""
    server = vitok.http.Server(app, **{"port": 0, "access_log": False, **options})
    task = asyncio.create_task(server.serve())
    try:
        await asyncio.wait({task, asyncio.create_task(server.started.wait())}, return_when=asyncio.FIRST_COMPLETED)
        yield server
    finally:
        server.stop()
        await task


def port_of(server: vitok.http.Server) -> int:
    """The port of a server's only URL."""
    return int(server.urls[0].rpartition(":")[2])


async def ask(server: vitok.http.Server, request: bytes = GET) -> bytes:
    """Send a request on a connection of its own and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run on our loop."""
    vitok.run(main)


def content(answer: bytes) -> dict[str, Any]:
    """The JSON of a response."""
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def fields(answer: bytes) -> list[bytes]:
    """The fields of a response, names in lower case as they are compared."""
    lines = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return [name.lower() + b":" + value for name, _, value in (line.partition(b":") for line in lines)]


def test_started_and_urls() -> None:
    """`started` is set when it listens, and `urls` say where; afterwards nobody listens."""

    async def main() -> None:
        async with serving() as server:
            assert server.started.is_set()
            assert content(await ask(server))["scheme"] == "http"
        with pytest.raises(ConnectionRefusedError):
            await ask(server)

    run(main())


def test_the_state_of_the_lifespan() -> None:
    """What the application keeps at startup is in each scope as a copy; without a lifespan there is no state."""

    async def main() -> None:
        async with serving(asgi_apps.app) as server:
            assert content(await ask(server))["state"] == {"answer": 42}
        async with serving() as server:
            assert content(await ask(server))["state"] is None
        async with serving(asgi_apps.app, lifespan="off") as server:
            assert content(await ask(server))["state"] is None

    run(main())


def test_headers_of_responses() -> None:
    """Server and Date are sent or not, and others are added."""

    async def main() -> None:
        async with serving(headers=[("X-One", "1")]) as server:
            found = fields(await ask(server))
        assert b"x-one: 1" in found
        assert b"server: vitok" in found
        assert [field for field in found if field.startswith(b"date: ")]
        async with serving(server_header=False, date_header=False) as server:
            found = fields(await ask(server))
        assert not [field for field in found if field.startswith((b"date:", b"server:"))]

    run(main())


def test_the_path_of_the_application() -> None:
    """root_path is in each scope."""

    async def main() -> None:
        async with serving(root_path="/below") as server:
            assert content(await ask(server))["root_path"] == "/below"

    run(main())


def test_an_application_of_asgi_2() -> None:
    """It is seen as such, and told so."""

    async def main() -> None:
        async with serving(asgi_apps.Old) as server:
            assert content(await ask(server))["asgi"]["version"] == "2.0"

    run(main())


def test_a_proxy_is_believed_only_when_asked_to() -> None:
    """X-Forwarded-* changes nothing by default, and client and scheme with proxy_headers."""
    request = GET.replace(b"host: x", b"host: x\r\nx-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https")

    async def main() -> None:
        async with serving() as server:
            answer = content(await ask(server, request))
            assert (answer["client"][0], answer["scheme"]) == ("127.0.0.1", "http")
        async with serving(proxy_headers=True) as server:
            answer = content(await ask(server, request))
            assert (answer["client"], answer["scheme"]) == (["192.0.2.7", 0], "https")
        async with serving(proxy_headers=True, forwarded_allow_ips="10.0.0.1") as server:
            assert content(await ask(server, request))["client"][0] == "127.0.0.1"

    run(main())


@pytest.mark.parametrize(
    ("options", "request_bytes", "status"),
    [
        ({"limit_request_line": 20}, b"GET /" + b"x" * 20 + b" HTTP/1.1\r\nhost: x\r\n\r\n", b"414"),
        ({"limit_request_head": 100}, b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"x" * 100 + b"\r\n\r\n", b"431"),
        ({"limit_request_fields": 2}, b"GET / HTTP/1.1\r\nhost: x\r\na: 1\r\nb: 2\r\n\r\n", b"431"),
        ({"limit_request_body": 3}, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nabcd", b"413"),
        ({"timeout_header": 0.1}, b"GET / HTTP/1.1\r\nhost", b"408"),
        ({"timeout_body": 0.1}, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\na", b"408"),
        ({"timeout_header": 0.1}, b"", b""),
    ],
)
def test_what_is_refused(options: dict[str, Any], request_bytes: bytes, status: bytes) -> None:
    """Each limit and each timeout has its answer, and then the connection closes."""

    async def main() -> None:
        async with serving(**options) as server:
            answer = await ask(server, request_bytes)
            assert answer[9:12] == status, answer
            assert (await ask(server)).startswith(b"HTTP/1.1 200 ")

    run(main())


def test_an_idle_connection_is_closed() -> None:
    """After timeout_keep_alive without a request the connection closes; the first request was answered."""

    async def main() -> None:
        async with serving(timeout_keep_alive=0.1) as server:
            answer = await ask(server, GET.replace(b"close", b"keep-alive"))
            assert answer.count(b"HTTP/1.1 200 ") == 1

    run(main())


def test_more_requests_than_may_run() -> None:
    """Beyond limit_concurrency requests are answered with 503, and served again when there is room."""

    async def main() -> None:
        async with serving(limit_concurrency=1) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            writer.write(GET.replace(b"/ ", b"/sleep/0.3 "))
            await asyncio.sleep(0.05)
            assert (await ask(server)).startswith(b"HTTP/1.1 503 ")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()
            assert (await ask(server)).startswith(b"HTTP/1.1 200 ")

    run(main())


def test_more_connections_than_may_be() -> None:
    """Beyond limit_connections a connection is closed at once."""

    async def main() -> None:
        async with serving(limit_connections=1) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            await asyncio.sleep(0.05)
            try:
                assert await ask(server) == b""
            except ConnectionResetError:
                # Closed before what was sent had been read.
                assert True
            writer.close()

    run(main())


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


def test_tls_in_a_running_loop(certificates: Certificates) -> None:
    """The loop's own TLS transports carry the native protocol, and end gracefully."""

    async def main() -> None:
        async with serving(ssl_certfile=certificates.both) as server:
            context = ssl.create_default_context(cafile=str(certificates.certificate))
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server), ssl=context)
            writer.write(GET)
            answer = await reader.read()
            assert content(answer)["scheme"] == "https"
            writer.close()

    run(main())


def test_only_vitoks_loop_will_do() -> None:
    """In another loop it is a RuntimeError that says what to do."""
    server = vitok.http.Server(asgi_apps.app, port=0)
    with pytest.raises(RuntimeError, match=r"vitok.run"):
        asyncio.run(server.serve())


def test_a_server_serves_once() -> None:
    """A second `serve()` is a RuntimeError."""

    async def main() -> None:
        async with serving() as server:
            with pytest.raises(RuntimeError, match="once"):
                await server.serve()

    run(main())


def test_errors_are_exceptions(tmp_path: Path) -> None:
    """From Python what is wrong is a TypeError, ValueError, OSError or LifespanError, never an exit."""
    with pytest.raises(TypeError, match="'prot'"):
        vitok.serve(asgi_apps.app, prot=1)
    with pytest.raises(ValueError, match="port"):
        vitok.serve(asgi_apps.app, port="x")
    with pytest.raises(ValueError, match="no attribute"):
        vitok.serve("asgi_apps")
    with pytest.raises(ValueError, match="workers"):
        vitok.http.Server(asgi_apps.app, workers=2)
    with pytest.raises(OSError, match="can't be read"):
        vitok.serve(asgi_apps.app, ssl_certfile=tmp_path / "missing.pem")
    with pytest.raises(vitok.http.LifespanError, match="no database"):
        vitok.serve(asgi_apps.fails_to_start, port=0)
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        vitok.serve(asgi_apps.app, port=other.getsockname()[1])
    (tmp_path / "raising.py").write_text("raise LookupError('mine')")
    with pytest.raises(LookupError, match="mine"):
        vitok.serve("raising:app", app_dir=tmp_path, port=0)


def test_serve_blocks_and_leaves_signals_as_they_were() -> None:
    """`vitok.serve` returns after SIGTERM, and the handlers are those of before."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def ask_and_end() -> None:
            while True:
                try:
                    get(port)
                    break
                except ConnectionRefusedError:
                    continue
            os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=ask_and_end)
        thread.start()
        vitok.serve(asgi_apps.without_lifespan, fd=listener.fileno(), access_log=False, log_level="error")
        thread.join()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_serve_refuses_a_running_loop() -> None:
    """`vitok.serve` blocks, so it says what to use in a running loop."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"vitok.http.Server"):
            vitok.serve(asgi_apps.app)

    run(main())


def test_the_signature_has_all_options() -> None:
    """`help(vitok.serve)` shows each option with its default."""
    parameters = inspect.signature(vitok.serve).parameters
    assert {name: one.default for name, one in parameters.items() if name != "app"} == {
        option.name: option.default for option in table()
    }
