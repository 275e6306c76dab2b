"""Published attacks on HTTP/2 against `vitok serve`: the attacker is told to calm down, others are served.

How much of each is taken, and what it makes the server hold, is tested in crates/wire/tests/http2.
"""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import http2_frames as frames
import pytest
from http2_client import Http2Client, fields_for
from http2_frames import Code, FrameReader, Kind
from served import CHILD_SECONDS, Served, serving

pytestmark = pytest.mark.vitok_only

HEAD = frames.block(fields_for("/"))
# Far more than any limit takes.
TIMES = 5000


def get(stream: int, **options: bool) -> bytes:
    """A request."""
    return frames.headers(stream, HEAD, **options)


# Each makes the frames of one step.
FLOODS: dict[str, Callable[[int], bytes]] = {
    "CVE-2019-9511 data dribble": lambda number: frames.window_update(0, 1),
    "CVE-2019-9512 pings": lambda number: frames.ping(),
    "CVE-2019-9513 priorities": lambda number: frames.frame(Kind.PRIORITY, b"\0\0\0\0\x10", stream=2 * number + 1),
    "CVE-2019-9514 resets of malformed requests": lambda number: frames.headers(
        2 * number + 1, frames.block([(b":method", b"GET")])
    ),
    "CVE-2019-9515 settings": lambda number: frames.settings({4: 65_535 + number}),
    "CVE-2019-9518 empty frames": lambda number: get(1, end_stream=False) if number == 0 else frames.data(1),
    "CVE-2023-44487 rapid reset": lambda number: get(2 * number + 1) + frames.reset(2 * number + 1),
    "CVE-2024-27316 continuations": lambda number: (
        get(1, end_headers=False) if number == 0 else frames.continuation(1, HEAD, end_headers=False)
    ),
    "CVE-2025-8671 windows that overflow": lambda number: (
        get(2 * number + 1) + frames.window_update(2 * number + 1, 2**31 - 1)
    ),
    "unknown frames": lambda number: frames.frame(0xF0, bytes(100)),
}


def resident(served: Served) -> int:
    """The resident memory of the server in kB; 0 where the kernel does not say it."""
    if sys.platform != "linux":
        return 0
    status = Path(f"/proc/{served.child.pid}/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


@contextmanager
def attacker(served: Served) -> Iterator[socket.socket]:
    """A connection that has sent the preface."""
    with socket.create_connection(("127.0.0.1", served.port), CHILD_SECONDS) as sock:
        sock.sendall(frames.PREFACE + frames.settings())
        yield sock


def end_of(sock: socket.socket) -> int:
    """Read up to the end of the connection, and return the code of the last GOAWAY."""
    reader, code = FrameReader(), -1
    while data := sock.recv(65_536):
        for frame in reader.feed(data):
            if frame.kind == Kind.GOAWAY:
                code = int.from_bytes(frame.payload[4:8], "big")
    return code


@pytest.mark.parametrize("flood", list(FLOODS))
def test_a_flood_ends_its_connection_alone(flood: str) -> None:
    make = FLOODS[flood]
    with serving("--no-access-log") as served, Http2Client(served.port) as other:
        assert other.ask().status == 200
        before = resident(served)
        with attacker(served) as sock:
            try:
                for start in range(0, TIMES, 100):
                    sock.sendall(b"".join(make(number) for number in range(start, start + 100)))
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                # The server has closed after the time in which it dropped the rest.
                code = None
            else:
                code = end_of(sock)
            assert other.ask().status == 200
        assert code in (None, Code.ENHANCE_YOUR_CALM)
        assert served.get()["http_version"] == "1.1"
        assert other.ask().status == 200
        assert resident(served) - before < 30_000
        assert served.end() == 0
    assert "Traceback" not in served.errors


def test_a_client_that_does_not_read_its_answers() -> None:
    """CVE-2019-9512, -9517: what waits for the client is bounded, and so is what it sends meanwhile."""
    with serving("--no-access-log") as served, Http2Client(served.port) as other:
        assert other.ask().status == 200
        before = resident(served)
        with attacker(served) as sock:
            sock.settimeout(1)
            # Pings among requests, as many as are allowed; no answer is ever read. After the end of the connection the
            # rest is dropped, and then nothing is taken.
            with suppress(OSError):
                for number in range(100_000):
                    sock.sendall(get(2 * number + 1) + frames.ping())
            assert other.ask().status == 200
            assert resident(served) - before < 30_000
        assert other.ask().status == 200
        assert served.end() == 0
    assert "Traceback" not in served.errors


def test_an_honest_client_is_no_flood() -> None:
    """Thousands of requests a second with a window update, a priority and a ping each, and cancellations."""
    with serving("--no-access-log") as served, Http2Client(served.port) as client:
        for number in range(3000):
            stream = client.peer.request(fields_for("/"))
            client.raw(frames.window_update(0, 1) + frames.frame(Kind.PRIORITY, b"\0\0\0\0\x10", stream=stream))
            client.peer.ping()
            if number % 20 == 0:
                client.reset(stream)
            else:
                assert client.answer(stream).status == 200
        assert not client.peer.goaways
        assert served.end() == 0
