"""The end of a WebSocket: by the peer, by the application, by both, and without a close frame.

The end of the whole server is tested in test_websocket_shutdown.py, and invalid close frames in
test_websocket_invalid.py.
"""

import pytest
import wires
from asgi_places import Place
from ws_calls import Served, connect, served
from ws_frames import CLOSE, PONG, Frame, close, fragments, handshake, ping, text

pytestmark = [pytest.mark.vitok_only, wires.both_wires]

CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]


@pytest.mark.parametrize("code", CODES)
def test_the_peer_closes(here: Served, code: int) -> None:
    """The application gets the code and the reason of the peer, who gets its code back and then the end."""
    peer, call = here.open()
    peer.send(close(code, "dü bist raus"))
    assert peer.closed()[0] == code
    assert peer.stream.end() == b""
    assert call.disconnected() == (code, "dü bist raus")
    call.returns()
    peer.stream.close()
    here.ended()


def test_the_peer_closes_without_a_code(here: Served) -> None:
    """Without a code the application gets 1005, which is never on the wire."""
    peer, call = here.open()
    peer.send(close(None))
    assert peer.frame() == Frame(CLOSE, b"")
    assert peer.stream.end() == b""
    assert call.disconnected() == (1005, "")


def test_what_follows_a_close_frame_is_ignored(here: Served) -> None:
    """After its close frame a peer has nothing to say: frames are neither received nor answered."""
    peer, call = here.open()
    peer.send(close(1000), text("too late"), ping(b"?"), close(4000))
    assert peer.closed()[0] == 1000
    assert peer.stream.end() == b""
    assert call.disconnected() == (1000, "")


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_the_peer_is_gone(here: Served, leave: str) -> None:
    """A connection that ends without a close frame is 1006, within a message, too."""
    for behind in (b"", text("part")[:-1], fragments(1, b"a", b"b")[0]):
        peer, call = here.open()
        peer.send(behind)
        here.site.turn()
        getattr(peer.client, leave)()
        assert call.disconnected()[0] == 1006
        with pytest.raises(OSError):
            call.send("send", text="x")
        call.returns()
    here.ended()


def test_the_peer_closes_and_ends_its_side(here: Served) -> None:
    """A peer that ends its side right behind its close frame has closed properly: it gets the answer."""
    peer, call = here.open()
    peer.client.offer(text("last") + close(4000, "bye"))
    peer.client.half_close()
    assert peer.closed()[0] == 4000
    assert peer.stream.end() == b""
    assert call.content() == "last"
    assert call.disconnected() == (4000, "bye")


def test_the_peer_ends_its_side(here: Served) -> None:
    """A peer that ends only its side without a close frame is gone: the connection closes."""
    peer, call = here.open()
    peer.send(text("last"))
    peer.client.half_close()
    assert call.content() == "last"
    assert call.disconnected()[0] == 1006
    call.returns()
    peer.stream.end()
    peer.stream.close()
    here.ended()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, (1000, "")),
        ({"code": 4001}, (4001, "")),
        ({"code": 1001, "reason": "leaving"}, (1001, "leaving")),
        ({"reason": "ü" * 61}, (1000, "ü" * 61)),
        ({"code": 1000, "reason": None}, (1000, "")),
        ({"code": None, "reason": None}, (1000, "")),
    ],
)
def test_the_application_closes(here: Served, more: dict[str, object], expected: tuple[int, str]) -> None:
    """The peer gets code and reason, answers, and the connection ends; the application is told of its own code."""
    peer, call = here.open()
    call.send("close", **more)
    assert peer.closed() == expected
    assert peer.client.has_nothing()
    peer.send(close(expected[0]))
    assert peer.stream.end() == b""
    assert call.disconnected()[0] == expected[0]
    call.returns()
    peer.stream.close()
    here.ended()


def test_closing_behind_messages(here: Served) -> None:
    """What was sent before the close frame arrives before it."""
    peer, call = here.open()
    for number in range(10):
        call.send("send", text=f"{number}")
    call.send("close", code=3000)
    assert [peer.message() for _ in range(10)] == [f"{number}" for number in range(10)]
    assert peer.closed() == (3000, "")


def test_messages_after_the_application_has_closed(here: Served) -> None:
    """What the peer sends before it has answered is read, and lost; the answer is still found."""
    peer, call = here.open()
    call.send("close")
    assert peer.closed()[0] == 1000
    peer.send(*(text("late" * 1000) for _ in range(200)), ping(b"?"), close(1000))
    rest = peer.stream.end()
    assert rest in (b"", b"\x8a\x01?")
    assert call.disconnected()[0] == 1000
    call.returns()
    peer.stream.close()
    here.ended()


def test_both_close_at_once(here: Served) -> None:
    """Close frames that cross each other are answers to each other: there is one of each side."""
    peer, call = here.open()
    peer.client.offer(close(4000, "mine"))
    call.send("close", code=4001, reason="yours")
    first = peer.closed()
    assert first in ((4000, ""), (4001, "yours"))
    assert peer.stream.end() == b""
    assert call.disconnected()[0] in (4000, 4001)


def test_returning_after_acceptance(here: Served) -> None:
    """An application that returns without closing has closed by 1000."""
    peer, call = here.open()
    call.returns()
    assert peer.leave() == (1000, "")
    here.ended()


def test_returning_with_messages_unread(here: Served) -> None:
    """An application that returns does so without regard to what it has not received."""
    peer, call = here.open()
    peer.send(*(text("unread") for _ in range(100)))
    here.site.turn()
    call.returns()
    assert peer.leave() == (1000, "")
    here.ended()


def test_raising_after_acceptance(here: Served) -> None:
    """An application that raises is reported, and the peer gets 1011."""
    peer, call = here.open()
    error = LookupError("lost")
    call.raises(error)
    assert here.error() is error
    assert peer.leave()[0] == 1011
    here.ended()


def test_raising_after_the_end(here: Served) -> None:
    """An application that raises when its peer is gone is reported if the error is its own."""
    peer, call = here.open()
    peer.leave()
    assert call.disconnected()[0] == 1000
    error = LookupError("mine")
    call.raises(error)
    assert here.error() is error


def test_the_error_of_a_lost_peer_is_no_news(here: Served) -> None:
    """An application that ends by the error of its own `send()` after the peer has left is not reported."""
    peer, call = here.open()
    peer.client.reset()
    assert call.disconnected()[0] == 1006
    with pytest.raises(OSError) as raised:
        call.send("send", text="x")
    call.raises(raised.value)
    here.ended()
    assert here.site.hooks.take() == []


@pytest.mark.parametrize("kind", ["send", "close", "accept"])
def test_sending_after_the_end(here: Served, kind: str) -> None:
    """After the end of the connection `send()` raises an OSError, whoever has ended it."""
    peer, call = here.open()
    peer.leave()
    assert call.disconnected()[0] == 1000
    more = {"text": "x"} if kind == "send" else {}
    for _ in range(10):
        with pytest.raises((OSError, RuntimeError)) as raised:
            call.send(kind, **more)
        if kind == "send":
            assert isinstance(raised.value, OSError)


def test_sending_after_closing(here: Served) -> None:
    """After the application's own close frame there is nothing to send: an error, and nothing on the wire."""
    peer, call = here.open()
    call.send("close", code=3000)
    for kind, more in (("send", {"text": "x"}), ("close", {}), ("accept", {})):
        with pytest.raises((OSError, RuntimeError)):
            call.send(kind, **more)
    assert peer.closed() == (3000, "")
    peer.send(close(3000))
    assert peer.stream.end() == b""


def test_receiving_after_the_end(here: Served) -> None:
    """After the disconnection there is no further event: `receive()` says so again, or raises, and never waits."""
    peer, call = here.open()
    peer.leave(4000)
    assert call.disconnected() == (4000, "")
    try:
        assert call.disconnected() == (4000, "")
    except RuntimeError:
        pass


def test_a_close_frame_and_no_end() -> None:
    """A peer that has closed and keeps its side open is cut after the time for that."""
    with served(ws_close_seconds=0.2, timeout_keep_alive=0.4) as here:
        peer, call = here.open()
        peer.send(close(1000))
        assert peer.closed()[0] == 1000
        assert call.disconnected() == (1000, "")
        call.returns()
        here.ended()
        peer.stream.end()


def test_a_peer_that_never_answers_a_close_frame() -> None:
    """The server waits for the answer no longer than the time for that; the application has been told."""
    with served(ws_close_seconds=0.2, timeout_keep_alive=0.4) as here:
        peer, call = here.open()
        call.send("close", code=3000)
        assert peer.closed() == (3000, "")
        assert peer.stream.end() == b""
        assert call.disconnected()[0] in (1006, 3000)
        call.returns()
        here.ended()


def test_a_peer_that_talks_on_instead_of_answering() -> None:
    """Frames that are not the answer do not extend the time."""
    with served(ws_close_seconds=0.2, timeout_keep_alive=0.4) as here:
        peer, call = here.open()
        call.send("close")
        assert peer.closed()[0] == 1000

        async def talk() -> None:
            data = (ping(b"?") + text("still here")) * 10_000
            try:
                while True:
                    await here.site.loop.sock_sendall(peer.client.sock, data)
            except OSError:
                pass

        here.site.run(talk())
        call.returns()
        here.ended()


@wires.http1_only("its transports")
def test_ends_on_every_transport(place: Place) -> None:
    """A proper end, by either side, ends the connection on every transport."""
    with served(**place.options) as here:
        for is_peer in (True, False):
            peer = connect(place, here)
            peer.send(handshake())
            call = here.calls.next()
            call.accept()
            peer.accepted()
            if is_peer:
                assert peer.leave(4000) == (4000, "")
                assert call.disconnected() == (4000, "")
            else:
                call.send("close", code=4001)
                assert peer.closed() == (4001, "")
                peer.send(ping(b"between"), close(4001))
                assert peer.stream.end() in (b"", bytes([0x80 | PONG, 7]) + b"between")
                peer.stream.close()
            call.returns()
        here.ended()
