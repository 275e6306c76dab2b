"""Header fields reach the application as the client meant them, and the client as the application meant them, however
they were compressed (RFC 7541).

The blocks of requests are made by hpack_writer.py; those of responses are read by the library hpack, which checks them.
"""

import json
from random import Random
from typing import Any

import http2_frames as frames
import pytest
import wires
from asgi_support import serving
from header_stories import Field, story
from hpack_writer import BlockWriter, number
from http2_frames import Code, Flags, Kind, Setting
from http2_peer import Stream

pytestmark = pytest.mark.vitok_only

STORIES = range(12)
HEADS = 25
TABLE_SIZES = (0, 100, 4096, 65536)
GET_BLOCK = b"\x82\x84\x86\x41\x09localhost"
# What is no block: each breaks a rule of RFC 7541, in the section that is named.
BAD_BLOCKS = {
    "6.1: index 0": b"\x80",
    "2.3.3: an index behind the tables": b"\xbe",
    "2.3.3: a name behind the tables": b"\x7e\x01a",
    "5.1: an integer without an end": b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    "5.1: an integer that is cut": b"\xff",
    "5.2: a text that is cut": b"\x40\x05ab",
    "5.2: the code of the end of text": b"\x40\x84\xff\xff\xff\xff\x01a",
    "5.2: padding of more than seven bits": b"\x40\x82\x1f\xff\x01a",
    "5.2: padding with zeros": b"\x40\x81\x18\x01a",
    "6.3: a size above the announced one": number(1 << 30, (0x20, 5)),
    "4.2: a size behind a field": GET_BLOCK + b"\x20",
}


async def reflect(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Send what has come as JSON, and the fields back as those of the response."""
    texts = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    head = [scope["method"], scope["raw_path"].decode(), scope["query_string"].decode()]
    told = json.dumps([*head, texts], ensure_ascii=False).encode()
    own = [field for field in scope["headers"] if field[0] not in (b"host", b"content-length")]
    await send({"type": "http.response.start", "status": 200, "headers": own})
    await send({"type": "http.response.body", "body": told})


def open_client(site: Any) -> Any:
    """A client of HTTP/2 that has heard what the server announces."""
    wires.choose(wires.HTTP2)
    client = site.connect()
    site.run(client._until(lambda: client.peer.seen(Kind.SETTINGS)))
    return client


def send(client: Any, data: bytes) -> None:
    """Send bytes as they are."""
    client.peer.raw(data)
    client.site.run(client._flush())


def answered(client: Any, number: int) -> Stream:
    """Return a stream that has ended."""
    streams = client.peer.streams
    assert client.site.run(client._until(lambda: number in streams and streams[number].is_over))
    stream: Stream = streams[number]
    return stream


def joined(fields: list[Field]) -> list[list[str]]:
    """The fields as a scope has them: Host first, and the cookies in one (RFC 9113 section 8.2.3)."""
    rest = [field for field in fields if not field[0].startswith(b":")]
    cookies = b"; ".join(value for name, value in rest if name == b"cookie")
    seen = {b"cookie": cookies}
    found = [(b"host", dict(fields)[b":authority"])]
    for name, value in rest:
        if name != b"cookie":
            found.append((name, value))
        elif b"cookie" in seen:
            found.append((name, seen.pop(b"cookie")))
    return sorted([name.decode("latin-1"), value.decode("latin-1")] for name, value in found)


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("seed", STORIES)
def test_stories(seed: int) -> None:
    """Whole connections of heads, in whatever representation and cut into whatever frames."""
    draw = Random(seed)
    with serving(reflect) as site:
        client = open_client(site)
        writer = BlockWriter(draw, client.peer.remote.get(Setting.HEADER_TABLE_SIZE, 4096))
        for place, fields in enumerate(story(draw, HEADS)):
            stream_id = 2 * place + 1
            send(client, cut(draw, stream_id, writer.block(fields)))
            stream = answered(client, stream_id)
            assert (stream.status, stream.code) == (200, None), fields
            if stream.body:
                send(client, frames.window_update(0, len(stream.body)))
            pseudo = dict(field for field in fields if field[0].startswith(b":"))
            if pseudo[b":method"] != b"HEAD":
                method, raw_path, query, texts = json.loads(stream.body)
                assert (method, raw_path + ("?" + query if query else "")) == target(pseudo)
                assert sorted(texts) == joined(fields)


def target(pseudo: dict[bytes, bytes]) -> tuple[str, str]:
    """The method and the target, whose empty query a scope does not show."""
    return pseudo[b":method"].decode(), pseudo[b":path"].decode().removesuffix("?")


def cut(draw: Random, stream: int, block: bytes) -> bytes:
    """A block as HEADERS, with padding or not, and CONTINUATION."""
    places = sorted(draw.randrange(len(block) + 1) for _ in range(draw.choice((0, 0, 1, 2))))
    first, *rest = [block[begin:end] for begin, end in zip([0, *places], [*places, len(block)], strict=True)]
    flags = Flags.END_STREAM | (Flags.NONE if rest else Flags.END_HEADERS)
    if draw.random() < 0.3:
        padding = draw.randrange(20)
        flags, first = flags | Flags.PADDED, bytes((padding,)) + first + bytes(padding)
    sent = frames.frame(Kind.HEADERS, first, flags=flags, stream=stream)
    for count, part in enumerate(rest, 1):
        sent += frames.continuation(stream, part, end_headers=count == len(rest))
    return sent


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("size", TABLE_SIZES)
def test_responses(size: int) -> None:
    """The heads of responses are those of the application, for a client with a table of any size."""
    draw = Random(size)
    with serving(reflect) as site:
        client = open_client(site)
        client.peer.h2.update_settings({Setting.HEADER_TABLE_SIZE: size})
        for fields in story(draw, 2 * HEADS):
            number = client.peer.request(fields)
            site.run(client._flush())
            stream = answered(client, number)
            assert (stream.status, stream.code) == (200, None)
            own = [field for field in stream.fields if field[0] not in (b"date", b"server", b"content-length")]
            sent = [field for field in joined(fields) if field[0] != "host"]
            assert sorted([name.decode("latin-1"), value.decode("latin-1")] for name, value in own) == sent


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("rule", BAD_BLOCKS)
def test_bad_blocks(rule: str) -> None:
    """What cannot be decompressed ends the connection, whose tables nobody knows any more (RFC 9113 section 4.3)."""
    with serving(reflect) as site:
        client = open_client(site)
        send(client, frames.headers(1, BAD_BLOCKS[rule]))
        client.closed()
        # The crate h2 calls it an unspecific error of the protocol.
        assert client.peer.goaways[-1].code in (Code.COMPRESSION_ERROR, Code.PROTOCOL_ERROR)
        wires.choose(wires.HTTP1)
        assert site.ask().status == 200
