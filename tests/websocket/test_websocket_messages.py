"""Messages in both directions: lengths, fragments, control frames between them, and texts.

Every split of the bytes is tested in test_websocket_splits.py, invalid frames in test_websocket_invalid.py.
"""

from typing import Any

import pytest
import wires
from ws_calls import Served, served
from ws_frames import BINARY, PONG, TEXT, Frame, binary, close, fragments, frame, message, ping, pong, text

pytestmark = [pytest.mark.vitok_only, wires.both_wires]

# Those at which the form of the length changes, and their neighbours; some cross a read of the loop's.
LENGTHS = [0, 1, 2, 3, 7, 8, 125, 126, 127, 65534, 65535, 65536, 65537, 300_000]
TEXT_OF_ALL_WIDTHS = "aé€😀\x00\x7f\uffff"


@pytest.mark.parametrize("length", LENGTHS)
def test_lengths(here: Served, length: int) -> None:
    """Messages of all lengths arrive as they were sent, in both directions."""
    peer, call = here.open()
    data = bytes(index * 7 & 0xFF for index in range(length))
    letters = ("abcdefg" * (length // 7 + 1))[:length]
    for content in (data, letters):
        peer.send(message(content))
        received = call.content()
        assert received == content
        assert type(received) is type(content)
        call.send("send", **{"text" if isinstance(content, str) else "bytes": content})
        assert peer.message() == content


def test_an_event_has_one_kind(here: Served) -> None:
    """A received message has its content under one key; the other is missing or None."""
    peer, call = here.open()
    peer.send(text("a"), binary(b"a"))
    first, second = call.receive(), call.receive()
    assert (first["type"], first["text"], first.get("bytes")) == ("websocket.receive", "a", None)
    assert (second["type"], second["bytes"], second.get("text")) == ("websocket.receive", b"a", None)


def test_texts(here: Served) -> None:
    """Characters of all widths pass in both directions, whatever the mask makes of them."""
    peer, call = here.open()
    for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\x00\x7f\x01"):
        for content in (TEXT_OF_ALL_WIDTHS, TEXT_OF_ALL_WIDTHS * 5000, "", "a" * 1000 + "é", "é" * 999, "€" * 999):
            peer.send(frame(TEXT, content.encode(), mask=mask))
            assert call.content() == content
            call.send("send", text=content)
            assert peer.message() == content


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_fragments(here: Served, opcode: int) -> None:
    """A message in any number of frames, empty ones among them, is one event."""
    peer, call = here.open()
    data = TEXT_OF_ALL_WIDTHS.encode() * 3
    whole = data.decode() if opcode == TEXT else data
    for size in (1, 2, 3, 10, len(data)):
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        peer.send(*fragments(opcode, *parts))
        assert call.content() == whole
        peer.send(*fragments(opcode, b"", *(piece for part in parts for piece in (part, b"")), b""))
        assert call.content() == whole
    peer.send(*fragments(opcode, b"", b"", b""))
    assert call.content() == whole[:0]


def test_fragments_in_segments_of_their_own(here: Served) -> None:
    """Fragments that arrive one by one are kept until the last one."""
    peer, call = here.open()
    frames = fragments(TEXT, *(letter.encode() for letter in TEXT_OF_ALL_WIDTHS))
    for piece in frames[:-1]:
        peer.send(piece)
        assert call.has_nothing()
    peer.send(frames[-1])
    assert call.content() == TEXT_OF_ALL_WIDTHS


def test_control_frames_between_fragments(here: Served) -> None:
    """Pings between fragments are answered at once, and the message is what it would be without them."""
    peer, call = here.open()
    frames = fragments(BINARY, b"a" * 10, b"b" * 200, b"c")
    for number, piece in enumerate(frames):
        peer.send(ping(b"%d" % number), piece, pong(b"unasked"))
        assert peer.frame() == Frame(PONG, b"%d" % number)
    assert call.content() == b"a" * 10 + b"b" * 200 + b"c"


@pytest.mark.parametrize("data", [b"", b"a", bytes(range(125))])
def test_pings(here: Served, data: bytes) -> None:
    """A ping is answered with its data, without the application, which is also not told of it."""
    peer, call = here.open()
    peer.send(ping(data))
    assert peer.frame() == Frame(PONG, data)
    peer.send(pong(data), text("next"))
    assert call.content() == "next"


def test_a_ping_before_the_application_receives(here: Served) -> None:
    """An application that does nothing does not keep the server from answering pings."""
    peer, _ = here.open()
    for number in range(10):
        peer.send(ping(b"%d" % number))
        assert peer.frame() == Frame(PONG, b"%d" % number)


def test_the_order_of_many_messages(here: Served) -> None:
    """Many small messages in few segments are as many events in their order, and so are those sent."""
    peer, call = here.open()
    count = 2000
    peer.send(*(text(f"{number}") for number in range(count)))
    for number in range(count):
        assert call.content() == f"{number}"
    for number in range(count):
        here.site.loop.create_task(call._send({"type": "websocket.send", "text": f"{number}"}))
    assert [peer.message() for _ in range(count)] == [f"{number}" for number in range(count)]


def test_messages_before_the_peer_closes(here: Served) -> None:
    """What arrived before a close frame is received before the end, however late."""
    peer, call = here.open()
    peer.send(text("a"), binary(b"b"), *fragments(TEXT, b"c", b"d"), close(1001, "away"))
    assert peer.closed()[0] == 1001
    assert [call.content() for _ in range(3)] == ["a", b"b", "cd"]
    assert call.disconnected() == (1001, "away")


def test_messages_before_the_peer_is_gone(here: Served) -> None:
    """What arrived before the end of the connection is received before the end is told."""
    peer, call = here.open()
    peer.send(text("a"), binary(b"b"))
    peer.stream.close()
    here.site.turn()
    assert [call.content(), call.content()] == ["a", b"b"]
    assert call.disconnected()[0] == 1006


def test_what_may_be_sent(here: Served) -> None:
    """A message is text or bytes; the other key may be there as None."""
    peer, call = here.open()
    messages: list[tuple[dict[str, Any], Any]] = [
        ({"text": "a"}, "a"),
        ({"bytes": b"a"}, b"a"),
        ({"text": "a", "bytes": None}, "a"),
        ({"text": None, "bytes": b"a"}, b"a"),
        ({"text": "", "bytes": None}, ""),
        ({"bytes": b""}, b""),
    ]
    for more, expected in messages:
        call.send("send", **more)
        assert peer.message() == expected


def test_bytes_that_change_after_they_were_sent(here: Served) -> None:
    """A bytearray or a memoryview is sent as it was when send() was called, or is refused."""
    peer, call = here.open()
    for size in (10, 100_000):
        data = bytearray(b"a" * size)
        for given in (data, memoryview(data)):
            try:
                call.send("send", bytes=given)
            except TypeError:
                continue
            data[:] = b"b" * size
            assert peer.message() == b"a" * size
            data[:] = b"a" * size


def test_subclasses(here: Served) -> None:
    """A subclass of str or bytes is sent as what it is."""

    class Name(str):
        pass

    class Data(bytes):
        pass

    peer, call = here.open()
    call.send("send", text=Name("name"))
    call.send("send", bytes=Data(b"data"))
    assert [peer.message(), peer.message()] == ["name", b"data"]


def test_many_messages_in_one_turn_leave_in_few_segments(here: Served) -> None:
    """Messages of one turn are written together, in their order, with a pong among them where it belongs."""
    peer, call = here.open()

    async def many() -> None:
        for number in range(100):
            await call.raw_send({"type": "websocket.send", "bytes": bytes([number]) * number})

    here.site.run(many())
    frames = [peer.frame() for _ in range(100)]
    assert [frame.data for frame in frames] == [bytes([number]) * number for number in range(100)]
    peer.send(ping(b"still here"))
    assert peer.frame() == Frame(PONG, b"still here")


def test_two_peers_at_once(here: Served) -> None:
    """Connections don't mix: each application gets the messages of its own peer."""
    pairs = [here.open(f"/{number}") for number in range(20)]
    for number, (peer, _) in enumerate(pairs):
        peer.send(text(f"{number}"))
    for number, (peer, call) in reversed(list(enumerate(pairs))):
        assert call.scope["path"] == f"/{call.content()!s}" == f"/{number}"
        call.send("send", text=call.scope["path"])
        assert peer.message() == f"/{number}"


def test_a_long_message(here: Served) -> None:
    """A message of some MiB, in one frame and in many, is echoed whole."""
    peer, call = here.open()
    data = bytes(range(256)) * 16 * 1024
    pieces = [data[at : at + 60_000] for at in range(0, len(data), 60_000)]
    for frames in ([binary(data)], fragments(BINARY, *pieces)):
        peer.send(*frames)
        received = call.content()
        assert received == data
        task = here.site.loop.create_task(call._send({"type": "websocket.send", "bytes": received}))
        assert peer.message() == data
        here.site.run(call._wait(task))


def test_messages_of_no_deflate() -> None:
    """With compression switched off an offer is not answered, and messages pass as they are."""
    with served(ws_per_message_deflate=False) as here:
        peer = here.begin("/", "sec-websocket-extensions: permessage-deflate")
        call = here.calls.next()
        call.accept()
        assert peer.accepted().all(b"sec-websocket-extensions") == []
        call.send("send", text="a" * 100_000)
        first = peer.frame()
        assert (first.reserved, first.data) == (0, b"a" * 100_000)
