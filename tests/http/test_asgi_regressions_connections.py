"""Faults found by a second review of the HTTP server, about connections: each test is named after the fault.

The protocol is driven by its methods, so that the test decides on the order of events.
"""

import asyncio
import socket
from typing import Any

import pytest
from driven import BODY, GET, POST, START, Driven, Hooks, Wire, plain, run, turns
from support import is_alone
from vitok import _native
from vitok.http.options import native_options


def test_ending_our_side_of_a_connection_that_is_reset_is_no_mistake_of_the_application() -> None:
    """The kernel refuses to end what the peer has reset: the connection is closed, and send() does not raise."""
    clients: list[socket.socket] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send(START)
        await send({**BODY, "more_body": True})
        await turns()
        clients.pop().close()
        await send({"type": "http.response.body"})

    async def main() -> None:
        loop = asyncio.get_running_loop()
        driven = Driven(application)
        server = await loop.create_server(driven.server, "127.0.0.1", 0)
        client = socket.create_connection(server.sockets[0].getsockname())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        clients.append(client)
        client.send(POST + b"content-length: 100000\r\n\r\n")
        while driven.server.requests == 0 or driven.server.connections:
            await asyncio.sleep(0)
        assert driven.hooks.errors == []
        server.close()

    run(main)


def test_a_response_is_not_cut_while_its_client_reads_what_is_left() -> None:
    """The seconds that a peer is given to see why our side has ended do not count before it has read nearly all."""
    size = 4 << 20

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({**START, "headers": []})
        await send({"type": "http.response.body", "body": bytes(size)})

    async def main() -> None:
        driven = Driven(application)
        with await driven.connect_really() as client:
            client.send(POST + b"content-length: 100000\r\n\r\n")
            await turns(20)
            seen = 0
            while True:
                driven.pass_time(1)
                await turns()
                try:
                    data = client.recv(100_000)
                except BlockingIOError:
                    continue
                if not data:
                    break
                seen += len(data)
            assert seen > size
        await turns()

    run(main)


@pytest.mark.parametrize(("method", "way"), [("begin_shutdown", "write_eof"), ("abort_connections", "abort")])
def test_one_connection_that_can_not_be_ended_does_not_keep_the_others_open(method: str, way: str) -> None:
    """The end of the server reaches all, and the exception its caller."""

    async def main() -> None:
        driven = Driven(plain)
        first, second = driven.connect(), driven.connect()
        setattr(first, way, lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            getattr(driven.server, method)()
        assert second.has_ended_writing or second.is_aborted
        for wire in (first, second):
            wire.lose(None)
        await turns()
        assert driven.server.connections == 0

    run(main)


def test_a_peer_that_reads_while_the_transport_asks_for_a_pause_is_written_to_again() -> None:
    """The server asks how much is unsent, which makes a transport try to send: the peer may read everything then."""

    class ReadWhenAsked(Wire):
        def get_write_buffer_size(self) -> int:
            self.read()
            return len(self.unread)

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({**START, "headers": []})
        await send({"type": "http.response.body", "body": bytes(Wire.HIGH + 1), "more_body": True})
        await send({"type": "http.response.body"})

    async def main() -> None:
        driven = Driven(application)
        protocol: Any = driven.server()
        wire = ReadWhenAsked(protocol)
        protocol.connection_made(wire)
        wire.send(GET)
        await turns()
        assert wire.read().endswith(b"0\r\n\r\n")

    run(main)


def test_a_transport_that_raises_keeps_no_other_late_peer_connected() -> None:
    """A tick handles every peer that is too late, whatever the transport of one of them raises."""

    class Faulty(Wire):
        def write(self, data: Any) -> None:
            raise LookupError

    async def main() -> None:
        driven = Driven(plain, timeout_header=1)
        wires = [Faulty(driven.server()) for _ in range(3)]
        for wire in wires:
            wire.protocol.connection_made(wire)
            wire.send(b"GET / HT")
        with pytest.raises(LookupError):
            driven.pass_time(40)
        assert [wire.has_ended_writing for wire in wires] == [True] * 3
        await turns()

    run(main)


@pytest.mark.parametrize(
    ("options", "request_line", "status"),
    [
        ({}, GET.replace(b"\r\n\r\n", b"\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"), b"500"),
        ({"limit_concurrency": 1}, GET, b"503"),
    ],
)
def test_a_request_is_answered_and_counted_as_ended_if_its_warning_raises(
    options: dict[str, Any], request_line: bytes, status: bytes
) -> None:
    class Warned(Hooks):
        def warning(self, _message: str) -> None:
            raise ZeroDivisionError

        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    async def main() -> None:
        driven = Driven(plain)
        driven.server = _native.HttpServer(
            asyncio.get_running_loop(), plain, {**native_options(), "reports_to_hooks": True, **options}, Warned()
        )
        wire = driven.connect()
        try:
            wire.send(request_line)
        except ZeroDivisionError:
            # The warning about the limit is raised; the other one is the application's failure.
            assert status == b"503"
        await turns()
        assert wire.read().startswith(b"HTTP/1.1 " + status)
        assert driven.server.running == 0

    run(main)


def test_a_connection_is_closed_if_the_size_of_its_queue_can_not_be_had() -> None:
    class Unknown(Wire):
        def get_write_buffer_size(self) -> int:
            raise KeyboardInterrupt

    async def main() -> None:
        driven = Driven(plain)
        protocol: Any = driven.server()
        wire = Unknown(protocol)
        protocol.connection_made(wire)
        with pytest.raises(KeyboardInterrupt):
            wire.end()
        assert wire.closing

    run(main)


def test_a_call_that_waits_for_content_learns_that_there_was_no_memory_for_it(request: pytest.FixtureRequest) -> None:
    """The connection is aborted, and `receive()` returns `http.disconnect`."""
    refusing = pytest.importorskip("_testcapi", reason="this Python has no module that refuses memory")
    if not is_alone(request):
        return
    received: list[dict[str, Any]] = []

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        while not received or received[-1]["type"] != "http.disconnect":
            received.append(await receive())

    async def main() -> None:
        driven = Driven(application)
        wire = driven.connect()
        wire.send(POST + b"content-length: 100\r\n\r\n")
        await turns()
        take, content = wire.protocol.data_received, b"x" * 50
        refusing.set_nomemory(0, 1)
        try:
            take(content)
        except MemoryError:
            pass
        else:
            pytest.fail("no memory was asked for")
        finally:
            refusing.remove_mem_hooks()
        await turns()
        assert received == [{"type": "http.disconnect"}]
        assert wire.is_aborted
        assert driven.server.running == driven.server.connections == 0

    run(main)
