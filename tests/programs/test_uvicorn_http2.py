"""`uvicorn --http vitok.uvicorn:Http2Protocol`: both versions of HTTP, in clear text and over TLS; `Protocol` has one.

What is the same for both versions is tested in the other files about uvicorn.
"""

import asyncio
import json
import logging
import signal
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from children import FLAVOURS, Flavour, Server, started
from http2_client import Http2Client
from http2_frames import PREFACE, Code
from needs import need_library
from raw_websocket import TEXT, close_frame, frame
from uvicorn_site import OURS, run, uvicorn_site
from uvicorn_websocket import CLASS, Application

pytestmark = pytest.mark.vitok_only

BOTH = "vitok.uvicorn:Http2Protocol"
APPLICATION = """
import asyncio
import json


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    body = json.dumps([scope["http_version"], scope["scheme"]]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Says which version it was called with."""
    body = json.dumps([scope["http_version"], scope["scheme"]]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def asked(port: int, path: str = "/") -> Any:
    """Return the application's answer over HTTP/2."""
    with Http2Client(port) as client:
        answer = client.ask(path)
        assert answer.status == 200
        return json.loads(answer.body)


def test_both_versions(loop: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A client that begins with HTTP/2 gets it, one that does not gets HTTP/1.1; both are logged as uvicorn does."""
    caplog.set_level(logging.INFO, "uvicorn.access")

    async def main() -> None:
        async with uvicorn_site(app, http=BOTH) as site:
            port = site.server.sockets[0].getsockname()[1]
            assert await asyncio.to_thread(asked, port, "/a?b") == ["2", "http"]
            answer = await site.ask(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            assert answer.endswith(b'["1.1", "http"]')

    run(loop, main())
    lines = [record.getMessage().partition(" - ")[2] for record in caplog.records if record.name == "uvicorn.access"]
    assert lines == ['"GET /a?b HTTP/2" 200', '"GET / HTTP/1.1" 200']


def test_streams_are_counted(loop: Any) -> None:
    """uvicorn's state has each stream as a request and the connection as one."""

    async def main() -> None:
        async with uvicorn_site(app, http=BOTH) as site:
            port = site.server.sockets[0].getsockname()[1]
            client = await asyncio.to_thread(Http2Client, port)
            with client:
                for _ in range(3):
                    await asyncio.to_thread(client.ask)
                assert len(site.state.connections) == 1
            while site.state.connections:
                await asyncio.sleep(0.001)
            assert site.state.total_requests == 3

    run(loop, main())


def test_a_websocket_in_a_stream(loop: Any, caplog: pytest.LogCaptureFixture) -> None:
    """uvicorn's log has the lines that it has for a connection, and the end is that of the stream."""
    caplog.set_level(logging.INFO, "uvicorn.error")
    application = Application()

    def talk(port: int) -> None:
        with Http2Client(port) as client:
            client.ask()
            fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"http")]
            fields += [(b":authority", b"a"), (b":path", b"/echo"), (b"sec-websocket-version", b"13")]
            number = client.peer.request(fields, end=False)
            assert client.head(number).status == 200
            client.send(number, frame(TEXT, b"hello"))
            stream = client.peer.streams[number]
            client.wait(lambda: stream.body == bytes([0x80 | TEXT, 5]) + b"hello")
            client.send(number, close_frame(1000))
            client.wait(lambda: stream.is_over)
            # Its connection goes on.
            assert client.ask().body == b"ok"

    async def main() -> None:
        async with uvicorn_site(application, http=BOTH, ws=CLASS) as site:
            await asyncio.to_thread(talk, site.server.sockets[0].getsockname()[1])

    run(loop, main())
    assert application.scopes[0]["http_version"] == "2"
    lines = [record.getMessage().partition(" - ")[2] or record.getMessage() for record in caplog.records]
    assert lines == ['"WebSocket /echo" [accepted]', "connection open", "connection closed"]


def test_the_other_class_has_one_version(loop: Any) -> None:
    """As uvicorn without `--http2`."""

    async def main() -> None:
        async with uvicorn_site(app, http=OURS) as site:
            assert (await site.ask(PREFACE)).startswith(b"HTTP/1.1 505 ")

    run(loop, main())


def test_the_option_of_uvicorn(loop: Any) -> None:
    """Where uvicorn's own settings say HTTP/2, the class speaks it."""

    async def main() -> None:
        async with uvicorn_site(app, http=OURS) as site:
            site.config.http2 = True
            port = site.server.sockets[0].getsockname()[1]
            assert await asyncio.to_thread(asked, port) == ["2", "http"]

    run(loop, main())


@contextmanager
def uvicorn(folder: Path, flavour: Flavour, *options: str | Path) -> Iterator[Server]:
    """A server of the application above."""
    need_library("uvicorn")
    (folder / "application.py").write_text(APPLICATION)
    words = [sys.executable, *flavour.flags, "-m", "uvicorn", "application:app", "--app-dir", str(folder)]
    words += ["--port", "0", "--loop", f"{flavour.loop}:new_event_loop", "--http", BOTH, *map(str, options)]
    with started(words, flavour) as (_, server):
        yield server


@pytest.mark.parametrize("name", ["vitok", "asyncio"])
def test_the_command_over_tls(tmp_path: Path, certificate: Path, name: str) -> None:
    """uvicorn offers what the class says, and a signal waits for streams that are open."""
    trusting = ssl.create_default_context(cafile=certificate)
    with (
        uvicorn(tmp_path, FLAVOURS[name], "--ssl-certfile", certificate) as server,
        Http2Client(server.port, tls=trusting) as client,
    ):
        assert json.loads(client.ask().body) == ["2", "https"]
        number = client.request("/slow")
        # Its answer is behind the beginning of the other.
        client.ask()
        server.process.send_signal(signal.SIGTERM)
        assert json.loads(client.answer(number).body) == ["2", "https"]
        assert client.goaway()[1] == Code.NO_ERROR
        client.rest()
