"""Streams, events and large files over a connection: what a client sees of their end, and of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from asgi_support import request, serving
from native_support import compiled, plain
from vitok import _native
from vitok.http.native import open_events, responses
from vitok.http.native.responses import Event, Response
from wires import both_wires, http2_only

pytestmark = [pytest.mark.vitok_only, both_wires]


class Parts:
    """Parts that a test lets come, and how their iterator ended."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.how = ""

    async def made(self) -> AsyncIterator[Any]:
        """Make the parts; an exception is raised, and None is the end."""
        try:
            while (part := await self.queue.get()) is not None:
                if isinstance(part, Exception):
                    raise part
                yield part
            self.how = "ended"
        except asyncio.CancelledError:
            self.how = "cancelled"
            raise
        except GeneratorExit:
            self.how = "closed"
            raise


def served(endpoint: Callable[[Any], Any], **options: Any) -> Any:
    """An application of one plain function."""
    return compiled(plain(endpoint), send=responses.send, **options)


def test_parts_arrive_while_they_are_made() -> None:
    """Each one as a chunk, on a connection that goes on."""
    parts = Parts()
    with serving(served(lambda _: Response.stream(parts.made()))) as site:
        client = site.connect()
        for _ in range(2):
            client.send(request())
            parts.queue.put_nowait(b"one")
            head = client.head()
            assert client.has_no_length(head)
            assert client.content(3) == b"one"
            parts.queue.put_nowait("two")
            assert client.content(3) == b"two"
            parts.queue.put_nowait(None)
            client.finish()
        assert parts.how == "ended"


def test_an_error_in_the_middle_ends_the_connection() -> None:
    """Without the last chunk, so that the client knows; and it is reported."""
    parts = Parts()
    with serving(served(lambda _: Response.stream(parts.made()))) as site:
        client = site.connect()
        client.send(request())
        parts.queue.put_nowait(b"one")
        client.head()
        assert client.content(3) == b"one"
        parts.queue.put_nowait(OSError("the disk"))
        assert client.cut() == b""
        [(_, error)] = site.hooks.take()
        assert isinstance(error, OSError)


def test_an_error_in_front_is_an_error_response() -> None:
    """The exception handlers get it, as if the function itself had raised it."""
    parts = Parts()
    application = served(lambda _: Response.stream(parts.made()), on_exception=lambda _, error: (str(error), 503))
    with serving(application) as site:
        client = site.connect()
        parts.queue.put_nowait(OSError("the disk"))
        answer = client.ask()
        assert (answer.status, answer.body) == (503, b"the disk")


@pytest.mark.parametrize("way", ["close", "half_close", "reset", pytest.param("leave", marks=http2_only("a stream"))])
def test_a_client_that_leaves_ends_the_iterator(way: str) -> None:
    """While it waits for its next part, and without an error."""
    parts = Parts()
    with serving(served(lambda _: Response.events(parts.made()))) as site:
        client = site.connect()
        client.send(request())
        parts.queue.put_nowait("one")
        client.head()
        getattr(client, way)()
        site.wait(lambda: parts.how)
        assert parts.how == "cancelled"
        site.wait(lambda: site.http.running == 0)


def test_an_earlier_response_takes_no_later_task_back() -> None:
    """The next request of a connection may begin before the sender of the last response goes on."""
    parts = Parts()
    earlier: list[Any] = []

    def endpoint(asked: Any) -> Any:
        earlier.append(asked)
        return Response.events(parts.made()) if len(earlier) == 2 else "first"

    with serving(served(endpoint)) as site:
        client = site.connect()
        client.ask()
        client.send(request())
        client.head()
        earlier[0]._hold(None)
        client.close()
        site.wait(lambda: parts.how)
        assert parts.how == "cancelled"
        site.wait(lambda: site.http.running == 0)


def test_events_over_a_connection() -> None:
    """The head comes at once, and each event when it is made."""
    parts = Parts()
    with serving(served(lambda _: Response.events(parts.made(), keep_alive=None))) as site:
        client = site.connect()
        client.send(request("/", "last-event-id: 4"))
        assert client.head().one(b"content-type") == b"text/event-stream"
        parts.queue.put_nowait(Event("a", id="5"))
        assert client.content(15) == b"id: 5\ndata: a\n\n"
        open_events.end_events(site.loop)
        client.finish()
        assert parts.how == "cancelled"


def test_a_client_that_does_not_read_stops_the_iterator() -> None:
    """Back-pressure: not more is made than what the buffers take."""
    made = []

    async def parts() -> AsyncIterator[bytes]:
        for number in range(1000):
            made.append(number)
            yield b"x" * 100_000

    with serving(served(lambda _: Response.stream(parts()))) as site:
        client = site.connect(receive_buffer=4096)
        client.send(request())
        client.head()
        before = -1
        while before != len(made):
            before = len(made)
            site.turn(50)
        assert len(made) < 500
        client.close()
        site.wait(lambda: site.http.running == 0)


@pytest.mark.parametrize("ranges", [None, "bytes=5-2000000", "bytes=0-99999,900000-1100000"])
def test_a_large_file(tmp_path: Path, ranges: str | None) -> None:
    """By sendfile, the pieces of several ranges in order."""
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(251)) * 10_000)
    with serving(served(lambda _: Response.file(path))) as site:
        client = site.connect()
        for _ in range(2):
            answer = client.ask(request("/", *([f"range: {ranges}"] if ranges else [])))
            content = path.read_bytes()
            if ranges is None:
                assert answer.body == content
            elif "," in ranges:
                parts = content[:100_000], content[900_000:1_100_001]
                assert all(part in answer.body for part in parts)
            else:
                assert answer.body == content[5:2_000_001]
            assert answer.one(b"content-length") == str(len(answer.body)).encode()


def test_a_client_that_leaves_a_large_file(tmp_path: Path) -> None:
    """No error is reported, and no descriptor stays open."""
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(20_000_000))
    with serving(served(lambda _: Response.file(path))) as site:
        client = site.connect(receive_buffer=4096)
        client.send(request())
        client.head()
        client.reset()
        site.wait(lambda: site.http.running == 0)


def test_a_response_that_is_returned_again(tmp_path: Path) -> None:
    """A response with a file may be the same object for all requests."""
    path = tmp_path / "a.txt"
    path.write_text("first")
    response = Response.file(path)
    with serving(served(lambda _: response)) as site:
        client = site.connect()
        assert client.ask().body == b"first"
        path.write_text("second, longer")
        assert client.ask().body == b"second, longer"
        assert client.ask(request("/", "range: bytes=0-1")).status == 206
        assert client.ask().status == 200
    assert response.headers.raw == []
    assert type(response) is Response
    assert isinstance(response, _native.Response)
