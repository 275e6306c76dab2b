"""Handlers of WebSockets (class WebSocket), in process. What frames they become is tested in tests/websocket."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from vitok.http.native.errors import HTTPError
from vitok.http.native.websocket import Closed, WebSocket, WebSocketClosed, endpoint
from vitok.http.testing import AsyncTestClient, TestClient, WebSocketRefused

pytestmark = pytest.mark.vitok_only

Handler = Callable[[WebSocket], Awaitable[None]]


def client_of(handler: Handler, **options: Any) -> TestClient:
    """A client of an application that has only this handler."""
    return TestClient(endpoint(handler), **options)


async def echo(socket: WebSocket) -> None:
    """Send back what arrives."""
    await socket.accept()
    async for message in socket:
        await socket.send(message)


def test_messages() -> None:
    """Text, bytes and JSON in both directions; the end of the client ends the iteration."""
    seen: list[Any] = []

    async def handler(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send(await socket.receive_text() + "!")
        await socket.send(bytearray(await socket.receive_bytes()))
        await socket.send_json({"ä": await socket.receive_json()})
        seen.extend([message async for message in socket])
        seen.append(socket.closed)

    with client_of(handler).websocket_connect("/") as socket:
        socket.send("text")
        assert socket.receive() == "text!"
        socket.send(b"bytes")
        assert socket.receive_bytes() == b"bytes"
        socket.send_json([1])
        assert socket.receive() == '{"ä":[1]}'
        socket.send("a")
        socket.send(b"b")
        socket.close(4001, "enough")
    assert seen == ["a", b"b", Closed(4001, "enough")]


def test_subprotocols_and_headers() -> None:
    """The handler chooses one of the subprotocols that are offered, and adds fields."""

    async def handler(socket: WebSocket) -> None:
        assert socket.subprotocols == ("chat", "other")
        with pytest.raises(ValueError, match="does not offer the subprotocol 'third'"):
            await socket.accept("third")
        await socket.accept(subprotocol="other", headers={"X-Room": "1"})
        assert socket.subprotocol == "other"

    with client_of(handler).websocket_connect("/", ["chat", "other"]) as socket:
        assert (socket.subprotocol, socket.headers) == ("other", [(b"x-room", b"1")])


def test_state_and_path_params() -> None:
    """Each WebSocket has the state of the lifespan as a dict of its own, and the parameters of its path."""
    found: list[Any] = []

    async def handler(socket: WebSocket) -> None:
        found.append((dict(socket.state), socket.path_params, socket.client, socket.scheme))
        socket.state["more"] = True

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = shared
        await endpoint(handler)({**scope, "path_params": {"room": 7}}, receive, send)

    shared = {"answer": 42}
    for _ in range(2):
        with pytest.raises(WebSocketRefused), TestClient(app).websocket_connect("/"):
            raise AssertionError
    assert found == [({"answer": 42}, {"room": 7}, ("127.0.0.1", 50000), "ws")] * 2


def test_the_end_of_the_handler() -> None:
    """A handler that returns has closed its WebSocket with 1000."""

    async def handler(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send("last")

    with client_of(handler).websocket_connect("/") as socket:
        assert list(socket) == ["last"]
        assert socket.closed == Closed(1000, "")
        with pytest.raises(WebSocketClosed, match="closed with 1000"):
            socket.send("late")


def test_close() -> None:
    """`close()` has a code and a reason, and no effect the second time. Nothing can be sent or received after it."""

    async def handler(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(4000, "bye")
        await socket.close()
        with pytest.raises(RuntimeError, match="closed by close"):
            await socket.send("late")
        with pytest.raises(RuntimeError, match="only once"):
            await socket.accept()
        with pytest.raises(WebSocketClosed, match="closed with 4000: bye"):
            await socket.receive()
        assert "closed 4000" in repr(socket)

    with client_of(handler).websocket_connect("/") as socket:
        with pytest.raises(WebSocketClosed) as caught:
            socket.receive()
        assert (caught.value.code, caught.value.reason) == (4000, "bye")


def test_refusals() -> None:
    """Without `accept()` the client gets 403; an HTTPError is the response, where the server can send one."""

    async def returns(socket: WebSocket) -> None:
        pass

    async def closes(socket: WebSocket) -> None:
        await socket.close()
        assert isinstance(socket.closed, Closed)

    async def raises(socket: WebSocket) -> None:
        raise HTTPError(401, "who is there?", headers={"WWW-Authenticate": "Basic"})

    for handler in (returns, closes):
        with pytest.raises(WebSocketRefused) as caught, client_of(handler).websocket_connect("/"):
            raise AssertionError
        assert (caught.value.response.status, caught.value.response.content) == (403, b"")
    with pytest.raises(WebSocketRefused) as caught, client_of(raises).websocket_connect("/"):
        raise AssertionError
    response = caught.value.response
    assert (response.status, response.json()["detail"]) == (401, "who is there?")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"] == "Basic"

    async def without_extension(scope: Any, receive: Any, send: Any) -> None:
        await endpoint(raises)({**scope, "extensions": {}}, receive, send)

    with pytest.raises(WebSocketRefused, match="403"), TestClient(without_extension).websocket_connect("/"):
        raise AssertionError


def test_exceptions() -> None:
    """An exception closes with 1011 and is reported; before `accept()` the response is 500. A test gets it."""

    async def fails(socket: WebSocket) -> None:
        if socket.path_params.get("late"):
            await socket.accept()
        raise KeyError("on purpose")

    for late in (False, True):

        async def app(scope: Any, receive: Any, send: Any, late: bool = late) -> None:
            await endpoint(fails)({**scope, "path_params": {"late": late}}, receive, send)

        with pytest.raises(KeyError), TestClient(app).websocket_connect("/") as socket:
            socket.receive()
        quiet = TestClient(app, raise_server_exceptions=False)
        if late:
            with quiet.websocket_connect("/") as socket:
                assert list(socket) == []
                assert socket.closed == Closed(1011, "")
        else:
            with pytest.raises(WebSocketRefused, match="500"), quiet.websocket_connect("/"):
                raise AssertionError


def test_too_early() -> None:
    """Nothing can be sent or received before `accept()`."""

    async def handler(socket: WebSocket) -> None:
        with pytest.raises(RuntimeError, match="call accept"):
            await socket.send("early")
        with pytest.raises(RuntimeError, match="call accept"):
            await socket.receive()
        await socket.accept()
        with pytest.raises(TypeError, match="str or bytes, not int"):
            await socket.send(1)  # type: ignore[arg-type]

    with client_of(handler).websocket_connect("/") as socket:
        assert list(socket) == []


def test_messages_of_the_wrong_kind() -> None:
    """They close the WebSocket with a code that says why, which is no error of the handler."""

    async def text(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive_text()

    async def data(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive_bytes()

    async def value(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive_json()

    cases: list[tuple[Handler, str | bytes, Closed]] = [
        (text, b"bytes", Closed(1003, "expected text")),
        (data, "text", Closed(1003, "expected bytes")),
        (value, "{", Closed(1007, "expected JSON")),
        (value, b"\xff", Closed(1007, "expected JSON")),
    ]
    for handler, message, closed in cases:
        with client_of(handler).websocket_connect("/") as socket:
            socket.send(message)
            assert list(socket) == []
            assert socket.closed == closed


def test_a_peer_that_has_left() -> None:
    """`receive()` and `send()` raise WebSocketClosed, which a handler need not catch. One of its own is reported."""
    seen: list[Any] = []

    async def sends(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send("one")
        await gone.wait()
        try:
            await socket.send("two")
        finally:
            seen.append(socket.closed)

    async def receives(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await socket.receive()
        finally:
            seen.append(socket.closed)

    async def main() -> None:
        async with AsyncTestClient(endpoint(sends)) as client, client.websocket_connect("/") as socket:
            assert await socket.receive() == "one"
            await socket.close(1001)
            gone.set()
        async with AsyncTestClient(endpoint(receives)) as client, client.websocket_connect("/") as socket:
            await socket.close(1001)

    gone = asyncio.Event()
    with asyncio.Runner() as runner:
        runner.run(main())
    assert seen == [Closed(1006, ""), Closed(1001, "")]

    async def other(socket: WebSocket) -> None:
        await socket.accept()
        raise WebSocketClosed(1000, "of another one")

    with client_of(other, raise_server_exceptions=False).websocket_connect("/") as socket:
        assert list(socket) == []
        assert socket.closed == Closed(1011, "")


def test_the_end_in_a_task_group() -> None:
    """A group that has nothing but the end of the peer is the end of the peer."""

    async def handler(socket: WebSocket) -> None:
        async def read() -> None:
            while True:
                await socket.receive()

        await socket.accept()
        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            group.create_task(asyncio.Event().wait())

    with client_of(handler).websocket_connect("/"):
        pass


def test_flow_control() -> None:
    """`send()` waits while the peer does not read."""
    sent: list[int] = []

    async def floods(socket: WebSocket) -> None:
        await socket.accept()
        for number in range(1000):
            await socket.send(str(number))
            sent.append(number)

    with client_of(floods).websocket_connect("/") as socket:
        assert socket.receive() == "0"
        assert len(sent) < 100
        assert [int(message) for message in socket] == list(range(1, 1000))
