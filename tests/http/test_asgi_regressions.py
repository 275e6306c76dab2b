"""What was found by reading the HTTP server a second time: each test is named after what went wrong.

The protocol is driven by its methods, so that what comes in which order is the test's to say.
"""

import asyncio
import contextvars
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import vitok
from driven import BODY, GET, START, Driven, turns
from vitok import uvicorn

POST = b"POST / HTTP/1.1\r\nhost: a\r\n"


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it in a loop of ours."""
    with asyncio.Runner(loop_factory=vitok.new_event_loop) as runner:
        runner.run(work())


async def plain(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers at once, whatever the request still brings."""
    await send(START)
    await send(BODY)


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
        assert not wire.closing
        driven.pass_time(20)
        assert wire.closing
        assert wire.read().count(b" 200 OK") == 10

    run(main)


def test_more_of_an_answered_request_than_is_worth_reading_ends_the_connection() -> None:
    """What is thrown away has an end: the connection is closed then, and not left open to be written to for ever."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect()
        wire.send(POST + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await turns()
        assert not wire.closing
        for _ in range(5):
            wire.send(b"4000\r\n" + bytes(0x4000) + b"\r\n")
            await turns()
        assert wire.closing

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
        assert wire.closing
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
        assert not wire.closing
        wire.send(b"cd")
        await turns()
        assert wire.closing

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


def test_a_hint_between_head_and_content_does_not_hold_the_head_back() -> None:
    """The head still leaves when the turn ends, without content."""

    async def hinting(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        await send({"type": "http.response.early_hint", "links": [b"</a>"]})
        await receive()

    async def main() -> None:
        driven = Driven(hinting)
        with await driven.connect_really() as client:
            client.send(GET)
            await turns(20)
            seen = client.recv(4096)
            assert seen.startswith(b"HTTP/1.1 103 ") and b"HTTP/1.1 200 OK" in seen
        await turns()

    run(main)


def test_a_connection_writes_on_after_an_exception_at_the_end_of_a_turn() -> None:
    """What leaves the loop while a head is about to be sent leaves the stream on nobody's list but its own."""
    again = asyncio.Event()

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"bad name", b"")]})
        await again.wait()
        await send(START)
        await send(BODY)

    class Interrupted:
        def error(self, _message: str, _exception: BaseException | None) -> None:
            raise KeyboardInterrupt

    async def begin() -> socket.socket:
        driven = Driven(application)
        driven.server = vitok._native.HttpServer(asyncio.get_running_loop(), application, {}, Interrupted())
        return await driven.connect_really()

    async def use(client: socket.socket) -> None:
        client.send(GET)
        await turns(20)

    async def go_on() -> None:
        again.set()
        await turns()

    with asyncio.Runner(loop_factory=vitok.new_event_loop) as runner, runner.run(begin()) as client:
        with pytest.raises(KeyboardInterrupt):
            runner.get_loop().run_until_complete(use(client))
        runner.run(go_on())
        assert client.recv(4096).endswith(b"\r\n\r\nok")
        client.close()
        runner.run(turns())


def test_a_request_whose_application_ends_the_process_is_answered() -> None:
    """KeyboardInterrupt leaves the loop, and the client does not wait for ever."""

    async def application(_scope: Any, _receive: Any, _send: Any) -> None:
        raise KeyboardInterrupt

    async def begin() -> Any:
        return Driven(application).connect()

    async def use(wire: Any) -> None:
        wire.send(GET)
        await turns()

    async def end(wire: Any) -> None:
        await turns()
        assert wire.read().startswith(b"HTTP/1.1 500 ")
        await turns()

    with asyncio.Runner(loop_factory=vitok.new_event_loop) as runner:
        wire = runner.run(begin())
        with pytest.raises(KeyboardInterrupt):
            runner.get_loop().run_until_complete(use(wire))
        runner.run(end(wire))


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
        assert not wire.closing
        driven.pass_time(3)
        assert wire.closing
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


def test_a_file_that_does_not_fit_its_length_is_answered_with_500(tmp_path: Path) -> None:
    """Nothing has left when that shows, so the client gets an answer and not just the end of the connection."""
    path = tmp_path / "file"
    path.write_bytes(bytes(100))

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send(START)
        await send({"type": "http.response.pathsend", "path": str(path)})

    async def main() -> None:
        driven = Driven(application)
        wire = driven.connect()
        wire.send(GET)
        await turns()
        assert wire.read().startswith(b"HTTP/1.1 500 ")
        assert "longer than its Content-Length" in str(driven.hooks.errors[0][1])

    run(main)


def test_a_client_that_leaves_while_a_file_is_sent_is_no_error(tmp_path: Path) -> None:
    """Of a transport that closes already loop.sendfile() says RuntimeError: what the application sees is the client's."""
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    raised: list[BaseException] = []

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({**START, "headers": []})
        try:
            await send({"type": "http.response.pathsend", "path": str(path)})
        except OSError as error:
            raised.append(error)
            raise

    async def main() -> None:
        driven = Driven(application)
        wire = driven.connect()
        wire.closing = True
        wire.send(GET)
        await turns()
        assert isinstance(raised[0], ConnectionResetError)

    run(main)


def test_a_refusal_while_a_file_is_sent_ends_the_connection_and_nothing_else(tmp_path: Path) -> None:
    """Past the file nothing can be written, and nothing has to be."""
    path = tmp_path / "file"
    path.write_bytes(bytes(8 << 20))
    problems: list[Any] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({**START, "headers": []})
        await send({"type": "http.response.pathsend", "path": str(path)})

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
        driven = Driven(application)
        with await driven.connect_really() as client:
            client.send(POST + b"transfer-encoding: chunked\r\n\r\n")
            await turns(20)
            client.send(b"no chunk\r\n")
            await turns(20)
            driven.pass_time(100)
            await turns(20)
            assert driven.server.connections == 0
        assert problems == []
        assert driven.server.running == 0

    run(main)


def test_a_file_whose_client_does_not_read_is_not_sent_for_ever(tmp_path: Path) -> None:
    """The connection is cut after its time, and the request ends with it: no task waits on for a socket that is closed."""
    path = tmp_path / "file"
    path.write_bytes(bytes(8 << 20))

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({**START, "headers": []})
        await send({"type": "http.response.pathsend", "path": str(path)})

    async def main() -> None:
        driven = Driven(application)
        with await driven.connect_really() as client:
            client.send(GET)
            await turns(20)
            assert driven.server.running == 1
            driven.pass_time(200)
            await turns(20)
            assert (driven.server.connections, driven.server.running) == (0, 0)
        assert driven.hooks.errors == []

    run(main)


def test_a_request_that_is_refused_has_its_status_in_the_log() -> None:
    """The content turns out to be malformed while the application waits for it."""

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] == "http.request":
            pass

    async def main() -> None:
        driven = Driven(application, access_log=True)
        wire = driven.connect()
        wire.send(POST + b"transfer-encoding: chunked\r\n\r\n")
        await turns()
        wire.send(b"no chunk\r\n")
        await turns()
        assert '"POST / HTTP/1.1" 400 0B ' in driven.hooks.lines

    run(main)


def test_uvicorn_hears_nothing_of_a_client_that_left_before_the_response(caplog: pytest.LogCaptureFixture) -> None:
    """A line without a status is no invalid request."""

    class Config:
        config = None

    hooks = uvicorn._Hooks(Config(), Config(), {})
    with caplog.at_level("INFO"):
        hooks.access('127.0.0.1:1 "GET / HTTP/1.1" - 0B 1.00ms (cut short)\n')
        assert caplog.records == []
        hooks.access('127.0.0.1:1 "GET / HTTP/1.1" 200 0B 1.00ms\n127.0.0.1:1 "-" 400 0B 0.00ms (no head)\n')
        assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


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
        driven = Driven(plain, hands_over=True)
        wire = driven.connect()

        def upgrade(_protocol: Any, transport: Any, _received: bytes) -> bool:
            taken.append(transport.reads_paused)
            return True

        driven.hooks.upgrade = upgrade  # type: ignore[attr-defined]
        wire.send(GET * 20 + GET[:-2] + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n")
        await turns(40)
        assert taken == [False]
        assert driven.server.connections == 0

    run(main)


def test_what_an_application_sets_before_it_returns_stays_in_its_request() -> None:
    """A callable that is no coroutine function runs in the task, and not in the context of the connection."""
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    seen: list[int] = []

    def application(scope: Any, receive: Any, send: Any) -> Any:
        seen.append(variable.get())
        variable.set(variable.get() + 1)

        async def answer() -> None:
            seen.append(variable.get())
            await plain(scope, receive, send)

        return answer()

    async def main() -> None:
        wire = Driven(application).connect()
        wire.send(GET)
        await turns()
        wire.send(GET)
        await turns()
        assert seen == [0, 1, 0, 1]

    run(main)


def test_what_an_application_returns_is_anything_to_await() -> None:
    """A future serves as well as a coroutine."""

    def application(scope: Any, receive: Any, send: Any) -> Any:
        return asyncio.ensure_future(plain(scope, receive, send))

    async def main() -> None:
        driven = Driven(application)
        wire = driven.connect()
        wire.send(GET)
        await turns()
        assert wire.read().endswith(b"ok")
        assert driven.hooks.errors == []

    run(main)


def test_an_error_that_has_nothing_to_do_with_a_client_that_is_gone_is_told() -> None:
    """An application whose client has left may still fail of its own, by another kind of OSError."""

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] == "http.request":
            pass
        raise FileNotFoundError("configuration")

    async def main() -> None:
        driven = Driven(application)
        wire = driven.connect()
        wire.send(GET)
        wire.lose(None)
        await turns()
        assert isinstance(driven.hooks.errors[0][1], FileNotFoundError)

    run(main)
