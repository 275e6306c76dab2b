"""WebSockets over streams of HTTP/2 (RFC 8441): the handshake, what streams share, and the end of one of them.

Most other tests of this folder run over both versions of HTTP; here is what only a stream has.
"""

import asyncio

import pytest
import wires
import ws_http2
from answers import Fields
from asgi_support import GET, Hooks
from http2_frames import Code, Setting
from ws_calls import Call, Served, served
from ws_frames import Frame, binary, close, message, ping, text
from ws_http2 import StreamClient, StreamPeer

pytestmark = pytest.mark.vitok_only

MIB = 1 << 20
PONG = 10
DEFLATE = "sec-websocket-extensions: permessage-deflate; client_max_window_bits"


@pytest.fixture(autouse=True)
def over_http2(wire: str) -> None:
    """Have clients speak HTTP/2."""
    wires.choose(wires.HTTP2)


def beside(here: Served, peer: StreamPeer, target: str = "/", *lines: str) -> tuple[StreamPeer, Call]:
    """Open one more WebSocket on the connection of another."""
    other = ws_http2.handshake(peer.client.own, target, *lines)
    call = here.calls.next()
    call.accept()
    other.accepted()
    return other, call


def opened(here: Served, target: str = "/", *lines: str) -> tuple[StreamPeer, Call]:
    """Open a WebSocket on a connection of its own."""
    peer, call = here.open(target, *lines)
    assert isinstance(peer, StreamPeer)
    return peer, call


def test_the_scope(here: Served) -> None:
    """The scope is that of any WebSocket: `Host` is the authority, and there is no key."""
    line = ("sec-websocket-protocol: chat, other", "origin: http://a", "cookie: x=y", "cookie: z=1")
    peer, call = opened(here, "/chat/r%C3%A4ume?a=1&b", *line)
    scope = call.scope
    assert (scope["type"], scope["http_version"], scope["scheme"]) == ("websocket", "2", "ws")
    assert (scope["path"], scope["raw_path"]) == ("/chat/räume", b"/chat/r%C3%A4ume")
    assert (scope["query_string"], scope["subprotocols"]) == (b"a=1&b", ["chat", "other"])
    assert "method" not in scope
    assert scope["client"] == peer.client.sock.getsockname()
    assert scope["headers"][0] == (b"host", b"a")
    names = [name for name, _ in scope["headers"]]
    assert not {b"upgrade", b"connection", b"sec-websocket-key", b":protocol"} & set(names)
    assert dict(scope["headers"])[b"cookie"] == b"x=y; z=1"
    peer.leave()
    assert call.disconnected() == (1000, "")


def test_the_response(here: Served) -> None:
    """The response is 200 with what was agreed."""
    peer = here.begin("/", "sec-websocket-protocol: chat", DEFLATE)
    here.calls.next().accept(subprotocol="chat", headers=[(b"x-a", b"b")])
    head = peer.accepted()
    assert (head.one(b"sec-websocket-protocol"), head.one(b"x-a")) == (b"chat", b"b")
    assert (head.one(b"sec-websocket-extensions") or b"").startswith(b"permessage-deflate")
    assert head.one(b"server") == b"vitok"


def test_settings_say_whether_one_may_ask() -> None:
    """SETTINGS_ENABLE_CONNECT_PROTOCOL is 1 where WebSockets are served, and is not sent elsewhere."""
    for kind, expected in (("auto", 1), ("none", None)):
        with served(ws=kind) as here:
            client = here.site.connect()
            assert client.ask(GET).status == 200
            assert client.peer.remote.get(Setting.ENABLE_CONNECT_PROTOCOL) == expected


@pytest.mark.parametrize(
    ("fields", "status", "version"),
    [
        (ws_http2.fields_of("/", version=None), 400, b"13"),
        (ws_http2.fields_of("/", version="8"), 400, b"13"),
        (ws_http2.fields_of("/", "sec-websocket-version: 13"), 400, b"13"),
        (ws_http2.fields_of("/", "sec-websocket-extensions: a b"), 400, None),
        (ws_http2.fields_of("/", protocol="connect-udp"), 501, None),
        (ws_http2.fields_of("/", protocol="WebSocket"), 501, None),
        ([(b":method", b"CONNECT"), (b":authority", b"a:443")], 501, None),
    ],
)
def test_requests_that_are_refused(here: Served, fields: Fields, status: int, version: bytes | None) -> None:
    """A handshake that is none gets 400, another tunnel 501; no application is called, and the connection goes on."""
    client = here.site.connect()
    answer = StreamClient(client, fields).answer()
    assert answer.status == status
    assert answer.one(b"sec-websocket-version") == version
    assert answer.body.endswith(b"\n")
    assert here.calls.calls == []
    assert client.ask(GET).body == b"plain"


def test_a_server_without_websockets() -> None:
    """With `ws` as none a client that asks all the same has made an error (RFC 8441 section 4); others are served."""
    with served(ws="none") as here:
        client = here.site.connect()
        stream = StreamClient(client, ws_http2.fields_of("/"))
        with pytest.raises(ConnectionResetError):
            stream.head()
        assert stream.stream.code == Code.PROTOCOL_ERROR
        assert client.ask(GET).body == b"plain"


def test_a_refusal_ends_one_stream(here: Served) -> None:
    """After a refusal the connection serves requests and other WebSockets."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    call.send("close")
    assert peer.stream.answer().status == 403
    call.returns()
    assert peer.client.own.ask(GET).body == b"plain"
    other, second = beside(here, peer)
    other.send(text("hello"))
    assert second.content() == "hello"


def test_a_response_cut_short_is_reset(here: Served) -> None:
    """A response instead of an acceptance that is not complete is reset; other streams are not touched."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    call.send("http.response.start", status=403, headers=[(b"content-length", b"10")])
    call.send("http.response.body", body=b"part", more_body=True)
    call.returns()
    with pytest.raises(ConnectionResetError):
        peer.stream.answer()
    assert here.site.hooks.take()
    assert peer.client.own.ask(GET).body == b"plain"


def test_streams_of_one_connection(here: Served) -> None:
    """WebSockets and requests share a connection, and their messages don't mix."""
    peer, call = opened(here, "/0")
    pairs = [(peer, call), *(beside(here, peer, f"/{number}") for number in range(1, 20))]
    for number, (one, _) in enumerate(pairs):
        one.send(text(f"{number}"), binary(bytes([number]) * 5000))
    assert peer.client.own.ask(GET).body == b"plain"
    for number, (one, other) in reversed(list(enumerate(pairs))):
        assert (other.content(), other.content()) == (f"{number}", bytes([number]) * 5000)
        other.send("send", text=other.scope["path"])
        assert one.message() == f"/{number}"
    for one, other in pairs:
        one.send(close(4000))
        assert one.closed()[0] == 4000
        assert one.stream.end() == b""
        assert other.disconnected() == (4000, "")
        other.returns()
    assert peer.client.own.ask(GET).body == b"plain"
    assert here.site.http.connections == 1


def test_the_end_of_both_sides(here: Served) -> None:
    """After the close frames the server ends its side, and a stream is over when the client has ended its own."""
    peer, call = opened(here)
    peer.send(close(1000))
    assert peer.closed()[0] == 1000
    assert peer.stream.end() == b""
    stream = peer.client.stream
    assert (stream.is_ended, stream.code) == (True, None)
    peer.client.half_close()
    here.site.turn()
    assert peer.client.own.ask(GET).body == b"plain"
    assert stream.code is None
    assert call.disconnected() == (1000, "")


def test_a_client_that_does_not_end_its_side() -> None:
    """A client that keeps its side open is cut off after a while: it has got everything."""
    with served(linger_seconds=0.05) as here:
        peer, call = opened(here)
        call.send("close", code=3000)
        call.returns()
        assert peer.closed()[0] == 3000
        peer.send(close(3000))
        assert peer.stream.end() == b""
        own = peer.client.own
        here.site.run(own._until(lambda: peer.client.stream.code is not None))
        assert peer.client.stream.code == Code.NO_ERROR
        assert own.ask(GET).body == b"plain"


@pytest.mark.parametrize("code", [Code.CANCEL, Code.NO_ERROR, Code.INTERNAL_ERROR])
def test_a_client_that_resets_its_stream(here: Served, code: Code) -> None:
    """A reset is the end without a close frame: what has arrived is received first, and other streams go on."""
    peer, call = opened(here)
    other, second = beside(here, peer)
    peer.send(text("last"))
    peer.client.cancel(code)
    assert call.content() == "last"
    assert call.disconnected()[0] == 1006
    with pytest.raises(OSError):
        call.send("send", text="too late")
    call.returns()
    other.send(text("hello"))
    assert second.content() == "hello"


def test_a_client_that_resets_before_acceptance(here: Served) -> None:
    """A stream that is reset before the application has decided can't be accepted any more."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    peer.client.cancel()
    assert call.disconnected()[0] == 1006
    with pytest.raises(OSError):
        call.send("accept")
    call.returns()
    assert peer.client.own.ask(GET).body == b"plain"


def test_a_stream_that_ends_with_its_handshake(here: Served) -> None:
    """A client that ends its side with the handshake, or before it is accepted, has left, and may be told why not."""
    client = here.site.connect()
    here.site.run(client._until(lambda: client.peer.remote))
    for is_last in (True, False):
        stream = StreamClient(client, ws_http2.fields_of("/"), is_last=is_last)
        call = here.calls.next()
        call.connected()
        if not is_last:
            stream.half_close()
        assert call.disconnected()[0] == 1006
        with pytest.raises(OSError):
            call.send("accept")
        call.send("close")
        assert stream.answer().status == 403
        call.returns()


def test_the_end_of_a_side_without_a_close_frame(here: Served) -> None:
    """A client that ends its side without a close frame is gone; the server ends the other side."""
    peer, call = opened(here)
    peer.send(text("last"))
    peer.client.half_close()
    assert call.content() == "last"
    assert call.disconnected()[0] == 1006
    assert peer.stream.end() == b""
    assert peer.client.own.ask(GET).body == b"plain"


def test_trailers_are_an_error(here: Served) -> None:
    """Only DATA may follow a handshake (RFC 9113 section 8.5): another HEADERS is an error of the stream."""
    peer, call = opened(here)
    own = peer.client.own
    own.peer.trailers(peer.client.number, [(b"x-a", b"b")])
    here.site.run(own._flush())
    assert call.disconnected()[0] == 1006
    here.site.run(own._until(lambda: peer.client.stream.is_over))
    assert peer.client.stream.code == Code.PROTOCOL_ERROR
    assert own.ask(GET).body == b"plain"


def test_a_fault_in_a_frame_ends_one_stream(here: Served) -> None:
    """A client that breaks a rule of WebSocket is told by a close frame; its other streams go on."""
    peer, call = opened(here)
    other, second = beside(here, peer)
    peer.send(b"\xff\xff")
    assert peer.closed()[0] == 1002
    assert peer.stream.end() == b""
    assert call.disconnected()[0] == 1002
    other.send(text("hello"))
    assert second.content() == "hello"


def test_a_connection_that_is_lost(here: Served) -> None:
    """The end of the connection is that of all its WebSockets."""
    peer, call = opened(here)
    _, second = beside(here, peer)
    peer.stream.close()
    for one in (call, second):
        assert one.disconnected()[0] == 1006
        one.returns()
    here.ended()


def test_a_client_that_does_not_read() -> None:
    """`send()` waits while a stream's window is closed; other streams go on, and all arrives once it is open."""
    with served() as here:
        peer, call = opened(here)
        other, second = beside(here, peer)
        own = peer.client.own
        own.peer.releases = False
        sent = 0

        async def send_all() -> None:
            nonlocal sent
            for number in range(400):
                await call.raw_send({"type": "websocket.send", "bytes": number.to_bytes(2, "big") * 5000})
                sent += 1

        task = here.site.loop.create_task(send_all())
        here.site.turn(200)
        assert not task.done()
        waiting = sent
        # Its window, and what may wait in the server.
        assert 100 < sent < 250
        second.send("send", text="not held up")
        assert other.message() == "not held up"
        here.site.turn(50)
        assert sent == waiting
        for number in range(400):
            assert peer.frame().data == number.to_bytes(2, "big") * 5000
            own.peer.release(peer.client.number)
        here.site.run(asyncio.wait_for(task, 15))


def test_a_flood_that_nobody_receives() -> None:
    """The window stays closed while messages wait for the application, and opens again as they are received."""
    with served(ws_max_queue=4) as here:
        peer, call = opened(here)
        other, second = beside(here, peer)
        data = binary(bytes(10_000))
        sent = 0
        while taken := peer.client.offer(data * 100):
            # It may be cut anywhere: the rest of the frame follows.
            sent += taken
            here.site.turn()
            assert sent < 4 * MIB
        other.send(text("not held up"))
        assert second.content() == "not held up"
        other.send(ping(b"?"))
        assert other.frame() == Frame(PONG, b"?")
        missing = -sent % len(data)
        task = here.site.loop.create_task(peer.client._send(data[len(data) - missing :]))
        for _ in range((sent + missing) // len(data)):
            assert call.content() == bytes(10_000)
        here.site.run(asyncio.wait_for(task, 15))


def test_an_echo_of_large_messages(here: Served) -> None:
    """Messages beyond every window pass in both directions."""
    peer, call = opened(here)
    data = bytes(range(256)) * (3 * MIB // 256)
    for content in (data, "a" * MIB):
        task = here.site.loop.create_task(call._receive())
        peer.send(message(content))
        received = here.site.run(asyncio.wait_for(task, 15))
        assert (received.get("bytes") or received.get("text")) == content
        sending = here.site.loop.create_task(call._send({**received, "type": "websocket.send"}))
        assert peer.message() == content
        here.site.run(asyncio.wait_for(sending, 15))


def test_the_log() -> None:
    """A handshake is a CONNECT with status 200; the end of the WebSocket has a line, too."""
    with served(access_log=True) as here:
        peer, call = opened(here, "/chat?room=1")
        call.send("send", text="four")
        assert peer.message() == "four"
        peer.leave(4001)
        assert call.disconnected()[0] == 4001
        call.returns()
        hooks: Hooks = here.site.hooks
        here.site.wait(lambda: len(hooks.lines) >= 2)
        first, last = hooks.lines
        assert '"CONNECT /chat?room=1 HTTP/2" 200 0B' in first
        assert '"WebSocket /chat?room=1 HTTP/2" 4001 4B' in last


def test_the_end_of_the_server() -> None:
    """A graceful end closes each WebSocket with 1001, and the connection once they are over."""
    with served() as here:
        peer, call = opened(here)
        other, second = beside(here, peer)
        here.site.http.begin_shutdown()
        for one in (peer, other):
            assert one.closed()[0] == 1001
            one.send(close(1001))
            assert one.stream.end() == b""
        for one in (call, second):
            assert one.disconnected()[0] == 1001
            one.returns()
        here.ended()
