"""From a handshake to the response: acceptance, refusal, a response of the application's own, and none at all.

What is wrong about a message of the application is tested in test_websocket_misuse.py.
"""

from typing import Any

import pytest
import wires
from asgi_support import GET
from ws_calls import Served, served
from ws_frames import handshake, text
from ws_peer import Peer

pytestmark = [pytest.mark.vitok_only, wires.both_wires]

START = "websocket.http.response.start"
BODY = "websocket.http.response.body"


@wires.http1_only("its status and fields")
def test_acceptance(here: Served) -> None:
    """The response to an accepted handshake is 101 with the digest of the key, and nothing the client did not offer."""
    peer = here.begin()
    here.calls.next().accept()
    head = peer.accepted()
    assert head.line == b"HTTP/1.1 101 Switching Protocols"
    assert head.all(b"sec-websocket-protocol") + head.all(b"sec-websocket-extensions") == []


def test_nothing_is_sent_before_acceptance(here: Served) -> None:
    """The client hears nothing until the application has decided."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    assert peer.client.has_nothing()
    call.send("accept")
    peer.accepted()
    assert peer.client.has_nothing()


def test_accepting_without_receiving_first(here: Served) -> None:
    """An application may accept in its first step; the connection is then still the first event."""
    peer = here.begin()
    call = here.calls.next()
    call.send("accept")
    peer.accepted()
    peer.send(text("hello"))
    call.connected()
    assert call.content() == "hello"


@pytest.mark.parametrize("subprotocol", ["chat", "superchat"])
def test_a_subprotocol(here: Served, subprotocol: str) -> None:
    """The subprotocol that the application selects is in the response."""
    peer = here.begin("/", "sec-websocket-protocol: chat, superchat")
    here.calls.next().accept(subprotocol=subprotocol)
    assert peer.accepted().all(b"sec-websocket-protocol") == [subprotocol.encode()]


@pytest.mark.parametrize("more", [{"subprotocol": None}, {"headers": []}, {"subprotocol": None, "headers": ()}])
def test_optional_keys_of_acceptance(here: Served, more: dict[str, Any]) -> None:
    """None and an empty list are as if the key was missing."""
    peer = here.begin("/", "sec-websocket-protocol: chat")
    here.calls.next().accept(**more)
    assert peer.accepted().all(b"sec-websocket-protocol") == []


def test_headers_of_acceptance(here: Served) -> None:
    """Headers of the application are in the response, in their order, several of one name among them."""
    peer = here.begin()
    here.calls.next().accept(headers=[(b"set-cookie", b"a=1"), [b"X-Odd", b"\xe4"], (b"set-cookie", b"b=2")])
    head = peer.accepted()
    assert (head.all(b"set-cookie"), head.all(b"x-odd")) == ([b"a=1", b"b=2"], [b"\xe4"])


def test_headers_may_come_from_any_iterable(here: Served) -> None:
    """ASGI says iterable."""
    peer = here.begin()
    here.calls.next().accept(headers=((name, b"1") for name in (b"x-a", b"x-b")))
    head = peer.accepted()
    assert (head.one(b"x-a"), head.one(b"x-b")) == (b"1", b"1")


def test_default_headers_of_the_server() -> None:
    """The server's own headers are in an acceptance as in any response."""
    with served(headers=[(b"x-default", b"1")]) as here:
        peer = here.begin()
        here.calls.next().accept()
        assert peer.accepted().one(b"x-default") == b"1"


def test_refusal(here: Served) -> None:
    """To close before accepting is a 403; whatever code the message has."""
    for more in ({}, {"code": 4001, "reason": "no"}):
        peer = here.begin()
        call = here.calls.next()
        call.connected()
        call.send("close", **more)
        assert peer.stream.answer().status == 403
        assert call.receive()["type"] == "websocket.disconnect"
        with pytest.raises((OSError, RuntimeError)):
            call.send("accept")
        call.returns()
        peer.stream.close()
    here.ended()


def test_a_response_instead(here: Served) -> None:
    """The extension `websocket.http.response` refuses with a response of any status, fields and content."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"11"), (b"x-odd", b"1")]
    call.send("http.response.start", status=401, headers=headers)
    call.send("http.response.body", body=b"hello ", more_body=True)
    call.send("http.response.body", body=b"world")
    answer = peer.stream.answer()
    assert (answer.status, answer.one(b"x-odd"), answer.body) == (401, b"1", b"hello world")
    assert call.receive()["type"] == "websocket.disconnect"
    call.returns()


def test_a_response_without_a_length(here: Served) -> None:
    """The server frames such a response as it frames one to a request."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    call.send("http.response.start", status=403)
    call.send("http.response.body", body=b"one message")
    assert peer.stream.answer().body == b"one message"
    call.returns()
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    call.send("http.response.start", status=403, headers=[])
    for part in (b"several", b"", b" messages"):
        call.send("http.response.body", body=part, more_body=True)
    call.send("http.response.body")
    assert peer.stream.answer().body == b"several messages"
    call.returns()


@wires.http1_only("what arrived before the end of the connection")
def test_a_response_cut_short(here: Served) -> None:
    """An application that ends within its response cuts it, so that the client sees it."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    call.send("http.response.start", status=403, headers=[(b"content-length", b"10")])
    call.send("http.response.body", body=b"part", more_body=True)
    call.returns()
    assert peer.stream.end().endswith(b"\r\n\r\npart")
    assert here.site.hooks.take()


def test_returning_without_an_answer(here: Served) -> None:
    """An application that returns before it has accepted or refused owes a response: the client gets a 500."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    call.returns()
    assert peer.stream.answer().status == 500
    assert here.site.hooks.take()


def test_raising_before_an_answer(here: Served) -> None:
    """An application that raises before it has accepted is reported, and the client gets a 500."""
    peer = here.begin()
    call = here.calls.next()
    error = LookupError("no such room")
    call.raises(error)
    assert peer.stream.answer().status == 500
    assert here.error() is error


def test_the_peer_leaves_before_acceptance(here: Served) -> None:
    """The application is told by 1006 after the connection, and can't accept any more."""
    for leave in ("close", "reset"):
        peer = here.begin()
        call = here.calls.next()
        getattr(peer.client, leave)()
        call.connected()
        assert call.disconnected()[0] == 1006
        with pytest.raises(OSError):
            call.send("accept")
        call.returns()
    here.ended()


def test_the_connection_is_always_the_first_event(here: Served) -> None:
    """An application that is slow to receive gets the connection first, and then the end that came meanwhile."""
    for leave in ("close", "reset"):
        peer = here.begin(behind=text("lost"))
        call = here.calls.next()
        here.site.turn()
        getattr(peer.client, leave)()
        here.site.turn(10)
        call.connected()
        assert call.disconnected()[0] == 1006
        call.returns()
    here.ended()


@wires.http1_only("its handshakes")
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (handshake(key=None), 400),
        (handshake(key="short"), 400),
        (handshake(key="dGhlIHNhbXBsZSBub25jZQ="), 400),
        (handshake("/", "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA=="), 400),
        (handshake(version="8"), 426),
        (handshake(version="14"), 426),
        (handshake(version="013"), 426),
        (handshake(version=None), 426),
        (handshake().replace(b"GET", b"POST"), 400),
        (handshake().replace(b"GET", b"HEAD"), 400),
        (handshake("/", "content-length: 5") + b"hello", 400),
        (handshake("/", "transfer-encoding: chunked") + b"0\r\n\r\n", 400),
    ],
)
def test_invalid_handshakes(here: Served, data: bytes, status: int) -> None:
    """A handshake that is none gets 400, or 426 and the version, and no application is called for it."""
    client = here.site.connect()
    answer = client.ask(data)
    assert answer.status == status
    assert answer.one(b"sec-websocket-version") == (b"13" if status == 426 else None)
    here.site.turn()
    assert here.calls.calls == []
    assert here.site.http.running == 0


@wires.http1_only("its handshakes")
def test_no_websocket_is_asked_for(here: Served) -> None:
    """Without the token in Connection, or in HTTP/1.0, an Upgrade is no wish: the request is answered as any other."""
    for data in (
        handshake().replace(b"HTTP/1.1", b"HTTP/1.0"),
        handshake().replace(b"connection: Upgrade\r\n", b""),
        handshake().replace(b"upgrade: websocket", b"upgrade: h2c"),
    ):
        answer = here.site.connect().ask(data)
        assert (answer.status, answer.body) == (200, b"plain")


@wires.http1_only("the next request of the connection")
def test_a_refused_connection_goes_on(here: Served) -> None:
    """After a refusal or a response of the application the connection serves requests, or it ends; it never hangs."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    call.send("close")
    answer = peer.stream.answer()
    call.returns()
    if answer.one(b"connection") == b"close":
        assert peer.stream.end() == b""
    else:
        assert peer.client.ask(GET).body == b"plain"


def test_a_refusal_and_bytes_behind_the_handshake() -> None:
    """Frames behind a handshake that is refused are no requests: they are not answered as such."""
    with served(timeout_keep_alive=0.4, linger_seconds=0.1) as here:
        peer = here.begin(behind=text("GET / HTTP/1.1\r\nhost: a\r\n\r\n"))
        call = here.calls.next()
        call.connected()
        call.send("close")
        assert peer.stream.answer().status == 403
        call.returns()
        assert b"200 OK" not in peer.stream.end()
        here.ended()


def test_a_peer_is_a_peer() -> None:
    """The client of these tests refuses what no server may send."""

    class Bytes:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def take(self, count: int) -> bytes:
            taken, self.data = self.data[:count], self.data[count:]
            return taken

    stream: Any = Bytes(b"\x81\x85\x01\x02\x03\x04hello")
    with pytest.raises(AssertionError, match="masks"):
        Peer(stream).frame()
