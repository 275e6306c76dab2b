"""Streams and server-sent events: what is sent when, and that every iterator is closed.

The client is `Recorded`, which leaves when a test says so. What a connection makes of it is tested in
test_native_streams.py.
"""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from files_support import Recorded, asked, sent
from vitok.http.native import open_events, responses
from vitok.http.native.responses import Response
from vitok.http.native.streams import Event

pytestmark = pytest.mark.vitok_only

SECONDS_AT_MOST = 15


class Closed:
    """Parts of a stream, and how they ended."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts
        self.how = ""
        self.is_waiting = False
        self.wakes = asyncio.Event()

    async def in_loop(self) -> AsyncIterator[Any]:
        """Make the parts; an exception is raised, and None waits for ever."""
        try:
            for part in self.parts:
                if isinstance(part, Exception):
                    raise part
                if part is None:
                    self.is_waiting = True
                    await self.wakes.wait()
                else:
                    yield part
            self.how = "ended"
        except GeneratorExit:
            self.how = "closed"
            raise
        except asyncio.CancelledError:
            self.how = "cancelled"
            raise
        finally:
            # Clean-up may wait.
            await asyncio.sleep(0)
            self.how += " and cleaned up"

    def plainly(self) -> Iterator[Any]:
        """Make the parts without the loop."""
        try:
            for part in self.parts:
                if isinstance(part, Exception):
                    raise part
                yield part
            self.how = "ended"
        except GeneratorExit:
            self.how = "closed"
            raise


def test_parts_become_content() -> None:
    """Bytes, text and empty parts, of each kind of iterable."""
    parts = [b"a", "é", b"", bytearray(b"b"), memoryview(b"c")]
    expected = [b"a", "é".encode(), b"b", b"c"]
    closed = Closed(*parts)
    made: list[tuple[Any, dict[str, Any]]] = [
        (closed.in_loop(), {}),
        (Closed(*parts).plainly(), {}),
        (Closed(*parts).plainly(), {"blocking": False}),
        (parts, {}),
        (parts, {"blocking": False}),
    ]
    for iterable, options in made:
        answer = sent(Response.stream(iterable, 201, {"x-a": "b"}, content_type="text/plain", **options))
        assert (answer.status, answer.parts, answer.length) == (201, expected, None)
        assert answer.headers == [(b"content-type", b"text/plain"), (b"x-a", b"b")]
    assert closed.how == "ended and cleaned up"


def test_head_takes_no_part() -> None:
    """The iterator is not asked, but closed."""
    asked_for = []

    class Parts:
        def __aiter__(self) -> "Parts":
            return self

        async def __anext__(self) -> bytes:
            asked_for.append("part")
            raise StopAsyncIteration

        async def aclose(self) -> None:
            asked_for.append("close")

    answer = sent(Response.stream(Parts()), "HEAD")
    assert (answer.body, answer.status, asked_for) == (b"", 200, ["close"])


def test_an_error_in_front_is_before_the_head() -> None:
    """So it becomes an error response."""
    for parts in (Closed(OSError("first")).in_loop(), Closed(OSError("first")).plainly(), [5]):
        recorded = Recorded()
        with pytest.raises((OSError, TypeError)):
            asyncio.run(responses.send(Response.stream(parts), asked(), recorded))  # type: ignore[arg-type]
        assert recorded.status == 0


def test_an_error_in_the_middle_leaves_the_content_without_an_end() -> None:
    """The exception is the sender's, which the server reports before it ends the connection."""
    closed = Closed(b"a", OSError("middle"))
    for parts in (closed.in_loop(), Closed(b"a", OSError("middle")).plainly(), [b"a", 5]):
        recorded = Recorded()
        with pytest.raises((OSError, TypeError)):
            asyncio.run(responses.send(Response.stream(parts), asked(), recorded))  # type: ignore[arg-type]
        assert (recorded.parts, recorded.has_ended) == ([b"a"], False)
    assert closed.how == " and cleaned up"


def test_a_reset_of_the_iterators_own_is_an_error() -> None:
    """It is not taken for a client that has left."""
    with pytest.raises(ConnectionResetError, match="database"):
        sent(Response.stream(Closed(b"a", ConnectionResetError("database")).in_loop()))


async def sending(response: Response, recorded: Recorded) -> asyncio.Task[None]:
    """Begin to send."""
    return asyncio.create_task(responses.send(response, asked(), recorded))


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(SECONDS_AT_MOST):
        while not condition():
            await asyncio.sleep(0)


@pytest.mark.parametrize("make", [Response.stream, Response.events])
def test_the_client_leaves_while_the_iterator_waits(make: Callable[[Any], Response]) -> None:
    """Nobody would notice otherwise: the iterator is cancelled, cleans up, and nothing is raised."""

    async def main() -> None:
        closed, recorded = Closed("a", None), Recorded()
        task = await sending(make(closed.in_loop()), recorded)
        await until(lambda: closed.is_waiting)
        recorded.leave()
        async with asyncio.timeout(SECONDS_AT_MOST):
            await task
        assert (closed.how, recorded.held) == ("cancelled and cleaned up", None)

    asyncio.run(main())


def test_the_client_leaves_between_two_parts() -> None:
    """The iterator is closed when the next part can't be sent."""

    async def main() -> None:
        closed, recorded = Closed(b"a", b"b", b"c"), Recorded()
        task = await sending(Response.stream(closed.in_loop()), recorded)
        await until(lambda: recorded.parts)
        recorded.has_left = True
        await task
        assert closed.how == "closed and cleaned up"

    asyncio.run(main())


def test_a_cancelled_sender_cancels_the_iterator() -> None:
    """At the end of a server: the cancellation is raised after the clean-up."""

    async def main() -> None:
        closed, recorded = Closed("a", None), Recorded()
        task = await sending(Response.events(closed.in_loop()), recorded)
        await until(lambda: closed.is_waiting)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (closed.how, recorded.has_ended) == ("cancelled and cleaned up", False)

    asyncio.run(main())


def test_a_step_in_a_thread_ends_before_its_iterator_is_closed() -> None:
    """A generator that runs can't be closed; nothing runs in two threads, and all steps share a context."""
    variable = contextvars.ContextVar("variable", default="unset")
    goes_on, begun, seen = threading.Event(), threading.Event(), []

    def parts() -> Iterator[bytes]:
        seen.append(variable.get())
        variable.set("of the iterator")
        try:
            yield b"a"
            seen.append(variable.get())
            begun.set()
            goes_on.wait(SECONDS_AT_MOST)
            yield b"b"
        finally:
            seen.append("closed")

    async def main() -> None:
        recorded = Recorded()
        variable.set("of the handler")
        task = await sending(Response.stream(parts()), recorded)
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, SECONDS_AT_MOST)
        recorded.leave()
        await asyncio.sleep(0)
        assert "closed" not in seen
        goes_on.set()
        await task

    asyncio.run(main())
    assert seen == ["of the handler", "of the iterator", "closed"]


def test_a_stream_is_sent_once() -> None:
    """A second request with the same response has nothing to send."""
    response = Response.stream(iter([b"a"]))
    assert sent(response).body == b"a"
    with pytest.raises(RuntimeError, match="only once"):
        sent(response)


def test_what_is_no_stream() -> None:
    """A mistake is found where it is made."""
    for parts in (b"a", "a", 5, None):
        with pytest.raises(TypeError, match="parts: expected an iterable"):
            Response.stream(parts)  # type: ignore[arg-type]
    for parts in ([], "a", None):
        with pytest.raises(TypeError, match="events: expected an asynchronous iterable"):
            Response.events(parts)  # type: ignore[arg-type]
    for seconds in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="keep_alive: "):
            Response.events(Closed().in_loop(), keep_alive=seconds)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Event("a"), b"data: a\n\n"),
        (Event("a\nb\r\nc\rd\x0be"), b"data: a\ndata: b\ndata: c\ndata: d\x0be\n\n"),
        (Event(""), b"data: \n\n"),
        (Event(), b"\n"),
        (Event(retry=10, id=""), b"id: \nretry: 10\n\n"),
        (Event({"a": "é\n"}, event="e", id="1"), 'id: 1\nevent: e\ndata: {"a":"é\\n"}\n\n'.encode()),
        (Event("\ud800"), b"data: ?\n\n"),
    ],
)
def test_events_as_they_are_sent(event: Event, expected: bytes) -> None:
    """WHATWG HTML, "Parsing an event stream"."""
    assert event.encode() == expected


@pytest.mark.parametrize(
    "arguments",
    [{"event": "a\nb"}, {"event": "a\r"}, {"id": "a\nb"}, {"id": "a\0"}, {"retry": -1}],
)
def test_fields_that_would_be_others(arguments: dict[str, Any]) -> None:
    """Issue 15: "CR/LF in fields refused"."""
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Event("a", **arguments)


def test_events_of_each_kind() -> None:
    """Str, dict and Event, behind a head that comes at once."""
    closed = Closed("a", {"b": 1}, Event("c", event="d"))
    answer = sent(Response.events(closed.in_loop()))
    assert answer.parts == [b"data: a\n\n", b'data: {"b":1}\n\n', b"event: d\ndata: c\n\n"]
    assert answer.headers == [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    own = Response.events(closed.in_loop(), headers={"cache-control": "no-store"})
    assert own.headers.get_all("cache-control") == ["no-store"]


def test_the_head_of_events_comes_at_once() -> None:
    """A client knows that it is connected before there is an event; the head of a stream waits for its first part."""

    async def main() -> None:
        for make, has_head in ((Response.events, True), (Response.stream, False)):
            closed, recorded = Closed(None), Recorded()
            task = await sending(make(closed.in_loop()), recorded)
            await until(lambda closed=closed: closed.is_waiting)  # type: ignore[misc]
            assert (recorded.has_head, recorded.parts) == (has_head, [])
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(main())


def test_events_end_with_the_server() -> None:
    """`open_events.end_events`: the content has its end, so that a client connects again without an error."""

    async def main() -> None:
        closed, recorded = Closed("a", None), Recorded()
        task = await sending(Response.events(closed.in_loop()), recorded)
        await until(lambda: closed.is_waiting)
        open_events.end_events(asyncio.get_running_loop())
        await task
        assert (closed.how, recorded.has_ended) == ("cancelled and cleaned up", True)
        open_events.end_events(asyncio.get_running_loop())

    asyncio.run(main())


def test_comments_keep_a_silent_connection() -> None:
    """One after each so many seconds without an event, and none where events come."""

    async def main() -> None:
        closed, recorded = Closed("a", None), Recorded()
        task = await sending(Response.events(closed.in_loop(), keep_alive=0.01), recorded)
        await until(lambda: recorded.parts.count(b":\n\n") == 3)
        closed.wakes.set()
        await task
        assert recorded.parts[0] == b"data: a\n\n"
        assert recorded.has_ended

    asyncio.run(main())


def test_an_iterator_that_is_cancelled_by_itself_is_an_error() -> None:
    """Such a content is not complete, and nobody has asked for its end."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="the iterator of a stream was cancelled"):
        sent(Response.stream(parts()))
