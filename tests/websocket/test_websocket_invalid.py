"""What a peer must not send: the connection is closed by the right code, and the application is told the same.

Each rule of the frames is tested in crates/websocket; here is what becomes of the connection.
"""

import struct
from typing import Any

import pytest
import wires
from asgi_places import Place
from ws_calls import Served, connect, served
from ws_frames import (
    BINARY,
    CLOSE,
    COMPRESSED,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close,
    fragments,
    frame,
    handshake,
    text,
)

pytestmark = [pytest.mark.vitok_only, wires.both_wires]

INVALID: dict[str, tuple[bytes, int]] = {
    "no mask": (frame(TEXT, b"a", mask=None), 1002),
    "no mask of a control frame": (frame(PING, b"", mask=None), 1002),
    "a reserved bit": (frame(TEXT, b"a", reserved=0x20), 1002),
    "another reserved bit": (frame(PING, b"", reserved=0x10), 1002),
    "compressed without an agreement": (frame(TEXT, b"a", reserved=COMPRESSED), 1002),
    "a reserved opcode": (frame(3, b"a"), 1002),
    "a reserved opcode of control": (frame(11, b""), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"a"), 1002),
    "a message within a message": (frame(TEXT, b"a", is_final=False) + text("b"), 1002),
    "a continuation too many": (text("a") + frame(CONTINUATION, b"b"), 1002),
    "a ping in fragments": (frame(PING, b"a", is_final=False), 1002),
    "a close frame in fragments": (frame(CLOSE, b"", is_final=False), 1002),
    "a long ping": (frame(PING, bytes(126)), 1002),
    "a long pong": (frame(PONG, bytes(70_000)), 1002),
    "a length that is too long by form": (b"\x81\xfe\x00\x01\0\0\0\0a", 1002),
    "a long length that is too long by form": (b"\x81\xff" + struct.pack(">Q", 1) + b"\0\0\0\0a", 1002),
    "a length past 63 bits": (frame(BINARY, b"a", length=1 << 63), 1002),
    "half a code": (frame(CLOSE, b"\x03"), 1002),
    "a code that is none": (close(999), 1002),
    "a code for no wire": (close(1005), 1002),
    "another code for no wire": (close(1006), 1002),
    "a code that nobody has defined": (close(2000), 1002),
    "a code past the last": (close(5000), 1002),
    "a reason that is no UTF-8": (close(1000, b"\xff"), 1007),
    "a text that is no UTF-8": (frame(TEXT, b"a\xffb"), 1007),
    "a text that ends within a character": (frame(TEXT, "aé".encode()[:-1]), 1007),
    "an overlong form": (frame(TEXT, b"\xc0\xaf"), 1007),
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "a message whose fragments are no UTF-8": (b"".join(fragments(TEXT, b"\xc3", b"", b"\x28")), 1007),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_invalid(here: Served, name: str) -> None:
    """The peer gets a close frame with code and reason, the application what came before and the same code."""
    data, code = INVALID[name]
    peer, call = here.open()
    peer.send(text("before"), data, text("after"))
    told, reason = peer.closed()
    assert (told, bool(reason)) == (code, True)
    assert peer.stream.end() == b""
    assert call.content() == "before"
    if name == "a continuation too many":
        assert call.content() == "a"
    assert call.disconnected()[0] == code
    with pytest.raises(OSError):
        call.send("send", text="x")
    call.returns()
    peer.stream.close()
    here.ended()


@wires.http1_only("its transports")
@pytest.mark.parametrize(("data", "code"), [INVALID["no mask"], INVALID["a text that is no UTF-8"]])
def test_invalid_frames_behind_a_handshake(place: Place, data: bytes, code: int) -> None:
    """The same in the segment of the handshake, on every transport: the application accepts, then it is the end."""
    with served(**place.options) as here:
        peer = connect(place, here)
        peer.send(handshake(), data)
        call = here.calls.next()
        call.accept()
        peer.accepted()
        assert peer.closed()[0] == code
        assert call.disconnected()[0] == code
        call.returns()
        peer.stream.close()
        here.ended()


def test_an_error_is_found_as_soon_as_it_can_be(here: Served) -> None:
    """Text is checked while it arrives: a wrong byte in a message that goes on is not waited with."""
    peer, call = here.open()
    peer.send(frame(TEXT, b"a" * 100 + b"\xff", is_final=False))
    assert peer.closed()[0] == 1007
    assert call.disconnected()[0] == 1007
    peer, call = here.open()
    peer.send(frame(TEXT, b"abc\xff" + bytes(100))[:12])
    assert peer.closed()[0] == 1007
    assert call.disconnected()[0] == 1007


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_up_to_the_limit(opcode: int) -> None:
    """A message as long as the limit passes; one byte more is 1009, in one frame or in several."""
    with served(ws_max_size=1000) as here:
        peer, call = here.open()
        peer.send(frame(opcode, b"a" * 1000), *fragments(opcode, b"a" * 500, b"a" * 500))
        expected: Any = "a" * 1000 if opcode == TEXT else b"a" * 1000
        assert [call.content(), call.content()] == [expected, expected]
        peer.send(frame(opcode, b"a" * 1001))
        assert peer.closed()[0] == 1009
        assert call.disconnected()[0] == 1009
        peer, call = here.open()
        peer.send(*fragments(opcode, b"a" * 500, b"a" * 500, b"a"))
        assert peer.closed()[0] == 1009
        assert call.disconnected()[0] == 1009


def test_a_frame_that_announces_too_much() -> None:
    """A frame whose length is past the limit is refused by its head, before any of its content has arrived."""
    with served(ws_max_size=1000) as here:
        for length in (1001, 1 << 20, (1 << 63) - 1):
            peer, call = here.open()
            peer.send(frame(BINARY, b"", length=length))
            assert peer.closed()[0] == 1009
            assert call.disconnected()[0] == 1009
            call.returns()


def test_control_frames_count_for_no_limit() -> None:
    """Pings pass while messages are limited to less than them."""
    with served(ws_max_size=10) as here:
        peer, call = here.open()
        peer.send(frame(PING, bytes(125)), text("a" * 10))
        assert peer.frame().data == bytes(125)
        assert call.content() == "a" * 10


def test_the_reason_reaches_a_peer_that_still_sends(here: Served) -> None:
    """A peer that is in the middle of sending much gets the close frame, not a reset."""
    peer, call = here.open()
    unmasked = frame(TEXT, b"a", mask=None)
    peer.client.offer(unmasked + bytes(200_000))
    assert peer.closed()[0] == 1002
    assert call.disconnected()[0] == 1002
    peer.client.offer(bytes(200_000))
    assert peer.client.rest() == b""


def test_an_invalid_frame_after_the_application_has_closed(here: Served) -> None:
    """Between the two close frames nothing is answered any more; the connection just ends."""
    peer, call = here.open()
    call.send("close", code=3000)
    assert peer.closed() == (3000, "")
    peer.send(frame(TEXT, b"a", mask=None))
    assert peer.stream.end() == b""
    assert call.disconnected()[0] in (3000, 1002, 1006)
    call.returns()
    peer.stream.close()
    here.ended()
