"""What type checkers know of `vitok.http.testing` and of WebSockets. It is checked, and never run."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from typing import Any, TypedDict, assert_type

from vitok.http import App, HTTPError, WebSocket, WebSocketClosed, run
from vitok.http.testing import (
    AsyncTestClient,
    ServerSentEvent,
    TestClient,
    TestResponse,
    WebSocketRefused,
    serve,
)


class RoomParams(TypedDict):
    """The parameters of a path."""

    room: int


site = App()


@site.websocket("/rooms/{room:int}")
async def chat(socket: WebSocket[RoomParams]) -> None:
    """Use everything of a WebSocket."""
    assert_type(socket.path_params["room"], int)
    assert_type(socket.subprotocols, tuple[str, ...])
    await socket.accept(subprotocol="chat", headers=[("x-room", "1")])
    assert_type(socket.subprotocol, str | None)
    assert_type(await socket.receive(), str | bytes)
    assert_type(await socket.receive_text(), str)
    assert_type(await socket.receive_bytes(), bytes)
    assert_type(await socket.receive_json(), Any)
    async for message in socket:
        assert_type(message, str | bytes)
        await socket.send(message)
    await socket.send_json({"a": [1]})
    await socket.close(1000, "bye")
    if socket.closed is not None:
        assert_type(socket.closed.code, int)
    assert_type(socket.client, tuple[str, int] | None)
    assert_type(socket.state, dict[str, Any])


@site.websocket("/plain")
async def plain(socket: WebSocket) -> None:
    """Use one without a type of parameters."""
    assert_type(socket.path_params, dict[str, Any])
    try:
        await socket.send(b"")
    except WebSocketClosed as closed:
        assert_type(closed.code, int)
        assert_type(closed.reason, str)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve nothing."""
    raise HTTPError(404, "nothing here", headers={"x": "y"}, member=1)


def with_a_client() -> None:
    """Use everything of a client."""
    with TestClient(application, headers={"a": "b"}, cookies={"c": "d"}) as client:
        response = client.post("/x", params={"q": [1, 2]}, json={"a": None}, headers=[("a", "b")])
        assert_type(response, TestResponse)
        assert_type(response.status, int)
        assert_type(response.headers["a"], str)
        assert_type(response.headers.get_all("a"), list[str])
        assert_type(response.text, str)
        assert_type(response.content, bytes)
        assert_type(response.json(), Any)
        assert_type(response.history, list[TestResponse])
        client.put("/x", data={"a": "b"}, files={"f": ("name", b"content", "text/plain")}, follow_redirects=True)
        client.patch("/x", content=[b"a", b"b"])
        client.cookies["name"] = "value"
        with client.stream("GET", "/events") as streamed:
            for part in streamed.iter_bytes():
                assert_type(part, bytes)
            for event in streamed.iter_events():
                assert_type(event, ServerSentEvent)
            for line in streamed.iter_lines():
                assert_type(line, str)
        with client.websocket_connect("/chat", ["a"]) as socket:
            socket.send("text")
            assert_type(socket.receive(), str | bytes)
            assert_type(socket.subprotocol, str | None)


async def in_a_loop() -> None:
    """Use the client of a running loop."""
    async with AsyncTestClient(application) as client:
        assert_type(await client.get("/"), TestResponse)
        async with client.stream("GET", "/") as streamed:
            async for event in streamed.iter_events():
                assert_type(event.data, str)
        try:
            async with client.websocket_connect("/") as socket:
                assert_type(await socket.receive_text(), str)
        except WebSocketRefused as refused:
            assert_type(refused.response.status, int)


with serve(application, timeout_graceful_shutdown=1.0) as url:
    assert_type(url, str)

if __name__ == "__main__":
    run("module:app", port=0, workers=2)
