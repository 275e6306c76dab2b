"""The tests' own clients of HTTP/2: what they send is read by the library's other side.

No server of ours is used.
"""

from typing import Any

import h2.connection
import h2.events
import http2_frames as frames
import pytest
from h2.config import H2Configuration
from http2_frames import Flags, FrameReader, Kind
from http2_peer import Peer
from http2_requests import Requests

TEXT = (
    b"GET /a?b HTTP/1.1\r\nhost: a\r\ncookie: x=y\r\nconnection: keep-alive\r\n\r\n"
    b"POST /p HTTP/1.1\r\nHost: a\r\nX-Odd:  \xff \r\ncontent-length: 5\r\n\r\nhello"
    b"POST http://b.example?q HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    b"2;x=y\r\nab\r\n003\r\ncde\r\n0\r\n\r\n"
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nLate: yes\r\n\r\n"
    b"OPTIONS * HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"
)


class Server:
    """The library's server, which keeps what it hears."""

    def __init__(self) -> None:
        self.h2: Any = h2.connection.H2Connection(
            H2Configuration(client_side=False, header_encoding=None, validate_inbound_headers=False)
        )
        self.h2.initiate_connection()
        self.heads: dict[int, list[tuple[bytes, bytes]]] = {}
        self.content: dict[int, bytes] = {}
        self.trailers: dict[int, list[tuple[bytes, bytes]]] = {}
        self.ended: list[int] = []

    def hear(self, data: bytes) -> None:
        """Take what a client has sent."""
        for event in self.h2.receive_data(data):
            match event:
                case h2.events.RequestReceived():
                    self.heads[event.stream_id] = [(bytes(name), bytes(value)) for name, value in event.headers]
                    self.content[event.stream_id] = b""
                case h2.events.DataReceived():
                    self.content[event.stream_id] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.TrailersReceived():
                    self.trailers[event.stream_id] = [(bytes(name), bytes(value)) for name, value in event.headers]
                case h2.events.StreamEnded():
                    self.ended.append(event.stream_id)


def exchange(peer: Peer, server: Server) -> None:
    """Carry bytes between both until there are none."""
    while True:
        there, back = peer.take(), server.h2.data_to_send()
        if not there and not back:
            return
        server.hear(there)
        peer.receive(back)


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_text_becomes_streams(step: int) -> None:
    """Requests in HTTP/1.1 become streams, however their text is cut."""
    peer, server = Peer(), Server()
    requests = Requests(peer)
    for place in range(0, len(TEXT), step):
        requests.feed(TEXT[place : place + step])
        exchange(peer, server)
    assert server.heads == {
        1: head(b"GET", b"/a?b", (b"cookie", b"x=y")),
        3: head(b"POST", b"/p", (b"x-odd", b"\xff"), (b"content-length", b"5")),
        5: head(b"POST", b"/?q", authority=b"b.example"),
        7: head(b"POST", b"/"),
        9: head(b"OPTIONS", b"*", (b"content-length", b"0")),
    }
    assert server.content == {1: b"", 3: b"hello", 5: b"abcde", 7: b"x", 9: b""}
    assert server.trailers == {7: [(b"late", b"yes")]}
    assert server.ended == [1, 3, 5, 7, 9]
    assert [number for number, _ in requests.asked] == [1, 3, 5, 7, 9]


def head(
    method: bytes, path: bytes, *fields: tuple[bytes, bytes], authority: bytes = b"a"
) -> list[tuple[bytes, bytes]]:
    """The fields of a head in their order."""
    return [(b":method", method), (b":scheme", b"http"), (b":authority", authority), (b":path", path), *fields]


def test_content_waits_for_windows() -> None:
    """Content that is larger than the windows is sent as they open."""
    peer, server = Peer(), Server()
    number = peer.request(head(b"POST", b"/"), end=False)
    content = bytes(range(256)) * 4096
    peer.send(number, content[:-1])
    peer.send(number, content[-1:], end=True)
    assert peer.has_unsent
    exchange(peer, server)
    assert not peer.has_unsent
    assert server.content[number] == content
    assert server.ended == [number]


def test_a_response() -> None:
    """Interim responses, a head, content, trailers and resets are kept by stream; a goaway ends none of them."""
    peer, server = Peer(), Server()
    first, second = peer.request(head(b"GET", b"/1")), peer.request(head(b"GET", b"/2"))
    exchange(peer, server)
    server.h2.send_headers(first, [(b":status", b"103"), (b"link", b"x")])
    server.h2.send_headers(first, [(b":status", b"200"), (b"x-a", b"1")])
    server.h2.send_data(first, b"ab")
    peer.receive(server.h2.data_to_send() + frames.goaway(first, 0, b"bye"))
    server.h2.send_data(first, b"c")
    server.h2.send_headers(first, [(b"x-t", b"2")], end_stream=True)
    server.h2.reset_stream(second, 7)
    exchange(peer, server)
    answer = peer.streams[first].answer()
    assert (answer.status, answer.fields, answer.chunks) == (200, [(b"x-a", b"1")], [b"ab", b"c"])
    assert (answer.trailers, answer.interim[0].status, answer.interim[0].fields) == (
        [(b"x-t", b"2")],
        103,
        [(b"link", b"x")],
    )
    assert (peer.streams[first].is_ended, peer.streams[second].code) == (True, 7)
    assert [(goaway.last, goaway.code, goaway.debug) for goaway in peer.goaways] == [(first, 0, b"bye")]


def test_streams_that_the_library_does_not_know() -> None:
    """The answer to a request of raw frames is read, and the table of fields goes on behind it."""
    peer, server = Peer(), Server()
    first = peer.request(head(b"GET", b"/1"))
    peer.raw(frames.headers(101, frames.block(head(b"GET", b"/" + b"x" * 300))))
    exchange(peer, server)
    assert server.heads[101][-1] == (b":path", b"/" + b"x" * 300)
    for number in (101, first):
        server.h2.send_headers(number, [(b":status", b"200"), (b"x-same", b"value")])
        server.h2.send_data(number, b"content", end_stream=True)
    exchange(peer, server)
    for number in (101, first):
        answer = peer.streams[number].answer()
        assert (answer.status, answer.fields, answer.body) == (200, [(b"x-same", b"value")], b"content")
        assert peer.streams[number].is_ended


def test_frames_are_read_as_they_are_written() -> None:
    """Frames are cut from any pieces, with the payloads that they were made with."""
    text = (
        frames.settings({4: 1 << 20})
        + frames.headers(1, b"ab", end_headers=False)
        + frames.continuation(1, b"")
        + frames.data(1, b"x" * 300, end_stream=True)
        + frames.window_update(0, 5)
        + frames.reset(1, 8)
        + frames.ping(b"12345678", ack=True)
    )
    reader, found = FrameReader(), []
    for place in range(0, len(text), 5):
        found += reader.feed(text[place : place + 5])
    assert b"".join(map(bytes, found)) == text
    assert [frame.kind for frame in found] == [4, 1, 9, 0, 8, 3, 6]
    assert found[0].settings == {4: 1 << 20}
    assert (found[3].kind, found[3].flags, len(found[3].payload)) == (Kind.DATA, Flags.END_STREAM, 300)
    assert (found[4].number, found[5].number, found[6].is_ack) == (5, 8, True)
