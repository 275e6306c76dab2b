"""permessage-deflate from outside: what is agreed on, what is compressed, and what a compressed message may become.

Each parameter of an offer and each block of a stream is tested in crates/websocket.
"""

import os
import zlib
from typing import Any

import pytest
import wires
from asgi_places import Place
from support import MIB, resident
from ws_calls import Call, Served, connect, served
from ws_frames import COMPRESSED, TEXT, close, deflated, frame, handshake, message, text
from ws_peer import DEFLATE, Peer

pytestmark = [pytest.mark.vitok_only, wires.both_wires]

LINES = "a line that is like the one before it\n" * 200
BLOCK = bytes(range(256)) * 40


def parameters(answer: bytes | None) -> dict[str, str]:
    """The parameters in the answer to an offer of permessage-deflate."""
    assert answer is not None
    name, *rest = [part.strip() for part in answer.decode().split(";")]
    assert name == "permessage-deflate"
    return {key: value for key, _, value in (part.partition("=") for part in rest)}


def agreed(here: Served, offer: str) -> tuple[dict[str, str] | None, Peer, Call]:
    """Make an offer. Return the parameters of the answer, if there is one."""
    peer = here.begin("/", f"sec-websocket-extensions: {offer}")
    call = here.calls.next()
    call.accept()
    answer = peer.accepted().one(b"sec-websocket-extensions")
    return (None if answer is None else parameters(answer)), peer, call


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ("permessage-deflate", {"server_no_context_takeover": "", "client_no_context_takeover": ""}),
        (
            "permessage-deflate; client_max_window_bits",
            {"server_no_context_takeover": "", "client_max_window_bits": "12"},
        ),
        (
            "permessage-deflate; client_max_window_bits=10",
            {"server_no_context_takeover": "", "client_max_window_bits": "10"},
        ),
        (
            "permessage-deflate; client_max_window_bits=15; server_max_window_bits=15",
            {"server_no_context_takeover": "", "client_max_window_bits": "12"},
        ),
    ],
)
def test_what_is_agreed_on(here: Served, offer: str, expected: dict[str, str]) -> None:
    """The server compresses without a context; a client keeps one of 4 KiB, or none; never 32 KiB."""
    found, peer, call = agreed(here, offer)
    assert found is not None
    found.pop("server_max_window_bits", None)
    assert found == expected
    passes_messages(peer, call)


@pytest.mark.parametrize("bits", range(8, 16))
def test_every_window(here: Served, bits: int) -> None:
    """A window of any size for either side is obeyed, or the offer is declined; 8 is not a panic."""
    for side in ("server", "client"):
        found, peer, call = agreed(here, f"permessage-deflate; {side}_max_window_bits={bits}")
        if found is not None:
            window = int(found.get(f"{side}_max_window_bits", "15"))
            assert window <= bits or side == "server"
            if side == "server" and "server_max_window_bits" in found:
                assert window <= bits
        passes_messages(peer, call)
        peer.leave()
        call.returns()


@pytest.mark.parametrize(
    "offer",
    [
        "x-webkit-deflate-frame",
        "permessage-bzip2",
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=99",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    ],
)
def test_offers_that_are_declined(here: Served, offer: str) -> None:
    """An offer that is unknown or invalid is as if it was not there; the next one counts."""
    found, peer, call = agreed(here, offer)
    assert found is None
    call.send("send", text=LINES)
    first = peer.frame()
    assert (first.reserved, first.data) == (0, LINES.encode())
    found, _, _ = agreed(here, f"{offer}, permessage-deflate")
    assert found is not None


def passes_messages(peer: Peer, call: Call) -> None:
    """Messages pass in both directions, compressed or not, short and long."""
    for content in (LINES, LINES.encode(), "", b"", "short", BLOCK, LINES[:1500], LINES * 50):
        peer.send(message(content))
        assert call.content() == content
        call.send("send", **{"text" if isinstance(content, str) else "bytes": content})
        assert peer.message() == content


def test_compressed_messages_of_a_client(here: Served) -> None:
    """Compressed and plain messages alternate, with a context and without; fragments are compressed as a whole."""
    _, peer, call = agreed(here, DEFLATE.partition(": ")[2])
    compressor = zlib.compressobj(wbits=-12)
    for content in (LINES, LINES, "", b"", BLOCK, LINES, "é" * 3000):
        peer.send(deflated(content, compressor), message(content))
        assert [call.content(), call.content()] == [content, content]
    packed = deflated(LINES)[6:]
    assert packed
    whole = zlib.compressobj(wbits=-12)
    data = (whole.compress(LINES.encode()) + whole.flush(zlib.Z_SYNC_FLUSH))[:-4]
    pieces = [data[at : at + 7] for at in range(0, len(data), 7)]
    frames = [frame(TEXT, pieces[0], is_final=False, reserved=COMPRESSED)]
    frames += [frame(0, piece, is_final=False) for piece in pieces[1:]]
    # Without a context: this message was made by another compressor.
    peer, call = agreed(here, "permessage-deflate")[1:]
    peer.send(*frames, frame(0, b""))
    assert call.content() == LINES


# Examples of RFC 7692, section 7.2.3; the second one refers to the first, and two have a last block.
HELLOS = [
    "f2 48 cd c9 c9 07 00",
    "f2 00 11 00 00",
    "00 05 00 fa ff 48 65 6c 6c 6f 00",
    "f3 48 cd c9 c9 07 00 00",
    "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
    "f2 48 cd c9 c9 07 00",
]


def test_the_examples_of_the_standard(here: Served) -> None:
    """Each of them is the same word, also after another one."""
    peer, call = agreed(here, DEFLATE.partition(": ")[2])[1:]
    for data in HELLOS:
        peer.send(frame(TEXT, bytes.fromhex(data), reserved=COMPRESSED))
        assert call.content() == "Hello"


def test_fragments_of_a_compressed_message(here: Served) -> None:
    """Compressed content in fragments of one byte, and blocks without content, cost time for what they bring."""
    peer, call = agreed(here, "permessage-deflate")[1:]
    packed = bytes.fromhex(HELLOS[0])
    frames = [frame(TEXT, b"", is_final=False, reserved=COMPRESSED)]
    frames += [frame(0, packed[at : at + 1], is_final=False) for at in range(len(packed))]
    peer.send(*frames, frame(0, b""))
    assert call.content() == "Hello"
    peer.send(frame(TEXT, b"\0\0\0\xff\xff" * 100_000 + b"\0", reserved=COMPRESSED))
    assert call.content() == ""


def test_what_is_compressed(here: Served) -> None:
    """Short messages go as they are, long ones compressed unless that makes them longer."""
    _, peer, call = agreed(here, "permessage-deflate")
    for content, is_compressed in (("a" * 100, False), (LINES, True), ("b" * 1_000_000, True)):
        call.send("send", text=content)
        frame = peer.frame()
        assert frame.reserved == (COMPRESSED if is_compressed else 0)
        assert not is_compressed or len(frame.data) < len(content) // 10


def test_messages_do_not_know_each_other(here: Served) -> None:
    """A message is compressed without what was sent before it, also to other peers: each can be read alone."""
    pairs = [agreed(here, "permessage-deflate")[1:] for _ in range(3)]
    for _ in range(3):
        for peer, call in pairs:
            call.send("send", text=LINES)
            assert peer.message() == LINES


def bomb(size: int) -> bytes:
    """A compressed message that becomes so many zeros."""
    work = zlib.compressobj(wbits=-12)
    # A block that needs nothing of the ones before it.
    block = work.compress(bytes(MIB)) + work.flush(zlib.Z_FULL_FLUSH)
    return frame(2, (block * (size // MIB))[:-4], reserved=COMPRESSED)


@wires.http1_only("it is sent past the windows of a stream")
def test_a_bomb(here: Served) -> None:
    """A message that would become a GiB is refused while it is inflated: 1009, and memory for the limit at the most."""
    _, peer, call = agreed(here, "permessage-deflate")
    data = bomb(1024 * MIB)
    assert len(data) < 2 * MIB
    before = resident()
    sending = here.site.loop.create_task(send_all(here, peer, data))
    assert peer.closed()[0] == 1009
    assert call.disconnected()[0] == 1009
    assert resident() - before < 48 * MIB
    peer.stream.close()
    here.site.wait(sending.done)


async def send_all(here: Served, peer: Peer, data: bytes) -> None:
    """Send what a server may stop to read."""
    try:
        await here.site.loop.sock_sendall(peer.client.sock, data)
    except OSError:
        return


@pytest.mark.parametrize("size", [1000, 100_000])
def test_the_limit_counts_what_a_message_becomes(size: int) -> None:
    """A message is limited by its length after inflation: as long as the limit it passes, one byte more is 1009."""
    with served(ws_max_size=size) as here:
        _, peer, call = agreed(here, "permessage-deflate")
        peer.send(deflated("a" * size))
        assert call.content() == "a" * size
        # A frame of what can't be compressed is longer than its message.
        noise = os.urandom(size)
        assert len(deflated(noise)) > len(message(noise))
        peer.send(deflated(noise))
        assert call.content() == noise
        peer.send(deflated("a" * (size + 1)))
        assert peer.closed()[0] == 1009
        assert call.disconnected()[0] == 1009


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x07", deflated(b"\xff" * 10)[6:], b"\x02\x01\x00\xff\x00"])
def test_what_is_no_stream(here: Served, data: bytes) -> None:
    """What cannot be inflated, or is no text once it is, ends the connection; others are not affected."""
    other, call_of_other = agreed(here, "permessage-deflate")[1:]
    _, peer, call = agreed(here, "permessage-deflate")
    peer.send(frame(TEXT, data, reserved=COMPRESSED))
    code = peer.closed()[0]
    assert code in (1002, 1007)
    assert call.disconnected()[0] == code
    other.send(deflated(LINES), text("plain"))
    assert [call_of_other.content(), call_of_other.content()] == [LINES, "plain"]


@wires.http1_only("its transports")
def test_every_transport(place: Place) -> None:
    """Compressed messages behind the handshake, on every transport."""
    with served(**place.options) as here:
        peer = connect(place, here)
        peer.send(handshake("/", DEFLATE), deflated(LINES), close(4000))
        call: Any = here.calls.next()
        call.accept()
        peer.accepted()
        assert call.content() == LINES
        assert call.disconnected() == (4000, "")
