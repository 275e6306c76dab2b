"""The two directions of a request of a native application under ASGI, without a server: `receive` and `send` are those
of the test.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import pending, result, turn
from vitok import _native
from vitok.http import App, Response
from vitok.http.native.asgi_exchange import Incoming, Outgoing

DISCONNECT = {"type": "http.disconnect"}
EMPTY = {"type": "http.request", "body": b"", "more_body": False}


class Server:
    """What a server does for one request."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **scope: Any) -> None:
        self.scope = {"method": "GET", "headers": [], "http_version": "1.1", **scope}
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.is_gone = False
        self.incoming = Incoming(self.scope, self.queue.get)
        self.outgoing = Outgoing(self.scope, self._send, self.incoming)
        self.loop = loop

    async def _send(self, message: dict[str, Any]) -> None:
        if self.is_gone:
            raise OSError("gone")
        self.sent.append(message)

    def run(self, work: Any) -> Any:
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(work)


@pytest.fixture
def server(loop: asyncio.AbstractEventLoop) -> Iterator[Callable[..., Server]]:
    """A function that makes one for a scope."""
    made: list[Server] = []

    def make(**scope: Any) -> Server:
        made.append(Server(loop, **scope))
        return made[-1]

    yield make
    for one in made:
        one.incoming.close()
        turn(loop, 2)


def test_a_request_without_content(loop: asyncio.AbstractEventLoop, server: Callable[..., Server]) -> None:
    """Its end is known without a message; then only the end of the client is left, also for several that wait."""
    one = server()
    assert not one.incoming.has_content
    assert one.run(one.incoming.receive()) == EMPTY
    first, second = pending(loop, one.incoming.receive()), pending(loop, one.incoming.receive())
    first.cancel()
    one.queue.put_nowait(EMPTY)
    turn(loop, 3)
    assert not second.done()
    one.queue.put_nowait(DISCONNECT)
    assert result(loop, second) == DISCONNECT
    assert one.incoming.has_left
    assert one.run(one.incoming.receive()) == DISCONNECT


@pytest.mark.parametrize(
    "scope",
    [
        {"headers": [(b"content-length", b"4")]},
        {"headers": [(b"Transfer-Encoding", b"chunked")]},
        {"http_version": "2"},
    ],
)
def test_a_request_with_content(
    loop: asyncio.AbstractEventLoop, server: Callable[..., Server], scope: dict[str, Any]
) -> None:
    """Its messages are passed on; after the last one the end of the client can be watched for."""
    one = server(**scope)
    assert one.incoming.has_content
    assert not one.incoming.is_complete
    for more in (True, False):
        one.queue.put_nowait({"type": "http.request", "body": b"ab", "more_body": more})
        assert one.run(one.incoming.receive())["body"] == b"ab"
    assert one.incoming.is_complete
    one.queue.put_nowait(DISCONNECT)
    assert one.run(one.incoming.receive()) == DISCONNECT


def test_a_client_that_leaves_in_the_middle(server: Callable[..., Server]) -> None:
    """It has left for everything that asks later."""
    one = server(headers=[(b"content-length", b"4")])
    one.queue.put_nowait(DISCONNECT)
    for _ in range(2):
        assert one.run(one.incoming.receive()) == DISCONNECT
    with pytest.raises(ConnectionResetError):
        one.run(one.outgoing._part(b"late"))


def test_a_whole_response(server: Callable[..., Server]) -> None:
    """It has its length, unless it can have no content."""
    one = server()
    one.run(one.outgoing.send_whole(_native.Response("ä", 201, {"X-One": "1"})))
    start, body = one.sent
    assert start["status"] == 201
    assert sorted(start["headers"])[0::2] == [(b"content-length", b"2"), (b"x-one", b"1")]
    assert body == {"type": "http.response.body", "body": "ä".encode(), "more_body": False}
    two = server(method="HEAD")
    two.run(two.outgoing.send_whole(_native.Response("ä")))
    assert (b"content-length", b"2") in two.sent[0]["headers"]
    assert two.sent[1]["body"] == b""
    three = server()
    three.run(three.outgoing.send_whole(_native.Response(b"dropped", 304)))
    assert not [name for name, _ in three.sent[0]["headers"] if name == b"content-length"]
    assert three.sent[1]["body"] == b""


def test_parts(server: Callable[..., Server]) -> None:
    """The head goes out with the first part; for HEAD no part does."""
    one = server()
    one.outgoing._begin(_native.Response(content_type="text/x"), None)
    assert not one.sent
    one.run(one.outgoing._part(b"one"))
    assert [message["type"] for message in one.sent] == ["http.response.start", "http.response.body"]
    assert one.sent[0]["headers"] == [(b"content-type", b"text/x")]
    one.outgoing._end()
    one.run(one.outgoing.finish())
    assert one.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    two = server(method="HEAD")
    two.outgoing._begin(_native.Response(), 6)
    two.run(two.outgoing._part(b"unseen"))
    two.run(two.outgoing.finish())
    assert [message.get("body") for message in two.sent] == [None, b"", b""]


def test_a_client_that_has_left_while_it_is_sent(server: Callable[..., Server]) -> None:
    """Whatever kind of OSError a server raises, it is the one of the native server."""
    one = server()
    one.outgoing._begin(_native.Response(), None)
    one.is_gone = True
    with pytest.raises(ConnectionResetError):
        one.run(one.outgoing._part(b"one"))
    assert one.outgoing.has_left


def test_a_held_task(loop: asyncio.AbstractEventLoop, server: Callable[..., Server]) -> None:
    """It is cancelled when the client leaves, unless it is held no more."""

    async def held(one: Server, *, is_held: bool) -> bool:
        task = asyncio.create_task(asyncio.Event().wait())
        one.outgoing._hold(task)
        if not is_held:
            one.outgoing._hold(None)
        one.queue.put_nowait(DISCONNECT)
        await one.incoming.watch()
        await asyncio.sleep(0)
        was_cancelled = task.cancelling() > 0
        task.cancel()
        await asyncio.wait({task})
        return was_cancelled

    for is_held in (True, False):
        assert loop.run_until_complete(held(server(), is_held=is_held)) == is_held


@pytest.mark.parametrize("extension", [None, "http.response.pathsend", "http.response.zerocopysend"])
def test_files(server: Callable[..., Server], tmp_path: Path, extension: str | None) -> None:
    """A file is sent by the extension that the server has and that fits, and otherwise read."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    extensions = {extension: {}} if extension else {}
    for offset, count in ((0, 10), (2, 3)):
        one = server(extensions=extensions)
        with path.open("rb") as file:
            one.outgoing._begin(_native.Response(), count)
            one.run(one.outgoing._file(file, offset, count))
            one.outgoing._end()
            one.run(one.outgoing.finish())
            kinds = [message["type"] for message in one.sent]
            if extension == "http.response.pathsend" and count == 10:
                assert one.sent[1:] == [{"type": extension, "path": str(path)}]
            elif extension == "http.response.zerocopysend":
                assert kinds[1:] == [extension, "http.response.body"]
                assert (one.sent[1]["file"], one.sent[1]["offset"], one.sent[1]["count"]) == (file, offset, count)
            else:
                content = b"".join(message.get("body", b"") for message in one.sent)
                assert content == b"0123456789"[offset : offset + count]


def test_a_file_that_was_replaced_or_cut(server: Callable[..., Server], tmp_path: Path) -> None:
    """A path that names another file by now is not sent by its name, and a file that is too short is an error."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with path.open("rb") as file:
        (tmp_path / "new").write_bytes(b"new")
        os.replace(tmp_path / "new", path)  # noqa: PTH105
        one = server(extensions={"http.response.pathsend": {}})
        one.outgoing._begin(_native.Response(), 3)
        one.run(one.outgoing._file(file, 0, 3))
        assert one.sent[1]["body"] == b"old"
        with pytest.raises(OSError, match="truncated"):
            one.run(one.outgoing._file(file, 0, 4))


def test_events_end_with_a_client_whose_content_nobody_reads(loop: asyncio.AbstractEventLoop) -> None:
    """Only a comment shows that it has left: a server says so behind the content."""
    app = App()
    how: list[str] = []

    async def events() -> AsyncIterator[str]:
        try:
            yield "one"
            await asyncio.Event().wait()
        finally:
            how.append("ended")

    @app.post("/")
    async def endpoint(request: Any) -> Response:
        return Response.events(events(), keep_alive=0.01)

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        if len(sent) == 3:
            raise OSError("gone")
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"4")]}

    async def main() -> None:
        async with asyncio.timeout(15):
            await app(scope, asyncio.Event().wait, send)

    loop.run_until_complete(main())
    assert how == ["ended"]
