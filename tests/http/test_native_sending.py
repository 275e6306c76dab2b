"""Responses whose content comes from a source: what a coroutine of Python's sends by the methods of a request."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgi_support import GET, Gate, request, serving
from native_support import a_coroutine, compiled, plain
from vitok import _native
from wires import both_wires, http1_only, http2_only

pytestmark = [pytest.mark.vitok_only, both_wires]

Source = Callable[[Any, Any], Awaitable[None]]


async def send(response: Any, _: Any, to: Any) -> None:
    """Let the source send itself."""
    await response.source(response, to)


def streamed(source: Source, *, is_async: bool = False, **response: Any) -> Any:
    """An application whose responses have this source."""
    made = _native.Response(source=source, **response)

    async def later(_: Any) -> Any:
        await asyncio.sleep(0)
        return made

    return compiled(a_coroutine(later) if is_async else plain(lambda _: made), send=send)


async def two_parts(response: Any, to: Any) -> None:
    """Some content in two parts."""
    to._begin(response, None)
    await to._part(b"one")
    await asyncio.sleep(0)
    await to._part(bytearray(b"two"))
    to._end()


@pytest.mark.parametrize("is_async", [False, True])
def test_parts_are_chunks(is_async: bool) -> None:
    """Each part is a chunk; the connection goes on."""
    with serving(streamed(two_parts, is_async=is_async, status=201, headers={"x-a": "b"})) as site:
        client = site.connect()
        for _ in range(2):
            answer = client.ask()
            assert (answer.status, answer.chunks, answer.one(b"x-a")) == (201, [b"one", b"two"], b"b")
        assert client.ask(request(method="HEAD")).body == b""
        assert site.http.running == 0


@http1_only("an older version")
def test_parts_for_a_client_of_1_0() -> None:
    """Their end is that of the connection."""
    with serving(streamed(two_parts)) as site:
        assert b"connection: close" in client_of_1_0(site)


def client_of_1_0(site: Any) -> bytes:
    """What a client of HTTP/1.0 gets, whose content ends with the connection."""
    client = site.connect()
    client.send(request(version="1.0"))
    rest: bytes = client.rest()
    assert rest.endswith(b"\r\n\r\nonetwo")
    return rest


def test_a_known_length() -> None:
    """Content of a known length has it, and no chunks."""

    async def source(response: Any, to: Any) -> None:
        to._begin(response, 4)
        await to._part(b"ab")
        await to._part(b"cd")
        to._end()

    with serving(streamed(source)) as site:
        answer = site.ask()
        assert (answer.one(b"content-length"), answer.body) == (b"4", b"abcd")


def test_a_file() -> None:
    """A part of a file is sent past the machine, between other parts."""
    with tempfile.TemporaryFile() as file:
        file.write(bytes(range(256)) * 4096)
        file.flush()

        async def source(response: Any, to: Any) -> None:
            to._begin(response, None)
            await to._part(b"before")
            await to._file(file, 256, 512 * 1024)
            await to._part(b"behind")
            to._end()

        with serving(streamed(source)) as site:
            client = site.connect()
            for _ in range(2):
                assert client.ask().body == b"before" + bytes(range(256)) * 2048 + b"behind"


def test_a_slow_peer_is_waited_for() -> None:
    """A part returns when the client has read enough."""
    sent = []

    async def source(response: Any, to: Any) -> None:
        to._begin(response, None)
        for place in range(64):
            await to._part(b"x" * 65536)
            sent.append(place)
        to._end()

    with serving(streamed(source)) as site:
        client = site.connect(receive_buffer=4096)
        client.send(GET)
        site.turn(50)
        assert len(sent) < 64
        assert len(client.answer().body) == 64 * 65536


def test_a_client_that_leaves() -> None:
    """The next part raises ConnectionResetError, which is no fault of the application."""
    gate, seen = Gate(), []

    async def source(response: Any, to: Any) -> None:
        to._begin(response, None)
        await to._part(b"x")
        await gate.wait()
        try:
            await to._part(b"y")
        except ConnectionResetError as error:
            seen.append(error)
            raise

    with serving(streamed(source)) as site:
        client = site.connect()
        client.send(GET)
        client.head()
        client.reset()
        site.wait(lambda: site.http.connections == 0)
        gate.open()
        site.wait(lambda: site.http.running == 0)
        assert len(seen) == 1


def test_a_source_that_fails() -> None:
    """Before its head: 500. In the middle: the client sees that it is cut short."""

    async def at_once(response: Any, to: Any) -> None:
        raise ValueError("source")

    async def halfway(response: Any, to: Any) -> None:
        to._begin(response, None)
        await to._part(b"x")
        raise ValueError("source")

    for source, whole in ((at_once, True), (halfway, False)):
        with serving(streamed(source)) as site:
            client = site.connect()
            if whole:
                assert client.ask().status == 500
            else:
                client.send(GET)
                assert client.cut() == b"x"
            [(_, error)] = site.hooks.take()
            assert str(error) == "source"


def test_an_exception_before_the_head_is_handled() -> None:
    """As that of a handler: another response is still possible."""

    async def fails(response: Any, to: Any) -> None:
        await asyncio.sleep(0)
        raise FileNotFoundError("no such file")

    made = _native.Response(source=fails)
    application = compiled(plain(lambda _: made), send=send, on_exception=lambda _, error: (str(error), 404))
    with serving(application) as site:
        client = site.connect()
        for _ in range(2):
            answer = client.ask()
            assert (answer.status, answer.body) == (404, b"no such file")


@pytest.mark.parametrize("leave", ["close", "reset", "half_close", pytest.param("leave", marks=http2_only("a stream"))])
def test_a_task_is_cancelled_when_the_client_leaves(leave: str) -> None:
    """It waits for something else meanwhile, as a source of events does."""
    seen = []

    async def source(response: Any, to: Any) -> None:
        to._begin(response, None)
        await to._part(b"x")
        forever = asyncio.ensure_future(asyncio.Event().wait())
        to._hold(forever)
        try:
            await forever
        except asyncio.CancelledError:
            seen.append("left")

    with serving(streamed(source)) as site:
        client = site.connect()
        client.send(request(method="POST", body=b"unread"))
        client.head()
        getattr(client, leave)()
        site.wait(lambda: site.http.running == 0)
        assert seen == ["left"]
        site.hooks.take()


def test_a_task_of_a_client_that_has_left_already() -> None:
    """It is cancelled at once."""
    gate, seen = Gate(), []

    async def source(response: Any, to: Any) -> None:
        await gate.wait()
        task = asyncio.ensure_future(asyncio.Event().wait())
        to._hold(task)
        to._hold(None)
        await asyncio.wait({task})
        seen.append(task.cancelled())

    with serving(streamed(source)) as site:
        client = site.connect()
        client.send(GET)
        site.wait(lambda: gate.waiting)
        client.reset()
        site.wait(lambda: site.http.connections == 0)
        gate.open()
        site.wait(lambda: site.http.running == 0)
        assert seen == [True]


def test_a_request_that_is_kept_knows_its_head() -> None:
    """The head is copied before the response is complete."""
    kept: list[Any] = []

    async def source(response: Any, to: Any) -> None:
        kept.append(to)
        await two_parts(response, to)

    with serving(streamed(source)) as site:
        client = site.connect()
        client.ask(request("/?first"))
        client.ask(request("/?second"))
        assert [one.query_string for one in kept] == [b"first", b"second"]
        with pytest.raises(RuntimeError):
            kept[0]._begin(_native.Response(), None)
        kept.clear()
