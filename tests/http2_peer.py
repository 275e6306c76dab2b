"""A client of HTTP/2 without a socket, on the library `h2`, which checks everything that the server sends.

What a server does wrong raises h2's ProtocolError in `receive`. What the test wants to do wrong goes through `raw`; the
answers to streams that began so are read here, without the library's checks. A GOAWAY is kept from the library as well:
it would take nothing more from a server that finishes its streams.
"""

import socket
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import h2.connection
import h2.events
from answers import Answer, Fields
from h2.config import H2Configuration
from h2.settings import SettingCodes, Settings
from http2_frames import Flags, Frame, FrameReader, Kind


@dataclass
class Goaway:
    """What a GOAWAY says."""

    last: int
    code: int
    debug: bytes


@dataclass
class Stream:
    """One request, and what has come of the response to it."""

    number: int
    status: int | None = None
    fields: Fields = field(default_factory=list)
    # Payloads of DATA that are not empty.
    pieces: list[bytes] = field(default_factory=list)
    trailers: Fields = field(default_factory=list)
    # Interim responses: status and fields.
    interim: list[tuple[int, Fields]] = field(default_factory=list)
    # The server's END_STREAM, and the code of its RST_STREAM.
    is_ended: bool = False
    code: int | None = None
    # What has to be sent yet, with END_STREAM behind it or trailers.
    unsent: deque[memoryview] = field(default_factory=deque)
    ends: bool = False
    unsent_trailers: Fields | None = None
    # What was received and not released, if the peer does not do that by itself.
    unreleased: int = 0

    @property
    def body(self) -> bytes:
        """The content so far."""
        return b"".join(self.pieces)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.is_ended or self.code is not None

    def answer(self) -> Answer:
        """Return what has come of the response."""
        assert self.status is not None, f"stream {self.number} has no response; reset: {self.code}"
        interim = [Answer(status, b"HTTP/2 %d" % status, fields) for status, fields in self.interim]
        line = b"HTTP/2 %d" % self.status
        return Answer(self.status, line, self.fields, self.body, list(self.pieces), self.trailers, interim)


class Peer:
    """A connection's client side. Bytes from the server go into `receive`, those for it come from `take`."""

    def __init__(self, *, releases: bool = True, settings: dict[int, int] | None = None) -> None:
        """`releases` says whether the windows of what arrives are opened again at once; `settings` are announced."""
        configuration = H2Configuration(
            client_side=True,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2: Any = h2.connection.H2Connection(configuration)
        self.releases = releases
        self.streams: dict[int, Stream] = {}
        self.goaways: list[Goaway] = []
        self.frames: list[Frame] = []
        self.pongs: list[bytes] = []
        # Grows with everything that says something of a request or of the end.
        self.news = 0
        # The streams that the library has begun.
        self._own: set[int] = set()
        # Streams with content that waits for a window.
        self._waiting: dict[int, Stream] = {}
        self._reader = FrameReader()
        self._out = bytearray()
        values = {
            SettingCodes.ENABLE_PUSH: 0,
            **{SettingCodes(name): value for name, value in (settings or {}).items()},
        }
        self.h2.local_settings = Settings(client=True, initial_values=values)
        self.h2.initiate_connection()

    # What the client does.

    def request(self, fields: Fields, *, end: bool = True) -> int:
        """Send the head of a request, and return the number of its stream."""
        number: int = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, fields, end_stream=end)
        self._own.add(number)
        self.streams[number] = Stream(number, ends=end)
        return number

    def send(self, number: int, data: bytes = b"", *, end: bool = False) -> None:
        """Send content, as far as the windows are open now; the rest follows when they are."""
        stream = self.streams[number]
        if data or end:
            stream.unsent.append(memoryview(data))
        stream.ends = stream.ends or end
        self._push(stream)

    def trailers(self, number: int, fields: Fields) -> None:
        """End a request by trailers."""
        stream = self.streams[number]
        stream.unsent_trailers = fields
        self._push(stream)

    def reset(self, number: int, code: int) -> None:
        """Send RST_STREAM, unless the stream is over."""
        self._forget_content(self.streams[number])
        if self._is_open(number):
            self.h2.reset_stream(number, code)

    def ping(self, data: bytes = b"12345678") -> None:
        """Send PING."""
        self.h2.ping(data)

    def release(self, number: int) -> None:
        """Open the windows for as much as a stream has received."""
        stream = self.streams[number]
        if stream.unreleased:
            count, stream.unreleased = stream.unreleased, 0
            self.h2.acknowledge_received_data(count, number)

    def raw(self, data: bytes) -> None:
        """Send bytes that the library does not know of."""
        self._out += self.h2.data_to_send() + data

    def take(self) -> bytes:
        """Return what is to be sent."""
        data = bytes(self._out) + self.h2.data_to_send()
        self._out.clear()
        return data

    def room(self, number: int) -> int:
        """Return how much content a stream may send now."""
        return int(self.h2.local_flow_control_window(number)) if number in self.h2.streams else 0

    @property
    def has_output(self) -> bool:
        """Whether `take` would return something."""
        self._out += self.h2.data_to_send()
        return bool(self._out)

    @property
    def has_unsent(self) -> bool:
        """Whether content waits for a window."""
        return bool(self._waiting)

    @property
    def remote(self) -> dict[int, int]:
        """The values that the server has announced."""
        found: dict[int, int] = {}
        for frame in self.frames:
            if frame.kind == Kind.SETTINGS and not frame.is_ack:
                found.update(frame.settings)
        return found

    def seen(self, kind: int) -> list[Frame]:
        """Return the frames of a type so far."""
        return [frame for frame in self.frames if frame.kind == kind]

    # What the server does.

    def receive(self, data: bytes) -> None:
        """Take bytes from the server."""
        for frame in self._reader.feed(data):
            self.frames.append(frame)
            if frame.kind == Kind.GOAWAY:
                last, code = (int.from_bytes(frame.payload[place : place + 4], "big") for place in (0, 4))
                self.goaways.append(Goaway(last, code, frame.payload[8:]))
                self.news += 1
                continue
            if frame.stream % 2 and frame.stream not in self._own:
                self._take_foreign(frame)
                continue
            for event in self.h2.receive_data(bytes(frame)):
                self._take_event(event)
        for stream in list(self._waiting.values()):
            self._push(stream)

    def _take_foreign(self, frame: Frame) -> None:
        """Take a frame of a stream that the test has begun by `raw`."""
        stream = self.streams.setdefault(frame.stream, Stream(frame.stream))
        match frame.kind:
            case Kind.HEADERS:
                # The table is that of all streams.
                assert frame.flags & Flags.END_HEADERS
                status, fields = _split(self.h2.decoder.decode(frame.payload, raw=True))
                if status < 200:
                    stream.interim.append((status, fields))
                else:
                    stream.status, stream.fields = status, fields
            case Kind.DATA:
                stream.pieces.append(frame.payload)
            case Kind.RST_STREAM:
                stream.code = frame.number
            case _:
                return
        if frame.kind in (Kind.HEADERS, Kind.DATA):
            stream.is_ended = bool(frame.flags & Flags.END_STREAM)
        self.news += 1

    def _take_event(self, event: Any) -> None:
        match event:
            case h2.events.InformationalResponseReceived():
                status, fields = _split(event.headers)
                self.streams[event.stream_id].interim.append((status, fields))
            case h2.events.ResponseReceived():
                stream = self.streams[event.stream_id]
                stream.status, stream.fields = _split(event.headers)
            case h2.events.DataReceived():
                self._take_data(event)
            case h2.events.TrailersReceived():
                self.streams[event.stream_id].trailers = list(event.headers)
            case h2.events.StreamEnded():
                self.streams[event.stream_id].is_ended = True
            case h2.events.StreamReset():
                self._take_reset(event)
            case h2.events.PingAckReceived():
                self.pongs.append(event.ping_data)
            case _:
                return
        self.news += 1

    def _take_data(self, event: Any) -> None:
        stream = self.streams[event.stream_id]
        if event.data:
            stream.pieces.append(event.data)
        stream.unreleased += event.flow_controlled_length
        if self.releases:
            self.release(event.stream_id)

    def _take_reset(self, event: Any) -> None:
        stream = self.streams[event.stream_id]
        if event.remote_reset:
            stream.code = int(event.error_code)
        self._forget_content(stream)

    def _forget_content(self, stream: Stream) -> None:
        stream.unsent.clear()
        stream.unsent_trailers = None
        self._waiting.pop(stream.number, None)

    def _is_open(self, number: int) -> bool:
        stream = self.h2.streams.get(number)
        return stream is not None and not stream.closed

    def _push(self, stream: Stream) -> None:
        """Send of a stream's content what the windows allow."""
        if not self._is_open(stream.number):
            self._forget_content(stream)
            return
        self._waiting[stream.number] = stream
        while stream.unsent:
            data = stream.unsent[0]
            count = min(self.room(stream.number), self.h2.max_outbound_frame_size, len(data))
            if count <= 0 < len(data):
                return
            is_last = stream.ends and len(stream.unsent) == 1 and count == len(data)
            self.h2.send_data(stream.number, bytes(data[:count]), end_stream=is_last)
            if count == len(data):
                stream.unsent.popleft()
            else:
                stream.unsent[0] = data[count:]
        if stream.unsent_trailers is not None:
            self.h2.send_headers(stream.number, stream.unsent_trailers, end_stream=True)
        self._forget_content(stream)


def no_delay(sock: socket.socket) -> None:
    """Have small frames sent at once, as clients of HTTP/2 do: several are on their way without an answer."""
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _split(fields: Any) -> tuple[int, Fields]:
    """Return the status and the fields of a head, which has no other pseudo-header (RFC 9113 section 8.3.2)."""
    pairs = [(bytes(name), bytes(value)) for name, value in fields]
    assert [name for name, _ in pairs if name.startswith(b":")] == [b":status"], pairs
    assert all(name == name.lower() for name, _ in pairs), pairs
    return int(pairs[0][1]), pairs[1:]
