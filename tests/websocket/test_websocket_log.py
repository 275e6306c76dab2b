"""Lines of the access log: one at the handshake, one at the end; and which errors are reported.

The format of the other lines is tested in tests/http/test_asgi_log.py.
"""

import re
from typing import Any

import pytest
import wires
from ws_calls import Served, served
from ws_frames import close, handshake, text

pytestmark = [pytest.mark.vitok_only, wires.both_wires]

LINE = re.compile(r'(\S+) "([^"]*)" (\S+) (\d+)B (\d+\.\d\d)ms( \(.*\))?')


def next_lines(here: Served, count: int) -> list[tuple[str, str, str, int, float, str | None]]:
    """Take the lines so far, which must be so many: peer, request, status, bytes, milliseconds, and what else."""
    here.site.wait(lambda: len(here.site.hooks.lines) >= count)
    found = []
    for line in here.site.hooks.lines:
        match = LINE.fullmatch(line)
        assert match is not None, line
        peer, asked, status, size, duration, more = match.groups()
        found.append((peer, asked, status, int(size), float(duration), more))
    here.site.hooks.calls.clear()
    assert len(found) == count, found
    return found


@wires.http1_only("its request line and status")
def test_a_line_at_each_end() -> None:
    """The handshake's line comes with the acceptance, the other one with the end: code, bytes sent and duration."""
    with served(access_log=True) as here:
        peer, call = here.open("/chat?room=1")
        host, port = peer.client.sock.getsockname()
        [(client, asked, status, size, duration, more)] = next_lines(here, 1)
        assert (client, asked, status, size, more) == (f"{host}:{port}", "GET /chat?room=1 HTTP/1.1", "101", 0, None)
        assert 0 <= duration < 5000
        call.send("send", text="hello")
        call.send("send", bytes=b"\0" * 1000)
        assert [peer.message(), peer.message()] == ["hello", b"\0" * 1000]
        peer.send(text("not counted"))
        assert call.content() == "not counted"
        peer.leave(4000)
        call.returns()
        [(client, asked, status, size, duration, more)] = next_lines(here, 1)
        assert (client, asked, status) == (f"{host}:{port}", "WebSocket /chat?room=1 HTTP/1.1", "4000")
        assert (size, more) == (1005, None)
        assert 0 <= duration < 15_000


def test_the_duration_is_that_of_the_connection() -> None:
    """The last line has the time from the handshake to the end."""
    with served(access_log=True) as here:
        peer, _ = here.open()
        next_lines(here, 1)
        began = here.site.loop.time()
        here.site.wait(lambda: here.site.loop.time() > began + 0.05)
        peer.leave()
        [(*_, duration, _)] = next_lines(here, 1)
        assert 50 <= duration < 15_000


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("the peer without a code", "1005"),
        ("the peer is gone", "1006"),
        ("the application", "3000"),
        ("it returns", "1000"),
        ("invalid", "1002"),
    ],
)
def test_the_code_of_each_end(end: str, expected: str) -> None:
    """The code is the one that the application is told, or has sent."""
    with served(access_log=True) as here:
        peer, call = here.open()
        next_lines(here, 1)
        if end == "the peer without a code":
            peer.leave(None)
        elif end == "the peer is gone":
            peer.stream.close()
        elif end == "invalid":
            peer.send(b"\xff\xff")
            peer.closed()
            peer.stream.close()
        else:
            if end == "the application":
                call.send("close", code=3000)
            else:
                call.returns()
            peer.closed()
            peer.send(close(1000))
            peer.stream.end()
        [(_, asked, status, _, _, _)] = next_lines(here, 1)
        assert (asked, status) == (f"WebSocket / HTTP/{peer.client.version}", expected)


def test_a_failure_of_the_application() -> None:
    """An application that raises is 1011 in the log, and reported once."""
    with served(access_log=True) as here:
        peer, call = here.open()
        next_lines(here, 1)
        call.raises(LookupError("lost"))
        assert peer.leave()[0] == 1011
        assert isinstance(here.error(), LookupError)
        [(_, _, status, _, _, _)] = next_lines(here, 1)
        assert status == "1011"


@wires.http1_only("its request line")
def test_refusals() -> None:
    """A handshake that is not accepted has one line, with the status of the response."""
    with served(access_log=True) as here:
        peer = here.begin("/no")
        call = here.calls.next()
        call.connected()
        call.send("close")
        assert peer.stream.answer().status == 403
        call.returns()
        [(_, asked, status, _, _, _)] = next_lines(here, 1)
        assert (asked, status) == ("GET /no HTTP/1.1", "403")
        peer.stream.close()
        here.ended()
        assert here.site.hooks.lines == []


@wires.http1_only("its handshakes")
def test_an_invalid_handshake() -> None:
    """One line with the status, as for any request."""
    with served(access_log=True) as here:
        client = here.site.connect()
        assert client.ask(handshake(key="short")).status == 400
        [(_, asked, status, _, _, _)] = next_lines(here, 1)
        assert (asked, status) == ("GET / HTTP/1.1", "400")


@wires.http1_only("its request line")
def test_a_peer_that_leaves_before_acceptance() -> None:
    """What was never answered has one line, with the status of a request whose client has left."""
    with served(access_log=True) as here:
        peer = here.begin()
        call = here.calls.next()
        peer.stream.close()
        call.connected()
        assert call.disconnected()[0] == 1006
        call.returns()
        here.ended()
        [(_, asked, status, *_)] = next_lines(here, 1)
        assert (asked, status) == ("GET / HTTP/1.1", "499")


def test_no_log() -> None:
    """Without an access log there is no line."""
    with served(access_log=False) as here:
        peer, call = here.open()
        peer.leave()
        call.returns()
        here.ended()
        assert here.site.hooks.lines == []


def test_many_at_once() -> None:
    """Every connection has its own lines, however they mix."""
    with served(access_log=True) as here:
        pairs: list[Any] = [here.open(f"/{number}") for number in range(30)]
        for number, (peer, call) in reversed(list(enumerate(pairs))):
            call.send("send", bytes=bytes(number))
            peer.message()
            peer.leave(4000 + number)
        lines = next_lines(here, 60)
        ends = {asked: (status, size) for _, asked, status, size, *_ in lines if asked.startswith("WebSocket")}
        version = pairs[0][0].client.version
        assert ends == {f"WebSocket /{number} HTTP/{version}": (f"{4000 + number}", number) for number in range(30)}
