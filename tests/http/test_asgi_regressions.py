"""Faults found by a second review of the HTTP server, about applications: each test is named after the fault.

The protocol is driven by its methods, so that the test decides on the order of events.
"""

import asyncio
import contextvars
import gc
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import vitok
from driven import BODY, GET, POST, START, Driven, plain, run, turns
from support import ErrorLog
from vitok import uvicorn
from vitok.http.options import native_options


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
            assert seen.startswith(b"HTTP/1.1 103 ")
            assert b"HTTP/1.1 200 OK" in seen
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
        driven.server = vitok._native.HttpServer(
            asyncio.get_running_loop(), application, native_options(), Interrupted()
        )
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


def test_a_request_whose_application_ends_the_process_is_answered(error_log: ErrorLog) -> None:
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
    gc.collect()
    # asyncio says of a first step that leaves the loop that nobody has asked its task for the exception.
    error_log.take()


def test_a_client_that_leaves_while_a_file_is_sent_is_no_error(tmp_path: Path) -> None:
    """A transport that closes makes loop.sendfile() say RuntimeError; the application sees whose doing it was."""
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
    """The connection is cut after its time, and the request ends with it: no task waits on for a closed socket."""
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


def test_uvicorn_hears_nothing_of_a_client_that_left_before_the_response(caplog: pytest.LogCaptureFixture) -> None:
    """A line without a status is no invalid request."""

    class Config:
        config = None

    hooks = uvicorn._Hooks(Config(), Config(), {}, begins_with="HTTP")
    with caplog.at_level("INFO"):
        hooks.access('127.0.0.1:1 "GET / HTTP/1.1" - 0B 1.00ms (cut short)\n')
        assert caplog.records == []
        hooks.access('127.0.0.1:1 "GET / HTTP/1.1" 200 0B 1.00ms\n')
        hooks.refused('127.0.0.1:1 "-" 400 0B 0.00ms (no head)')
        hooks.refused('127.0.0.1:1 "GET / HTTP/1.1" 400 0B 0.00ms (no Host field (RFC 9112 section 3.2))')
        assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING"]


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


def test_an_application_that_never_waits_hears_of_a_client_that_is_gone() -> None:
    """The loop has no turn in which it could tell, so send() does: the application would go on for ever."""
    sent = 0

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        nonlocal sent
        await send({**START, "headers": []})
        client.close()
        while sent < 1000:
            sent += 1
            await send({"type": "http.response.body", "body": bytes(20_000), "more_body": True})

    async def main() -> None:
        nonlocal client
        driven = Driven(application)
        client = await driven.connect_really()
        client.send(GET)
        await turns(20)
        assert sent < 3
        assert (driven.server.connections, driven.server.running, driven.hooks.errors) == (0, 0, [])

    client: Any = None
    run(main)


def test_nor_does_one_on_a_transport_that_is_not_a_stream_of_ours() -> None:
    """A transport that closes by itself is asked: no turn comes in which it could tell."""
    sent = 0

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        nonlocal sent
        await send({**START, "headers": []})
        while sent < 1000:
            sent += 1
            await send({"type": "http.response.body", "body": bytes(100), "more_body": True})
            wire.lose(None)

    async def main() -> None:
        nonlocal wire
        driven = Driven(application)
        wire = driven.connect()
        wire.send(GET)
        await turns()
        assert sent < 4
        assert (driven.server.connections, driven.server.running, driven.hooks.errors) == (0, 0, [])

    wire: Any = None
    run(main)


def test_content_in_tiny_chunks_is_no_object_for_each() -> None:
    """What waits for the application takes about the memory of its bytes, however they came."""
    count = 20_000
    asked = asyncio.Event()
    received: list[bytes] = []

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        await asked.wait()
        received.append((await receive())["body"])
        await plain(None, None, send)

    async def main() -> None:
        driven = Driven(application)
        wire = driven.connect()
        wire.send(POST + b"transfer-encoding: chunked\r\n\r\n")
        await turns()
        chunks = b"2\r\nab\r\n" * count
        before = sys.getallocatedblocks()
        wire.send(chunks)
        assert sys.getallocatedblocks() - before < count // 10
        asked.set()
        await turns()
        assert received == [b"ab" * count]

    run(main)
