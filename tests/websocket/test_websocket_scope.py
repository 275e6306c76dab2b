"""The scope of a WebSocket: every key, and where its value comes from."""

from pathlib import Path
from typing import Any

import pytest
import wires
from asgi_places import Place
from asgi_support import Client
from ws_calls import Served, connect, served
from ws_frames import KEY, handshake, text
from ws_peer import Peer

pytestmark = [pytest.mark.vitok_only, wires.both_wires]


def scope_of(here: Served, target: str = "/", *fields: str) -> dict[str, Any]:
    """The scope of a handshake."""
    here.begin(target, *fields)
    scope: dict[str, Any] = here.calls.next().scope
    return scope


@wires.http1_only("its handshake")
def test_every_key(here: Served) -> None:
    """A plain handshake has exactly these keys and values; `method` is HTTP's, and `state` a lifespan's."""
    peer = here.begin("/chat/r%C3%A4ume?a=1&b")
    scope = here.calls.next().scope
    host, port = peer.client.sock.getsockname()
    assert scope.pop("asgi") == {"version": "3.0", "spec_version": "2.5"}
    assert {**scope, "headers": list(map(tuple, scope["headers"]))} == {
        "type": "websocket",
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/chat/räume",
        "raw_path": b"/chat/r%C3%A4ume",
        "query_string": b"a=1&b",
        "root_path": "",
        "headers": [
            (b"host", b"a"),
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-key", KEY.encode()),
            (b"sec-websocket-version", b"13"),
        ],
        "client": (host, port),
        "server": here.site.address,
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], []),
        (["chat"], ["chat"]),
        (["chat, superchat"], ["chat", "superchat"]),
        (["chat,superchat ,\tthird"], ["chat", "superchat", "third"]),
        (["b", "a, c"], ["b", "a", "c"]),
        ([", ,a,"], ["a"]),
    ],
)
def test_subprotocols(here: Served, fields: list[str], expected: list[str]) -> None:
    """What the client offers, in its order, over all of its fields."""
    assert scope_of(here, "/", *(f"sec-websocket-protocol: {value}" for value in fields))["subprotocols"] == expected


def test_headers_as_they_were_sent(here: Served) -> None:
    """Names are in lower case; fields of one name stay apart and in order, and values are bytes of any kind."""
    scope = scope_of(here, "/", "X-Odd: \xe4", "x-ODD:  second ", "Cookie: a=b")
    found = [(name, value) for name, value in scope["headers"] if name in (b"x-odd", b"cookie")]
    assert found == [(b"x-odd", b"\xe4"), (b"x-odd", b"second"), (b"cookie", b"a=b")]


@wires.http1_only("its handshakes")
@pytest.mark.parametrize("fields", [("Connection: keep-alive, Upgrade",), ("connection: upgrade", "CONNECTION: x")])
def test_spellings_of_a_handshake(here: Served, fields: tuple[str, ...]) -> None:
    """Tokens and names are compared without regard to case, and the token may stand among others."""
    lines = ["GET / HTTP/1.1", "HOST: a", *fields, "Upgrade: WebSocket", f"SEC-WEBSOCKET-KEY: {KEY}"]
    client = here.site.connect()
    client.send("\r\n".join([*lines, "Sec-WebSocket-Version: 13", "", ""]).encode())
    here.calls.next().accept()
    Peer(client).accepted()


def test_root_path() -> None:
    """The root path is the option's, and the path begins with it as for HTTP."""
    with served(root_path="/api") as here:
        scope = scope_of(here, "/chat")
        assert (scope["root_path"], scope["path"]) == ("/api", "/api/chat")


def test_state() -> None:
    """Each connection gets a copy of the state whose values are the lifespan's own objects."""
    state: dict[str, Any] = {"pool": object()}
    with served(state=state) as here:
        first, second = scope_of(here)["state"], scope_of(here)["state"]
        assert first == second == state
        first["mine"] = 1
        assert "mine" not in second
        assert "mine" not in state
        assert first["pool"] is state["pool"]


def test_two_scopes_share_nothing(here: Served) -> None:
    """What an application changes in its scope, no other application sees."""
    first, second = scope_of(here), scope_of(here)
    for name in ("headers", "subprotocols", "extensions"):
        assert first[name] is not second[name]
    first["extensions"]["mine"] = {}
    assert second["extensions"] == {"websocket.http.response": {}}


@wires.http1_only("its transports")
def test_every_transport(place: Place) -> None:
    """The scheme tells of TLS, and so does an extension; client and server are the transport's."""
    with served(**place.options) as here:
        peer = connect(place, here)
        peer.send(handshake())
        call = here.calls.next()
        is_secure = place.trusting is not None
        assert call.scope["scheme"] == ("wss" if is_secure else "ws")
        assert call.scope["extensions"].keys() == {"websocket.http.response", *(["tls"] if is_secure else [])}
        assert call.scope["server"] == here.site.address
        assert call.scope["client"] == peer.client.writer.get_extra_info("sockname")
        if is_secure:
            assert call.scope["extensions"]["tls"]["tls_version"] >= 0x0303
        call.accept()
        peer.accepted()


def test_a_unix_socket(tmp_path: Path) -> None:
    """The server is the socket's path, and the client has no address."""
    path = str(tmp_path / "socket")
    with served(path=path) as here:
        scope = scope_of(here)
        assert scope["server"] == (path, None)
        assert scope["client"] is None
        peer, call = here.open()
        peer.send(text("over a socket"))
        assert call.content() == "over a socket"
        peer.leave()


@wires.http1_only("the connection is not for one WebSocket")
def test_the_next_request_of_a_connection(here: Served) -> None:
    """A handshake after a plain request on the same connection is served like a first one."""
    client: Client = here.site.connect()
    assert client.ask().body == b"plain"
    client.send(handshake("/second"))
    call = here.calls.next()
    assert call.scope["path"] == "/second"
    call.accept()
    Peer(client).accepted()
