"""What uvicorn's log has about WebSockets of `vitok.uvicorn:WebSocket`: the lines of uvicorn's default, the control."""

import logging
from typing import Any

import pytest
from raw_websocket import handshake, read_head
from uvicorn_site import run, uvicorn_site
from uvicorn_websocket import CONTROL, Application, closed, hung_up, left, opened

TRACE = 5


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What uvicorn logs, down to its own level TRACE."""
    for name in ("uvicorn.error", "uvicorn.access"):
        caplog.set_level(TRACE, logger=name)
    return caplog


def lines(log: pytest.LogCaptureFixture, level: int, port: int) -> list[str]:
    """The lines of a level, without the address of the client."""
    found = [record.getMessage() for record in log.records if record.levelno == level]
    return [line.removeprefix(f"127.0.0.1:{port} - ") for line in found]


@pytest.mark.parametrize("has_log", [True, False])
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/echo/%20?x=1", ['"WebSocket /echo/%20?x=1" [accepted]', "connection open", "connection closed"]),
        ("/forbidden", ['"WebSocket /forbidden" 403', "connection rejected (403 Forbidden)"]),
        ("/failing", ["connection rejected (500 Internal Server Error)"]),
        ("/denied", ['"WebSocket /denied" 418', "connection rejected (418 I'm a Teapot)"]),
    ],
)
def test_the_log_has_the_lines_of_uvicorn(
    loop: Any,
    http: str,
    ws: str,
    log: pytest.LogCaptureFixture,
    target: str,
    expected: list[str],
    has_log: bool,
) -> None:
    """A handshake is no access: it is logged without an access log, too."""

    async def main() -> int:
        async with uvicorn_site(Application(), http=http, ws=ws, access_log=has_log) as site:
            reader, writer = await site.connect()
            port: int = writer.get_extra_info("sockname")[1]
            writer.write(handshake(target))
            if (await read_head(reader))[0] == 101:
                await closed(reader, writer)
            else:
                await hung_up(writer)
            await left(site)
            return port

    ports: list[int] = []

    async def noted() -> None:
        ports.append(await main())

    run(loop, noted())
    seen = lines(log, logging.INFO, ports[0])
    if ws == CONTROL:
        # The library has no line for an end of which uvicorn does not tell it.
        expected = [line for line in expected if line != "connection closed"]
    assert seen == expected


def test_connections_are_traced(loop: Any, http: str, ws: str, log: pytest.LogCaptureFixture) -> None:
    """At the level TRACE uvicorn says what becomes of a connection."""
    ports: list[int] = []

    async def main() -> None:
        async with uvicorn_site(Application(), http=http, ws=ws) as site:
            reader, writer = await opened(site)
            ports.append(writer.get_extra_info("sockname")[1])
            await closed(reader, writer)
            await left(site)

    run(loop, main())
    assert lines(log, TRACE, ports[0]) == [
        *("HTTP connection made", "Upgrading to WebSocket", "WebSocket connection made", "WebSocket connection lost")
    ]


def test_the_client_behind_a_proxy_is_logged(loop: Any, http: str, ws: str, log: pytest.LogCaptureFixture) -> None:
    """uvicorn's middleware replaces the client before the application accepts."""

    async def main() -> None:
        async with uvicorn_site(Application(), http=http, ws=ws, proxy_headers=True) as site:
            reader, writer = await site.connect()
            writer.write(handshake("/echo", "x-forwarded-for: 192.0.2.7", "x-forwarded-proto: wss"))
            assert (await read_head(reader))[0] == 101
            await closed(reader, writer)
            await left(site)

    run(loop, main())
    assert lines(log, logging.INFO, 0)[0] == '192.0.2.7:0 - "WebSocket /echo" [accepted]'
