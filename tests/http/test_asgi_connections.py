"""Successive requests of a connection: keep-alive, pipelining, half-closed clients, and the end of the server.

RFC 9112 section 9; all decisions are tested in crates/wire. The contents of messages are not tested here.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asgi_messages import body, start
from asgi_support import GET, Client, Gate, Site, hello, read_body, request, respond, serving

pytestmark = pytest.mark.vitok_only


class Held:
    """An application whose requests wait at a gate each, and answer with their path."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.order: list[str] = []
        self.errors: list[BaseException] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one request; `/quick` does not wait, `/stream` waits in the middle, `/late` afterwards."""
        path = scope["path"]
        self.order.append(path)
        try:
            if path == "/stream":
                await send(start())
                await send(body(b"/str", True))
                await self.gate.wait()
                await send(body(b"eam"))
                return
            if path not in ("/quick", "/late"):
                await self.gate.wait()
            await respond(send, path.encode())
            if path == "/late":
                await self.gate.wait()
        except BaseException as error:
            self.errors.append(error)
            raise


def hold(site: Site, held: Held, path: str = "/held") -> Client:
    """A client whose request is held."""
    client, before = site.connect(), held.gate.waiting
    client.send(request(path))
    site.wait(lambda: held.gate.waiting > before)
    return client


def test_keep_alive() -> None:
    """A connection serves one request after the other."""
    with serving(hello) as site:
        client = site.connect()
        for _ in range(20):
            assert client.ask().body == b"hello"
        assert (site.http.connections, site.http.requests, site.http.running) == (1, 20, 0)


def test_pipelined_requests_are_answered_in_order() -> None:
    """Requests that were sent without waiting are answered in their order."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(int(scope["path"][1:]) % 3):
            await asyncio.sleep(0)
        await respond(send, scope["path"].encode())

    with serving(application) as site:
        client = site.connect()
        client.send(b"".join(request(f"/{number}") for number in range(200)))
        assert [client.answer().body for _ in range(200)] == [b"/%d" % number for number in range(200)]


def test_pipelined_bodies() -> None:
    """Requests with content may be pipelined; each application gets its own, read or not."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/skip":
            await respond(send, b"skipped")
        else:
            await asyncio.sleep(0)
            await respond(send, await read_body(receive))

    with serving(application) as site:
        client = site.connect()
        bodies = [b"%d" % number * (number * 40 + 1) for number in range(60)]
        paths = ["/skip" if number % 7 == 3 else "/" for number in range(60)]
        client.send(b"".join(request(path, method="POST", body=text) for path, text in zip(paths, bodies, strict=True)))
        for path, text in zip(paths, bodies, strict=True):
            assert client.answer().body == (b"skipped" if path == "/skip" else text)


@pytest.mark.parametrize("count", [1, 3])
def test_half_closed_clients_get_their_answers(count: int) -> None:
    """A client that has sent its requests and ended its side is still answered, then closed."""
    held = Held()
    with serving(held) as site:
        client = site.connect()
        client.send(b"".join(request(f"/{number}") for number in range(count)))
        client.half_close()
        for number in range(count):
            site.wait(lambda: held.gate.waiting)
            held.gate.open()
            assert client.answer().body == b"/%d" % number
        assert client.rest() == b""
        site.wait(lambda: site.http.connections == 0)


def test_a_last_response_before_a_long_pipeline() -> None:
    """It arrives whole, though a kernel that closes with unread input would discard it (RFC 9112 section 9.6)."""
    content = bytes(3_000_000)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await respond(send, content, headers=[(b"connection", b"close")])

    with serving(application) as site:
        client = site.connect(receive_buffer=4096)
        client.offer(GET * 60_000)
        assert client.answer().body == content
        assert client.rest() == b""


def test_counters() -> None:
    """`connections`, `running` and `requests` tell what is, at each moment."""
    held = Held()
    with serving(held) as site:
        assert (site.http.connections, site.http.running, site.http.requests) == (0, 0, 0)
        clients = [hold(site, held) for _ in range(3)]
        assert (site.http.connections, site.http.running, site.http.requests) == (3, 3, 3)
        held.gate.open()
        for client in clients:
            client.answer()
        site.wait(lambda: site.http.running == 0)
        assert (site.http.connections, site.http.requests) == (3, 3)
        clients[0].close()
        clients[1].reset()
        site.wait(lambda: site.http.connections == 1)
        for name in ("connections", "running", "requests"):
            with pytest.raises(AttributeError):
                setattr(site.http, name, 1)


def test_shutdown_closes_what_is_idle() -> None:
    """`begin_shutdown()` closes connections that wait for a request at once, and new ones as they come."""
    with serving(hello) as site:
        fresh, used = site.connect(), site.connect()
        used.ask()
        site.http.begin_shutdown()
        assert (fresh.rest(), used.rest()) == (b"", b"")
        assert site.connect().end() == b""
        site.wait(lambda: site.http.connections == 0)


def test_shutdown_lets_requests_end() -> None:
    """A request that runs is answered, told `connection: close`, and then its connection closes; what is pipelined
    behind it is not begun."""
    held = Held()
    with serving(held) as site:
        client = hold(site, held)
        client.send(request("/quick"))
        streaming = hold(site, held, "/stream")
        site.http.begin_shutdown()
        site.turn()
        assert site.http.connections == 2
        held.gate.open()
        answer = client.answer()
        assert (answer.body, answer.one(b"connection")) == (b"/held", b"close")
        assert client.end() == b""
        client.close()
        assert streaming.answer().body == b"/stream"
        assert streaming.end() == b""
        site.wait(lambda: site.http.connections == 0)
        assert "/quick" not in held.order


def test_shutdown_twice_and_of_nothing() -> None:
    """The ends of a server may be called in any order, again, and with nobody there."""
    held = Held()
    with serving(held) as site:
        for _ in range(2):
            site.http.begin_shutdown()
            site.http.cancel_requests()
            site.http.abort_connections()
    with serving(held) as site:
        client = hold(site, held)
        for _ in range(2):
            site.http.begin_shutdown()
            site.http.abort_connections()
            site.http.cancel_requests()
        client.end()
        site.wait(lambda: site.http.running == 0 == site.http.connections)


@pytest.mark.parametrize("path", ["/held", "/stream", "/late"])
def test_cancelling_requests(path: str) -> None:
    """`cancel_requests()` cancels what runs: 500 before a response, a cut in the middle, nothing afterwards."""
    held = Held()
    with serving(held) as site:
        client = hold(site, held, path)
        site.http.cancel_requests()
        if path == "/stream":
            text = client.end()
            assert text.endswith(b"4\r\n/str\r\n")
        else:
            assert client.answer().status == (500 if path == "/held" else 200)
        site.wait(lambda: site.http.running == 0)
        assert [type(error) for error in held.errors] == [asyncio.CancelledError]


@pytest.mark.parametrize("path", ["/held", "/stream", "/late", None])
def test_aborting_connections(path: str | None) -> None:
    """`abort_connections()` closes at once, whatever goes on; the applications hear of it and go on."""
    held = Held()
    with serving(held) as site:
        client = hold(site, held, path) if path is not None else site.connect()
        site.http.abort_connections()
        assert b"eam" not in client.end()
        site.wait(lambda: site.http.connections == 0)
        assert site.http.running == (0 if path is None else 1)
        held.gate.open()
        site.wait(lambda: site.http.running == 0)
        wanted = [ConnectionResetError] if path in ("/held", "/stream") else []
        assert [type(error) for error in held.errors] == wanted


def test_aborting_a_file(tmp_path: Path) -> None:
    """A file for a client who does not read ends with the connection, and its application hears of it."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    errors = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        try:
            await send({"type": "http.response.pathsend", "path": str(path)})
        except OSError as error:
            errors.append(error)
            raise

    with serving(application) as site:
        client = site.connect(receive_buffer=4096)
        client.send(GET)
        client.head()
        site.turn()
        site.http.abort_connections()
        site.wait(lambda: site.http.running == 0 == site.http.connections)
        assert len(errors) == 1


def test_a_shutdown_from_an_application() -> None:
    """An application may end its own server: it is answered, and then its connection closes."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        site.http.begin_shutdown()
        await respond(send)

    with serving(application) as site:
        other = site.connect()
        client = site.connect()
        answer = client.ask()
        assert (answer.status, answer.one(b"connection")) == (200, b"close")
        assert client.end() == b""
        assert other.end() == b""


@pytest.mark.parametrize("way", ["cancel_requests", "abort_connections"])
def test_the_end_from_an_application(way: str) -> None:
    """An application may cancel everything, itself included, or cut all connections."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        getattr(site.http, way)()
        await asyncio.sleep(0)
        await respond(send)

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        assert b" 200 " not in client.end()
        site.wait(lambda: site.http.running == 0)


def test_many_connections_at_a_time() -> None:
    """Some hundred connections are served side by side, each with its own answers."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await respond(send, scope["path"].encode())

    with serving(application) as site:
        clients = [site.connect() for _ in range(200)]
        for turn in range(3):
            for number, client in enumerate(clients):
                client.offer(request(f"/{turn}/{number}"))
            for number, client in enumerate(clients):
                assert client.answer().body == b"/%d/%d" % (turn, number)
        assert (site.http.connections, site.http.requests) == (200, 600)
