"""WebSockets under `vitok serve`: each option, as a client of another process sees it."""

import signal
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import served as serve_command
from served import Served
from ws_blocking import connected, opened
from ws_frames import CLOSE, COMPRESSED, PING, TEXT, Frame, binary, deflated, frame, handshake, pong, text
from ws_peer import DEFLATE

pytestmark = pytest.mark.vitok_only

FOLDER = Path(__file__).resolve().parent
QUIET = ("--no-access-log",)


@contextmanager
def serving(*words: str, **options: Any) -> Iterator[Served]:
    """Serve `ws_apps.app` on a port that the kernel chooses."""
    with serve_command.serving(*words, app="ws_apps:app", folder=FOLDER, **options) as served:
        yield served


def test_an_echo_and_the_log() -> None:
    """Without options WebSockets are served: one line at the handshake, one at the end."""
    with serving() as served:
        with opened(served, "/chat") as (peer, told):
            assert (told["path"], told["scheme"], told["subprotocols"]) == ("/chat", "ws", [])
            assert told["extensions"] == {"websocket.http.response": {}}
            for content in (text("hello"), binary(bytes(100_000))):
                peer.send(content)
            assert [peer.message(), peer.message()] == ["hello", bytes(100_000)]
            assert peer.leave(4000, "done") == (4000, "")
            port = told["client"][1]
        assert served.end() == 0
    assert "ended 4000 'done'\n" in served.output
    first, last = [line for line in served.output.splitlines() if f"127.0.0.1:{port} " in line]
    assert '"GET /chat HTTP/1.1" 101 0B' in first
    assert '"WebSocket /chat HTTP/1.1" 4000 ' in last
    assert int(last.partition(" 4000 ")[2].partition("B")[0]) > 100_005


def test_none() -> None:
    """With `--ws none` a handshake is refused as one to any other protocol."""
    with serving("--ws", "none", *QUIET) as served:
        with connected(served.port) as peer:
            peer.send(handshake())
            assert peer.stream.answer().status == 501
        assert served.end() == 0


def test_the_largest_message() -> None:
    """`--ws-max-size` is the length of a message, whatever its frames and its compression."""
    with serving("--ws-max-size", "1000", *QUIET) as served:
        with opened(served) as (peer, _):
            peer.send(text("a" * 1000))
            assert peer.message() == "a" * 1000
            peer.send(text("a" * 1001))
            assert peer.closed()[0] == 1009
        with opened(served, "/", DEFLATE) as (peer, _):
            peer.send(deflated("a" * 1001))
            assert peer.closed()[0] == 1009
        assert served.end() == 0


def test_pings() -> None:
    """A silent peer gets a ping each `--ws-ping-interval`, and is left alone as long as it answers."""
    with serving("--ws-ping-interval", "0.1", "--ws-ping-timeout", "20", *QUIET) as served:
        with opened(served) as (peer, _):
            for _ in range(3):
                ping = peer.frame()
                assert ping.opcode == PING
                peer.send(pong(ping.data))
            peer.send(text("still here"))
            while (frame := peer.frame()).opcode == PING:
                pass
            assert frame == Frame(TEXT, b"still here")
        assert served.end() == 0


def test_a_peer_that_does_not_answer() -> None:
    """After `--ws-ping-timeout` a peer that answers nothing is cut."""
    with serving("--ws-ping-interval", "0.1", "--ws-ping-timeout", "0.1") as served:
        with opened(served) as (peer, _):
            assert peer.frame().opcode == PING
            assert peer.closed()[0] == 1011
            assert peer.stream.end() == b""
        assert served.end() == 0
    assert '"WebSocket / HTTP/1.1" 1006 ' in served.output
    assert "ended 1006 'keepalive ping timeout'\n" in served.output


def test_no_pings() -> None:
    """Zero switches pings off, whatever the timeout is."""
    with serving("--ws-ping-interval", "0", "--ws-ping-timeout", "0.1", *QUIET) as served:
        with opened(served) as (peer, _):
            peer.stream.sock.settimeout(0.5)  # type: ignore[attr-defined]
            with pytest.raises(TimeoutError):
                peer.frame()
        assert served.end() == 0


@pytest.mark.parametrize("is_on", [True, False])
def test_compression(is_on: bool) -> None:
    """`--no-ws-per-message-deflate` declines every offer of compression, which is accepted otherwise."""
    words = () if is_on else ("--no-ws-per-message-deflate",)
    with serving(*words, *QUIET) as served:
        with connected(served.port) as peer:
            peer.send(handshake("/", DEFLATE))
            answer = peer.accepted().one(b"sec-websocket-extensions")
            assert (answer is not None) == is_on
            peer.message()
            peer.send(text("a" * 10_000))
            found = peer.frame()
            assert found.reserved == (COMPRESSED if is_on else 0)
            content = zlib.decompressobj(-15).decompress(found.data + b"\0\0\xff\xff") if is_on else found.data
            assert content == b"a" * 10_000
        assert served.end() == 0


def test_the_queue() -> None:
    """`--ws-max-queue` and a deaf application: the peer's writing comes to a stop, and others are served."""
    with serving("--ws-max-queue", "1", *QUIET, "--timeout-graceful-shutdown", "0.2") as served:
        with opened(served, "/silent") as (peer, _), opened(served) as (other, _):
            peer.stream.sock.settimeout(0.2)  # type: ignore[attr-defined]
            sent = 0
            with pytest.raises(TimeoutError):
                while sent < 100:
                    peer.send(binary(bytes(1_000_000)))
                    sent += 1
            assert sent < 50
            other.send(text("served"))
            assert other.message() == "served"
        served.end()


def test_limit_concurrency() -> None:
    """A WebSocket counts as a running request as long as it lasts: the next handshake is refused with 503."""
    with serving("--limit-concurrency", "1", *QUIET) as served:
        with opened(served) as (peer, _):
            with connected(served.port) as other:
                other.send(handshake())
                assert other.stream.answer().status == 503
            peer.leave()
        with opened(served) as (peer, _):
            peer.leave()
        assert served.end() == 0


def test_root_path_and_proxies() -> None:
    """The root path, and the client and scheme that a trusted proxy tells, are those of the scope."""
    with serving("--root-path", "/api", "--proxy-headers", "--forwarded-allow-ips", "127.0.0.1", *QUIET) as served:
        fields = ("x-forwarded-for: 192.0.2.7", "x-forwarded-proto: https")
        with opened(served, "/chat", *fields) as (_, told):
            assert (told["root_path"], told["path"]) == ("/api", "/api/chat")
            assert (told["scheme"], told["client"]) == ("wss", ["192.0.2.7", 0])
        assert served.end() == 0


def test_a_graceful_end() -> None:
    """At SIGTERM each peer gets 1001, the server waits for its answer, and then ends."""
    with serving() as served:
        with opened(served) as (peer, _), opened(served) as (other, _):
            served.child.send_signal(signal.SIGTERM)
            for each in (peer, other):
                each.send(text("on its way"))
                # What was on its way may still be echoed.
                while (last := each.frame()).opcode != CLOSE:
                    assert last == Frame(TEXT, b"on its way")
                assert last.code == 1001
            assert served.child.poll() is None
            for each in (peer, other):
                each.send(frame(CLOSE, last.data))
                assert each.stream.end() == b""
        assert served.wait() == 0
    assert served.output.count(' HTTP/1.1" 1001 ') == 2
    assert served.output.count("ended 1001 ''\n") == 2
    assert served.output.endswith("shutdown\n")


def test_a_graceful_end_is_bounded() -> None:
    """A peer that does not answer the close frame, and an application that does not end, delay it by their limit."""
    with (
        serving("--timeout-graceful-shutdown", "0.2", *QUIET) as served,
        opened(served) as (peer, _),
        opened(served, "/silent") as (deaf, _),
    ):
        served.child.send_signal(signal.SIGTERM)
        assert peer.closed()[0] == 1001
        assert deaf.closed()[0] == 1001
        assert served.wait() == 0
    assert "shutdown\n" in served.output


def test_restarted_workers() -> None:
    """When workers are replaced by SIGHUP their peers get 1012, and connect to the next one."""
    with serving("--workers", "2", "--log-level", "debug") as served:
        with opened(served) as (peer, told):
            served.child.send_signal(signal.SIGHUP)
            assert peer.leave_after(1012) == (1012, "")
            # Before that the next connection may get the other of the old workers.
            served.read_until("all workers have been replaced")
            with opened(served) as (next_one, told_next):
                next_one.send(text("again"))
                assert next_one.message() == "again"
                next_one.leave()
            assert told["process"] != told_next["process"]
        assert served.end() == 0
    assert "ended 1012 ''\n" in served.output


def test_workers_at_the_end() -> None:
    """Where nothing takes the place of the workers, their peers get 1001."""
    with serving("--workers", "2", *QUIET) as served:
        with opened(served) as (peer, _):
            served.child.send_signal(signal.SIGTERM)
            assert peer.leave_after(1001) == (1001, "")
        assert served.wait() == 0
    assert "ended 1001 ''\n" in served.output
