"""Flow control of HTTP/2, tied to what an application receives and sends: each stream waits for itself alone."""

import asyncio
from typing import Any

import pytest
from asgi_support import Gate, respond, serving
from http2_frames import Code, Kind
from http2_session import Session, body, start
from support import MIB

pytestmark = pytest.mark.vitok_only

# The window of each stream for content from the client, as small as it may be.
WINDOW = {"http2_initial_stream_window_size": 16 * 1024}


class Reader:
    """An application that reads the content of a request when it is let, and answers with its size."""

    def __init__(self) -> None:
        self.gates: dict[str, Gate] = {}
        self.counts: dict[str, int] = {}
        self.ends: list[str] = []

    def gate(self, path: str) -> Gate:
        """Return what the request for a path waits for before it reads."""
        return self.gates.setdefault(path, Gate())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read, and answer."""
        path = scope["path"]
        if path in self.gates:
            await self.gates[path].wait()
        more, count = True, 0
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.ends.append(path)
                return
            count += len(event["body"])
            self.counts[path] = count
            more = event["more_body"]
        await respond(send, b"%d" % count)


def test_an_upload_to_who_does_not_read_stops_at_the_window() -> None:
    reader = Reader()
    gate = reader.gate("/slow")
    with serving(reader, **WINDOW) as site:
        session = Session(site)
        session.quiet()
        slow = session.request("/slow", method="POST", end=False)
        session.send(slow, bytes(100_000), end=True)
        session.quiet()
        assert session.peer.room(slow.number) == 0
        assert session.peer.has_unsent
        fast = session.request("/fast", method="POST", end=False)
        session.send(fast, bytes(100_000), end=True)
        assert session.answer(fast).body == b"100000"
        assert session.peer.room(slow.number) == 0
        gate.open()
        assert session.answer(slow).body == b"100000"


def test_the_window_opens_by_what_is_received() -> None:
    """Not by what has arrived: `receive` gives all of that, and is called when the application wants it."""
    gates = [Gate() for _ in range(4)]
    sizes: list[int] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for gate in gates:
            await gate.wait()
            sizes.append(len((await receive())["body"]))
        await respond(send)

    with serving(application, **WINDOW) as site:
        session = Session(site)
        session.quiet()
        stream = session.request(method="POST", end=False)
        session.send(stream, bytes(4 * 16 * 1024), end=True)
        for gate in gates:
            session.quiet()
            gate.open()
        assert session.answer(stream).body == b"ok"
        assert sum(sizes) == 4 * 16 * 1024
        assert max(sizes) <= 16 * 1024


def test_a_response_longer_than_the_window_comes_in_parts() -> None:
    content = bytes(range(256)) * 1000

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, content)

    with serving(application) as site:
        session = Session(site, window=10_000, releases=False)
        stream, other = session.request(), session.request()
        session.quiet()
        assert len(stream.body) == len(other.body) == 10_000
        while not stream.is_over:
            session.release(stream)
            session.more(stream)
        assert stream.is_ended
        assert stream.body == content
        assert len(other.body) == 10_000
        assert not other.is_over


def test_a_sender_waits_for_its_own_client_only() -> None:
    sent: dict[str, int] = {}
    block = bytes(10_000)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        sent[scope["path"]] = 0
        await send(start())
        for _ in range(100):
            await send(body(block, more=True))
            sent[scope["path"]] += len(block)
        await send(body())

    with serving(application, http2_max_send_buffer_size=20_000) as site:
        session = Session(site, window=30_000, releases=False)
        slow = session.request("/slow")
        session.quiet()
        # What was sent, what waits, and the message of the call that waits.
        assert len(slow.body) == 30_000
        assert 30_000 <= sent["/slow"] <= 60_000
        fast = session.request("/fast")
        while not fast.is_over:
            session.release(fast)
            session.more(fast)
        assert fast.is_ended
        assert len(fast.body) == 1_000_000
        assert sent["/slow"] <= 60_000
        session.open(slow, 2 * MIB)
        session.open(None, 2 * MIB)
        session.until(lambda: slow.is_over)
        assert slow.is_ended
        assert len(slow.body) == 1_000_000


def test_a_window_that_was_closed_by_settings_opens_again() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, bytes(50_000))

    with serving(application) as site:
        session = Session(site, window=0, releases=False)
        stream = session.request()
        session.quiet()
        assert stream.status == 200
        assert not stream.body
        session.open(stream, 20_000)
        session.quiet()
        assert len(stream.body) == 20_000
        session.open(stream, 40_000)
        session.until(lambda: stream.is_over)
        assert stream.is_ended
        assert len(stream.body) == 50_000


def test_an_empty_response_needs_no_window() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, b"", 200 if scope["path"] == "/" else 204)

    with serving(application) as site:
        session = Session(site, window=0)
        assert session.ask().body == b""
        assert session.ask("/none").status == 204
        assert session.ask(method="HEAD").status == 200


def test_a_client_that_resets_a_stream_disconnects_it_alone() -> None:
    reader = Reader()
    with serving(reader) as site:
        session = Session(site)
        left, stays = (session.request(path, method="POST", end=False) for path in ("/left", "/stays"))
        session.send(left, b"abc")
        session.quiet()
        session.reset(left)
        site.wait(lambda: reader.ends)
        assert reader.ends == ["/left"]
        session.send(stays, b"abc", end=True)
        assert session.answer(stays).body == b"3"


def test_who_waits_to_send_learns_that_the_client_has_left() -> None:
    errors: list[BaseException] = []
    events: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        try:
            for _ in range(100):
                await send(body(bytes(10_000), more=True))
        except OSError as error:
            errors.append(error)
        events.append((await receive())["type"])
        if not events or events[-1] != "http.disconnect":
            events.append((await receive())["type"])

    with serving(application, http2_max_send_buffer_size=10_000) as site:
        session = Session(site, window=30_000, releases=False)
        stream = session.request()
        session.quiet()
        session.reset(stream)
        site.wait(lambda: "http.disconnect" in events)
        assert session.ask  # the connection goes on
        assert not session.peer.goaways


def test_a_response_before_the_end_of_an_upload_stops_it() -> None:
    """By a reset without an error, behind the whole response (RFC 9113 section 8.1)."""
    content = bytes(100_000)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, content)

    with serving(application) as site:
        session = Session(site, window=10_000)
        stream = session.request(method="POST", end=False)
        session.send(stream, bytes(1000))
        session.until(lambda: stream.code is not None)
        assert stream.is_ended
        assert stream.body == content
        assert stream.code == Code.NO_ERROR
        assert session.ask().status == 200
        assert not session.peer.goaways


def test_permission_is_given_when_the_application_asks() -> None:
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/refused":
            await respond(send, b"no", 417)
            return
        await gate.wait()
        count = len((await receive())["body"])
        await respond(send, b"%d" % count)

    expects = [(b"expect", b"100-continue"), (b"content-length", b"5")]
    with serving(application) as site:
        session = Session(site)
        stream = session.request("/asked", expects, method="POST", end=False)
        session.quiet()
        assert not stream.interim
        gate.open()
        session.until(lambda: stream.interim)
        assert [status for status, _ in stream.interim] == [100]
        session.send(stream, b"hello", end=True)
        assert session.answer(stream).body == b"5"
        refused = session.request("/refused", expects, method="POST", end=False)
        session.until(lambda: refused.is_over)
        assert refused.status == 417
        assert not refused.interim


def test_frames_are_no_longer_than_the_client_takes() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, bytes(200_000))

    with serving(application) as site:
        session = Session(site, window=MIB)
        session.open(None, MIB)
        session.ask()
        assert max(len(frame.payload) for frame in session.peer.seen(Kind.DATA)) == 16_384


def test_a_big_upload_and_a_big_download_at_once() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        more = True
        while more:
            event = await receive()
            more = event["more_body"]
            if event["body"]:
                await send(body(event["body"], more=True))
        await send(body())

    with serving(application) as site:
        session = Session(site)
        streams = [session.request(method="POST", end=False) for _ in range(4)]
        for place, stream in enumerate(streams):
            session.send(stream, bytes([place]) * (3 * MIB), end=True)
        for place, stream in enumerate(streams):
            session.until(lambda: stream.is_over)  # noqa: B023
            assert stream.is_ended
            assert stream.body == bytes([place]) * (3 * MIB)


def test_many_small_messages_of_many_streams() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        for number in range(50):
            await send(body(b"%d," % number, more=True))
            await asyncio.sleep(0)
        await send(body())

    with serving(application) as site:
        session = Session(site)
        streams = [session.request() for _ in range(100)]
        expected = b"".join(b"%d," % number for number in range(50))
        assert all(session.answer(stream).body == expected for stream in streams)


def test_the_window_of_the_connection_goes_to_the_urgent() -> None:
    """A client that reads slowly gets first what it wants first."""
    block = bytes(60_000)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, block)

    with serving(application) as site:
        session = Session(site, window=MIB, releases=False)
        first = session.request("/first", [(b"priority", b"u=5")])
        session.quiet()
        lazy = session.request("/lazy", [(b"priority", b"u=6")])
        urgent = session.request("/urgent", [(b"priority", b"u=0")])
        session.quiet()
        assert first.is_ended
        assert len(lazy.body) + len(urgent.body) == 65_535 - 60_000
        session.open(None, 60_000)
        session.quiet()
        assert urgent.is_ended
        assert not lazy.is_ended
        session.open(None, MIB)
        session.until(lambda: lazy.is_ended)


def test_content_beyond_the_limit_is_refused() -> None:
    events: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while (event := await receive())["type"] == "http.request" and event["more_body"]:
            pass
        events.append(event["type"])
        if event["type"] == "http.request":
            await respond(send)

    with serving(application, limit_request_body=1000) as site:
        session = Session(site)
        announced = session.request(fields=[(b"content-length", b"1001")], method="POST", end=False)
        session.until(lambda: announced.is_over)
        assert announced.status == 413
        stream = session.request(method="POST", end=False)
        session.send(stream, bytes(1001))
        session.until(lambda: stream.is_over)
        assert stream.status == 413
        fits = session.request(method="POST", end=False)
        session.send(fits, bytes(1000), end=True)
        assert session.answer(fits).body == b"ok"
        assert not session.peer.goaways
        assert events[-1] == "http.request"
