"""HTTP/2 in clear text under `vitok serve`: which versions are spoken, what is announced, sockets, proxies, processes.

Requests are tested in tests/http2, TLS in test_serve_http2_tls.py.
"""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from http2_client import Http2Client
from http2_frames import PREFACE, Code, Setting
from reload_support import Project, ready
from served import CHILD_SECONDS, ask, drain, serving
from vitok.http.options import Options

pytestmark = pytest.mark.vitok_only

CLIENT = ["192.0.2.1", 4711]
HEADER = b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 443\r\n"


def content(client: Http2Client, path: str = "/") -> dict[str, Any]:
    """Return the application's answer."""
    answer = client.ask(path)
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.body)
    return found


@contextmanager
def connected(sock: socket.socket) -> Iterator[Http2Client]:
    """A client on a socket that is connected."""
    sock.settimeout(CHILD_SECONDS)
    client = Http2Client.on(sock)
    with client:
        yield client


def test_prior_knowledge() -> None:
    """A client that begins with HTTP/2 gets it, one that begins with HTTP/1.1 gets that, on the same port."""
    with serving() as served:
        with Http2Client(served.port) as client:
            told = [content(client) for _ in range(2)]
        assert [one["http_version"] for one in told] == ["2", "2"]
        assert served.get()["http_version"] == "1.1"
        assert served.end() == 0
    assert served.output.count('"GET / HTTP/2" 200') == 2
    assert served.output.count('"GET / HTTP/1.1" 200') == 1


def test_http1_alone() -> None:
    """With `--http 1` the preface is a request line with another version."""
    with serving("--http", "1") as served:
        with socket.create_connection(("127.0.0.1", served.port)) as sock:
            assert ask(sock, PREFACE).startswith(b"HTTP/1.1 505 ")
        assert served.get()["http_version"] == "1.1"
        assert served.end() == 0


def test_http2_alone() -> None:
    """With `--http 2` a request of HTTP/1.1 is no preface: the connection ends."""
    with serving("--http", "2") as served:
        with socket.create_connection(("127.0.0.1", served.port)) as sock:
            sock.settimeout(CHILD_SECONDS)
            sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b"HTTP/1.1" not in drain(sock)
        with Http2Client(served.port) as client:
            assert content(client)["http_version"] == "2"
        assert served.end() == 0


@pytest.mark.parametrize("first", [b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", b"PRI * HTTP/2.0\r\n\r\n"])
def test_a_preface_in_pieces(first: bytes) -> None:
    """It is recognised wherever it is split."""
    with serving() as served:
        sock = socket.create_connection(("127.0.0.1", served.port), CHILD_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connected(sock) as client:
            data = client.peer.take()
            assert data.startswith(PREFACE)
            sock.sendall(first)
            # Another client is served meanwhile, so that the server has read.
            assert served.get()["size"] == 0
            client.raw(data[len(first) :])
            assert content(client)["http_version"] == "2"
        assert served.end() == 0


def test_what_is_announced() -> None:
    """The settings are those of the options (RFC 9113, section 6.5.2). The largest head is that of HTTP/1.1."""
    given = {
        "http2_max_concurrent_streams": (Setting.MAX_CONCURRENT_STREAMS, 7),
        "http2_max_frame_size": (Setting.MAX_FRAME_SIZE, 20_000),
        "http2_initial_stream_window_size": (Setting.INITIAL_WINDOW_SIZE, 100_000),
        "limit_request_head": (Setting.MAX_HEADER_LIST_SIZE, 30_000),
    }
    words = [word for name, (_, value) in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    more = ("--http2-initial-connection-window-size", "200000")
    for options, expected in [
        ((), {setting: getattr(Options(), name) for name, (setting, _) in given.items()}),
        ((*words, *more), dict(given.values())),
    ]:
        with serving(*options) as served:
            with Http2Client(served.port) as client:
                content(client)
                assert {name: client.peer.remote.get(name) for name in expected} == expected
                window = 200_000 if options else Options().http2_initial_connection_window_size
                assert client.peer.h2.outbound_flow_control_window == window
            assert served.end() == 0


def test_the_number_of_streams() -> None:
    """A client that opens more than were announced is told that nothing became of the last one."""
    with serving("--http2-max-concurrent-streams", "2") as served:
        with Http2Client(served.port) as client:
            content(client)
            # The client's library keeps to the number, unless it was told another one.
            client.peer.h2.remote_settings.max_concurrent_streams = 3
            client.peer.h2.remote_settings.acknowledge()
            numbers = [client.request("/sleep/1") for _ in range(3)]
            assert client.code(numbers.pop()) == Code.REFUSED_STREAM
            assert [client.answer(number).status for number in numbers] == [200, 200]
        assert served.end() == 0


def test_concurrent_requests() -> None:
    """Each stream counts for `--limit-concurrency`, and none of them is a connection."""
    with serving("--limit-concurrency", "2", "--limit-connections", "1") as served:
        with Http2Client(served.port) as client:
            numbers = [client.request(f"/sleep/{seconds}") for seconds in (1, 1)]
            refused = client.ask()
            assert refused.status == 503
            assert [client.answer(number).status for number in numbers] == [200, 200]
            assert client.ask().status == 200
        assert served.end() == 0


def test_a_unix_socket(tmp_path: Path) -> None:
    """The client has no address there."""
    path = tmp_path / "socket"
    with serving("--uds", path) as served:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(path))
        with connected(sock) as client:
            told = content(client)
            assert (told["http_version"], told["client"]) == ("2", None)
        assert served.end() == 0


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
def test_the_proxy_protocol(more: tuple[str, ...]) -> None:
    """The client of the header is that of each stream, and of the lines about it."""
    with serving("--proxy-protocol", "any", *more) as served:
        sock = socket.create_connection(("127.0.0.1", served.port), CHILD_SECONDS)
        sock.sendall(HEADER)
        with connected(sock) as client:
            assert [content(client)["client"] for _ in range(2)] == [CLIENT, CLIENT]
        assert served.end() == 0
    assert served.output.count('192.0.2.1:4711 "GET / HTTP/2" 200') == 2


def test_forwarded_clients() -> None:
    """A trusted proxy names the client of each stream, as over HTTP/1.1."""
    with serving("--proxy-headers") as served:
        with Http2Client(served.port) as client:
            told = []
            for number in (1, 2):
                fields = [(b"x-forwarded-for", b"192.0.2.%d" % number), (b"x-forwarded-proto", b"https")]
                told.append(json.loads(client.ask("/", fields).body))
        assert [(one["client"], one["scheme"]) for one in told] == [
            (["192.0.2.1", 0], "https"),
            (["192.0.2.2", 0], "https"),
        ]
        assert served.end() == 0


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
def test_the_end_waits_for_streams(more: tuple[str, ...]) -> None:
    """GOAWAY names the last stream; streams in flight are answered, then the connection closes and the process ends."""
    with serving(*more) as served:
        with Http2Client(served.port) as client:
            number = client.request("/sleep/1")
            # Its answer is behind the beginning of the other.
            content(client)
            served.child.send_signal(signal.SIGTERM)
            client.wait(lambda: client.peer.goaways)
            assert client.peer.goaways[0].code == Code.NO_ERROR
            assert client.answer(number).status == 200
            client.rest()
            assert client.goaway() == (max(client.peer.streams), Code.NO_ERROR)
        assert served.wait() == 0
    assert "Traceback" not in served.errors


def test_the_end_of_idle_connections() -> None:
    """They get a GOAWAY, too, and don't delay the end."""
    with serving() as served:
        with Http2Client(served.port) as client:
            content(client)
            served.child.send_signal(signal.SIGTERM)
            client.rest()
            assert client.peer.goaways[-1].code == Code.NO_ERROR
        assert served.wait() == 0


def test_the_end_without_patience() -> None:
    """Streams that take longer than `--timeout-graceful-shutdown` are cut off."""
    with serving("--timeout-graceful-shutdown", "0.2") as served:
        with Http2Client(served.port) as client:
            client.request("/sleep/30")
            content(client)
            served.child.send_signal(signal.SIGTERM)
            client.rest()
        assert served.wait() == 0


def test_workers_are_exchanged() -> None:
    """SIGHUP: a stream in flight is answered by its worker, and new connections are served by others."""
    with serving("--workers", "2") as served:
        with Http2Client(served.port) as client:
            number = client.request("/sleep/1")
            before = content(client)["process"]
            served.child.send_signal(signal.SIGHUP)
            client.wait(lambda: client.peer.goaways)
            assert json.loads(client.answer(number).body)["process"] == before
            client.rest()
        with Http2Client(served.port) as client:
            assert content(client)["process"] != before
        assert served.end() == 0


def test_the_code_is_changed(tmp_path: Path) -> None:
    """`--reload`: a client of the worker that is replaced gets a GOAWAY, and the new code on its next connection."""
    project = Project(tmp_path, "times")
    with project.serving() as served:
        ready(served)
        with Http2Client(served.port) as client:
            assert content(client)["word"] == "first"
            project.say("second")
            assert client.goaway()[1] == Code.NO_ERROR
            client.rest()
        ready(served)
        with Http2Client(served.port) as client:
            assert content(client)["word"] == "second"
        assert served.end() == 0


def test_a_number_of_requests() -> None:
    """Each stream is a request for `--limit-max-requests`."""
    with serving("--limit-max-requests", "3") as served:
        with Http2Client(served.port) as client:
            numbers = [client.request() for _ in range(3)]
            assert [client.answer(number).status for number in numbers] == [200] * 3
            client.rest()
        assert served.wait() == 0


def test_idle_connections_end() -> None:
    """A connection without streams ends after `--timeout-keep-alive`, with a GOAWAY."""
    with serving("--timeout-keep-alive", "0.3") as served:
        with Http2Client(served.port) as client:
            content(client)
            assert client.goaway()[1] == Code.NO_ERROR
            client.rest()
        assert served.end() == 0


def test_connections_that_begin_nothing() -> None:
    """The preface, and the first request after it, have `--timeout-header`."""
    with serving("--timeout-header", "0.3") as served:
        for sent in (PREFACE[:10], PREFACE + bytes(3) + b"\x04" + bytes(5)):
            with socket.create_connection(("127.0.0.1", served.port)) as sock:
                sock.settimeout(CHILD_SECONDS)
                sock.sendall(sent)
                drain(sock)
        assert served.end() == 0
