"""Faults found by a second review of the HTTP server, about connections: each test is named after the fault.

The protocol is driven by its methods, so that the test decides on the order of events.
"""

import asyncio
import socket
from typing import Any

import pytest
from driven import BODY, GET, POST, START, Driven, plain, run, turns


def test_the_time_for_an_idle_connection_begins_anew_with_each_response() -> None:
    """A connection that is used all the time is not idle, however long it has been open."""

    async def main() -> None:
        driven = Driven(plain, timeout_keep_alive=16, timeout_header=None, timeout_body=None)
        wire = driven.connect()
        for _ in range(10):
            wire.send(GET)
            await turns()
            driven.pass_time(5)
        assert not wire.closing
        driven.pass_time(20)
        assert wire.closing

    run(main)


def test_the_time_for_a_head_begins_anew_with_each_request() -> None:
    """A client that sends on without waiting has a head in the making at each look, which is never the same one."""

    async def main() -> None:
        driven = Driven(plain, timeout_header=16, timeout_keep_alive=None, timeout_body=None)
        wire = driven.connect()
        wire.send(GET[:9])
        for _ in range(10):
            wire.send(GET[9:] + GET[:9])
            await turns()
            driven.pass_time(5)
        assert not wire.is_ending
        driven.pass_time(13)
        assert wire.is_ending
        assert wire.read().count(b" 200 OK") == 10

    run(main)


def test_more_of_an_answered_request_than_is_worth_reading_ends_the_connection() -> None:
    """What is thrown away has an end: the connection is closed then, and not left open to be written to for ever."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect()
        wire.send(POST + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await turns()
        assert not wire.is_ending
        for _ in range(5):
            wire.send(b"4000\r\n" + bytes(0x4000) + b"\r\n")
            await turns()
        assert wire.is_ending

    run(main)


def test_a_malformed_rest_of_an_answered_request_ends_the_connection() -> None:
    """Nobody can tell where the next request begins, and the client has its answer: the connection is closed."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect()
        wire.send(POST + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await turns()
        wire.send(b"no chunk\r\n")
        await turns()
        assert wire.is_ending
        assert wire.read().count(b"HTTP/1.1 ") == 1

    run(main)


def test_a_server_that_ends_closes_a_connection_whose_request_is_still_being_read() -> None:
    """The response has left without a word of closing; the connection ends with the request."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect()
        wire.send(POST + b"content-length: 4\r\n\r\nab")
        await turns()
        driven.server.begin_shutdown()
        assert not wire.is_ending
        wire.send(b"cd")
        await turns()
        assert wire.is_ending

    run(main)


@pytest.mark.parametrize("size", [1000, 4000])
def test_requests_that_wait_for_a_slow_reader_are_answered_after_its_end(size: int) -> None:
    """A client may end its side behind many requests and read later: none of them is forgotten."""

    async def long(_scope: Any, _receive: Any, send: Any) -> None:
        await send({**START, "headers": []})
        await send({"type": "http.response.body", "body": bytes(size)})

    async def main() -> None:
        driven = Driven(long)
        wire = driven.connect()
        wire.send(GET * 20)
        await turns()
        wire.end()
        for _ in range(100):
            await turns()
            wire.read(1000)
        assert wire.is_over
        assert wire.seen.count(b" 200 OK") == 20

    run(main)


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


def test_a_client_that_waits_to_be_told_to_go_on_is_not_too_slow() -> None:
    """Until the application asks for content the silence is ours."""
    asked = asyncio.Event()

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        await asked.wait()
        assert (await receive())["body"] == b"hi"
        await plain(None, None, send)

    async def main() -> None:
        driven = Driven(application)
        wire = driven.connect()
        wire.send(POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        await turns()
        driven.pass_time(1000)
        assert not wire.closing
        asked.set()
        await turns()
        assert wire.read().startswith(b"HTTP/1.1 100 ")
        wire.send(b"hi")
        await turns()
        assert wire.read().endswith(b"ok")
        assert driven.hooks.errors == []

    run(main)


def test_a_client_that_was_told_to_go_on_has_its_time() -> None:
    """From then on silence is the client's."""

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()

    async def main() -> None:
        driven = Driven(application)
        wire = driven.connect()
        wire.send(POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        await turns()
        driven.pass_time(59)
        assert not wire.is_ending
        driven.pass_time(3)
        assert wire.is_ending
        await turns()

    run(main)


def test_who_is_too_slow_with_the_rest_of_an_answered_request_gets_no_second_answer() -> None:
    """One request, one final response; then the connection ends."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect()
        wire.send(POST + b"content-length: 100\r\n\r\nab")
        await turns()
        driven.pass_time(100)
        assert wire.closing
        assert wire.read().count(b"HTTP/1.1 ") == 1

    run(main)


def test_one_connection_that_can_not_be_closed_does_not_keep_the_others_open() -> None:
    """The end of the server reaches all, and the exception its caller."""

    async def main() -> None:
        driven = Driven(plain)
        first, second = driven.connect(), driven.connect()
        first.close = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        with pytest.raises(ZeroDivisionError):
            driven.server.begin_shutdown()
        assert second.closing
        first.lose(None)
        await turns()
        assert driven.server.connections == 0

    run(main)


def test_who_takes_over_a_connection_finds_it_reading() -> None:
    """Reading may be paused for the requests in front of the one that asks for another protocol."""
    taken: list[bool] = []

    async def main() -> None:
        driven = Driven(plain, allow_upgrade=True)
        wire = driven.connect()

        def upgrade(_protocol: Any, transport: Any, _received: bytes, _has_ended: bool) -> bool:
            taken.append(transport.reads_paused)
            return True

        driven.hooks.upgrade = upgrade  # type: ignore[attr-defined]
        wire.send(GET * 20 + GET[:-2] + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n")
        await turns(40)
        assert taken == [False]
        assert driven.server.connections == 0

    run(main)


@pytest.mark.parametrize(("size", "closes"), [(200_000, True), (100, False)])
def test_an_answer_to_a_request_that_is_too_long_to_be_read_says_close(size: int, closes: bool) -> None:
    """A client that keeps connections for later is told that this one ends."""

    async def main() -> None:
        wire = Driven(plain).connect()
        wire.send(POST + b"content-length: %d\r\n\r\n" % size)
        await turns()
        assert wire.is_ending is closes
        assert (b"connection: close" in wire.read()) is closes

    run(main)
