"""Garbage collection at the wrong moment, cycles through everything, and applications that break their own objects.

Nothing of a connection is left after its end, according to the garbage collector. Peers are not tested here.
"""

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import vitok
from asgi_messages import body, start
from asgi_support import BLOCK, GET, Gate, begin, hello, read_body, request, respond, serving
from vitok import _native

pytestmark = pytest.mark.vitok_only

OURS = ("HttpProtocol", "HttpExchange", "HttpServer", "HttpAwaitable", "HttpPause", "Request", "SocketTransport")


def left() -> Counter[str]:
    """How many objects of ours there are, by the name of their class."""
    gc.collect()
    return Counter(name for found in gc.get_objects() if (name := type(found).__name__) in OURS)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Whatever a test does, no object of ours survives it."""
    before = left()
    yield
    assert left() == before


def test_collecting_inside_an_application() -> None:
    """A collection at any step of an application takes nothing away that is needed."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        gc.collect()
        content = await read_body(receive)
        gc.collect()
        await send(start())
        gc.collect()
        await asyncio.sleep(0)
        gc.collect()
        await send(body(content, True))
        gc.collect()
        await send(body(b"!"))
        gc.collect()

    with serving(application) as site:
        client = site.connect()
        for _ in range(5):
            assert client.ask(request(method="POST", body=b"hello")).body == b"hello!"


def test_collecting_all_the_time() -> None:
    """With a collection at nearly every allocation everything goes on as otherwise."""
    thresholds = gc.get_threshold()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        waiting = asyncio.create_task(receive())
        await asyncio.sleep(0)
        content = (await waiting)["body"]
        await send(start(200, (b"x", b"y")))
        await send(body(content * 1000, True))
        await send(body(bytes(BLOCK)))

    with serving(application, access_log=True) as site:
        client = site.connect()
        gc.set_threshold(1, 1, 1)
        try:
            for _ in range(3):
                assert len(client.ask(request(method="POST", body=b"hello")).body) == 5000 + BLOCK
        finally:
            gc.set_threshold(*thresholds)


def test_cycles_through_a_scope() -> None:
    """A scope that holds `receive`, `send` and itself is collected once the request is over."""
    scopes = []

    class Marked:
        pass

    async def application(scope: Any, receive: Any, send: Any) -> None:
        mark = Marked()
        scope.update(me=scope, receive=receive, send=send, mark=mark, task=asyncio.current_task())
        scopes.append(weakref.ref(mark))
        await asyncio.sleep(0)
        await respond(send)

    with serving(application) as site:
        client = site.connect()
        for _ in range(10):
            client.ask()
        site.wait(lambda: site.http.running == 0)
        site.turn()
        gc.collect()
        assert [mark() for mark in scopes] == [None] * 10


def test_a_cycle_through_the_server() -> None:
    """A server whose application holds the server, and which nobody else holds, is collected."""

    class Application:
        http: Any

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await respond(send)

    application = Application()
    with serving(application) as site:
        application.http = site.http
        application.hooks = site.hooks  # type: ignore[attr-defined]
        site.hooks.http = site.http  # type: ignore[attr-defined]
        site.ask()


def test_a_server_that_is_let_go_while_it_works() -> None:
    """Connections keep what they need: nobody has to hold the `HttpServer`."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        await respond(send)

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        site.wait(lambda: gate.waiting)
        watched, site.http = site.http, None
        running = weakref.ref(watched)
        del watched
        gc.collect()
        gate.open()
        assert client.answer().status == 200
        site.http = running()
        assert site.http is not None


class Finalizing:
    """Calls something when it is let go, and keeps what that raised."""

    errors: list[BaseException]

    def __init__(self, call: Any) -> None:
        self.call = call

    def __del__(self) -> None:
        try:
            self.call()
        except Exception as error:
            type(self).errors.append(error)


@pytest.mark.parametrize("what", ["receive", "send", "both", "close"])
def test_finalizers_that_call_back(what: str) -> None:
    """A finalizer may call `receive` and `send`, or close everything, at whatever moment it runs."""
    Finalizing.errors = []

    def calls(receive: Any, send: Any) -> Any:
        def call() -> None:
            if what in ("receive", "both"):
                receive().close()
            if what in ("send", "both"):
                send(start())
                send(body(b"from a finalizer"))
            if what == "close":
                site.http.abort_connections()

        return call

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scope["finalizing"] = Finalizing(calls(receive, send))
        scope["me"] = scope
        await asyncio.sleep(0)
        await respond(send)

    with serving(application) as site:
        for _ in range(5):
            client = site.connect()
            client.send(GET)
            assert client.answer().status == 200
            gc.collect()
            client.close()
            site.wait(lambda: site.http.connections == 0)
            gc.collect()
    errors, Finalizing.errors = Finalizing.errors, []
    assert all(isinstance(error, (RuntimeError, OSError)) for error in errors)


def test_content_that_calls_back_when_it_is_let_go() -> None:
    """Headers and content whose finalizers call the connection are let go when nothing is in use."""
    calls = []

    class Loud(bytes):
        def __del__(self) -> None:
            gc.collect()
            calls.append(site.http.connections)
            try:
                sends[-1](start())
            except (RuntimeError, OSError):
                pass

    sends: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        sends.append(send)
        headers = [(Loud(b"x-a"), Loud(b"1"))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        del headers
        await send({"type": "http.response.body", "body": Loud(b"a" * 100_000), "more_body": True})
        await send({"type": "http.response.body", "body": Loud(b"b" * 10)})

    with serving(application) as site:
        client = site.connect()
        for _ in range(3):
            assert client.ask().body == b"a" * 100_000 + b"b" * 10
        sends.clear()
        site.turn()
    assert len(calls) == 12


def test_closing_the_transport_under_way() -> None:
    """An application that finds its transport and closes it ends its connection, and hears of it."""
    errors = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        [transport] = [found for found in gc.get_objects() if type(found).__name__ == "SocketTransport"]
        transport.abort()
        del transport
        await asyncio.sleep(0)
        try:
            for _ in range(3):
                await send(start())
        except OSError as error:
            errors.append(error)

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        assert client.end() == b""
        site.wait(lambda: site.http.running == 0 == site.http.connections)
    assert len(errors) == 1


@pytest.mark.parametrize("way", ["stop", "close"])
def test_stopping_the_loop_under_way(way: str) -> None:
    """An application may stop its loop: the rest happens when it runs again. Closing a loop that runs is refused."""
    errors = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            getattr(site.loop, way)()
        except RuntimeError as error:
            errors.append(error)
        await respond(send, b"stopped")

    with serving(application) as site:
        client = site.connect()
        client.offer(GET)
        if way == "stop":
            site.loop.run_forever()
        assert client.answer().body == b"stopped"
    assert len(errors) == (way == "close")


def test_a_loop_that_is_closed_with_connections_open() -> None:
    """Closing the loop with requests and connections open leaves no object of ours behind, and no crash."""
    loop = vitok.new_event_loop()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"part", True))
        await receive()
        await receive()

    site = begin(loop, application, {})
    client = site.connect()
    client.send(GET)
    client.head()
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    del tasks, task
    site.server.close()
    with pytest.warns(ResourceWarning):
        loop.close()
        client.close()
        site.http = site.server = site.loop = None
        del client, site, loop
        gc.collect()


class Nested(asyncio.Transport):
    """A transport that calls its protocol from within `write` and `close`."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.protocol = protocol
        self.written = bytearray()
        self.closed = 0

    def write(self, data: Any) -> None:
        self.written += data
        if len(self.written) < 2000:
            self.protocol.data_received(GET)
            self.protocol.pause_writing()
            self.protocol.resume_writing()

    def close(self) -> None:
        self.closed += 1
        self.protocol.data_received(GET)
        self.protocol.eof_received()

    abort = close

    def is_closing(self) -> bool:
        return self.closed > 0

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


def test_driving_a_protocol_by_hand() -> None:
    """The protocol is one of asyncio's: any transport can drive it, nested calls from `write` and `close` included."""
    with serving(hello) as site:
        protocol = site.http()
        transport = Nested(protocol)
        protocol.connection_made(transport)
        protocol.data_received(GET)
        site.turn(60)
        assert transport.written.count(b"HTTP/1.1 200 OK") >= 2
        protocol.data_received(b"nonsense\r\n\r\n")
        site.turn(10)
        assert transport.written.count(b"HTTP/1.1 400 ") == 1
        protocol.connection_lost(None)
        site.turn()
        protocol.data_received(GET)
        protocol.eof_received()
        protocol.pause_writing()
        protocol.resume_writing()
        protocol.connection_lost(None)
        assert site.http.connections == 0
        del protocol, transport


def test_protocols_that_are_never_connected() -> None:
    """A protocol that was made and never used is let go, and calling it does no harm."""
    with serving(hello) as site:
        protocols = [site.http() for _ in range(3)]
        assert isinstance(protocols[0], asyncio.Protocol)
        protocols[0].eof_received()
        protocols[1].connection_lost(None)
        protocols[2].pause_writing()
        protocols[2].resume_writing()
        assert "HttpProtocol" in repr(protocols[0])
        assert site.http.connections == 0
        del protocols


def test_wrong_calls_of_a_protocol() -> None:
    """Arguments of the wrong kind are TypeErrors."""
    with serving(hello) as site:
        protocol = site.http()
        for call in (protocol.data_received, protocol.connection_made):
            with pytest.raises(TypeError):
                call()
        protocol.connection_made(asyncio.Transport())
        for data in ("text", 1, None):
            with pytest.raises((TypeError, AttributeError)):
                protocol.data_received(data)
        with pytest.raises(TypeError):
            _native.HttpProtocol()  # type: ignore[attr-defined, unused-ignore]
        with pytest.raises(TypeError):
            _native.HttpExchange()
        protocol.connection_lost(None)
        site.turn()
        del protocol
