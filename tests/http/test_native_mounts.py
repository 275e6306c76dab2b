"""ASGI applications and WebSockets among the routes of a native application: what their scopes say."""

from typing import Any

import pytest
from asgi_support import GET, request, serving
from native_support import compiled, plain
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]

HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def tells(seen: list[dict[str, Any]]) -> Any:
    """An ASGI application that keeps its scopes."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": (await receive())["body"]})

    return application


def test_a_mount_gets_what_is_below_it() -> None:
    """The prefix is its root path, and parameters before it are in the scope; content and framing are as ever."""
    seen: list[dict[str, Any]] = []
    mount = ("/old/{version}/{rest:path}", None, "asgi", tells(seen))
    with serving(compiled(plain(lambda _: "own"), mount)) as site:
        client = site.connect()
        assert client.ask(request("/old/2/a/b?c", method="PUT", body=b"content")).body == b"content"
        assert client.ask(GET).body == b"own"
    [scope] = seen
    assert (scope["type"], scope["method"], scope["path"], scope["root_path"]) == (
        "http",
        "PUT",
        "/old/2/a/b",
        "/old/2",
    )
    assert (scope["path_params"], scope["query_string"]) == ({"version": "2"}, b"c")


def test_a_mount_below_a_root_path() -> None:
    """The server's own root path comes first."""
    seen: list[dict[str, Any]] = []
    with serving(compiled(("/m/{rest:path}", None, "asgi", tells(seen))), root_path="/base") as site:
        assert site.ask(request("/m/x")).status == 200
    assert (seen[0]["path"], seen[0]["root_path"]) == ("/base/m/x", "/base/m")


@http1_only("a handshake by Upgrade")
def test_a_websocket_has_routes_of_its_own() -> None:
    """A handshake finds WebSockets and mounts only, and a plain request finds none of the former."""
    seen: list[dict[str, Any]] = []
    rows = [plain(lambda _: "plain", "/both"), ("/both", None, "websocket", tells(seen))]
    rows += [("/chat/{room}", None, "websocket", tells(seen)), ("/m/{rest:path}", None, "asgi", tells(seen))]
    with serving(compiled(*rows)) as site:
        for target in ("/both", "/chat/blue", "/m/x"):
            assert site.ask(request(target, *HANDSHAKE)).status == 403
        assert site.ask(request("/both")).body == b"plain"
        assert site.ask(request("/chat/blue")).status == 404
        assert site.ask(request("/other", *HANDSHAKE)).status == 404
    assert [scope["type"] for scope in seen] == ["websocket"] * 3
    assert [scope["path_params"] for scope in seen] == [{}, {"room": "blue"}, {}]
    assert [scope["root_path"] for scope in seen] == ["", "", "/m"]


def test_an_exception_of_a_mount_is_reported_as_its_own() -> None:
    """The functions for exceptions are those of native endpoints."""

    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("mounted")

    def never(request: Any, exception: Exception) -> Any:
        raise AssertionError

    with serving(compiled(("/{rest:path}", None, "asgi", fails), on_exception=never)) as site:
        assert site.ask(request("/x")).status == 500
        [(message, error)] = site.hooks.take()
        assert (message, str(error)) == ("Exception in ASGI application", "mounted")
