"""Clients of HTTP/2 that take too long with one stream: the others, and the connection, go on."""

from typing import Any

import pytest
from asgi_support import Gate, respond, serving
from http2_frames import Code
from http2_session import Session

pytestmark = pytest.mark.vitok_only

OPTIONS = {"timeout_body": 0.3, "http2_initial_stream_window_size": 16 * 1024}


async def count(receive: Any, send: Any, ends: list[str]) -> None:
    """Read the content of a request, and answer with its size."""
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            ends.append(event["type"])
            return
        size += len(event["body"])
        more = event["more_body"]
    await respond(send, b"%d" % size)


def test_content_that_does_not_come_is_refused_and_a_full_window_is_waited_for() -> None:
    gate = Gate()
    ends: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/busy":
            await gate.wait()
        await count(receive, send, ends)

    with serving(application, **OPTIONS) as site:
        session = Session(site)
        session.quiet()
        busy = session.request("/busy", method="POST", end=False)
        session.send(busy, bytes(40_000), end=True)
        silent = session.request("/silent", method="POST", end=False)
        session.send(silent, b"abc")
        session.until(lambda: silent.is_over)
        assert silent.status == 408
        site.wait(lambda: ends)
        gate.open()
        assert session.answer(busy).body == b"40000"
        assert not session.peer.goaways


def test_a_response_whose_window_stays_closed_is_given_up() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, bytes(200_000))

    with serving(application, **OPTIONS) as site:
        session = Session(site, window=10_000, releases=False)
        stream = session.request()
        session.until(lambda: stream.is_over)
        assert stream.code == Code.CANCEL
        assert len(stream.body) == 10_000
        assert session.ask(method="HEAD").status == 200
        assert not session.peer.goaways
