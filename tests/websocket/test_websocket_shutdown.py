"""The end of a server with WebSockets in every phase, and applications that are cancelled.

Codes and times are tested in test_websocket_driven.py, the command in test_websocket_serve.py.
"""

import asyncio
from typing import Any

import pytest
import wires
from asgi_places import Place
from ws_calls import Served, connect, served
from ws_frames import close, handshake, text

pytestmark = [pytest.mark.vitok_only, wires.both_wires]


@wires.http1_only("its transports")
@pytest.mark.parametrize("restarts", [False, True])
def test_every_transport(place: Place, restarts: bool) -> None:
    """Each peer gets the close frame of the server's end, answers, and reads the end of the connection."""
    with served(**place.options) as here:
        peers = [connect(place, here) for _ in range(3)]
        calls = []
        for peer in peers:
            peer.send(handshake())
            calls.append(here.calls.next())
            calls[-1].accept()
            peer.accepted()
        peers[0].send(text("before"))
        assert calls[0].content() == "before"
        here.site.http.begin_shutdown(restarts)
        code = 1012 if restarts else 1001
        for peer, call in zip(peers, calls, strict=True):
            assert peer.leave_after(code)[0] == code
            assert call.disconnected()[0] == code
            call.returns()
            peer.stream.close()
        here.ended()


def test_a_handshake_before_the_end(here: Served) -> None:
    """An application that accepts while the server ends gets the end next, its peer a code behind the response."""
    peer = here.begin()
    call = here.calls.next()
    here.site.http.begin_shutdown(restarts=True)
    call.accept()
    peer.accepted()
    assert peer.leave_after(1012)[0] == 1012
    assert call.disconnected()[0] == 1012
    call.returns()
    here.ended()


def test_messages_before_the_end(here: Served) -> None:
    """What has arrived before the server ends is received before the end is told; what was sent arrives."""
    peer, call = here.open()
    peer.send(*(text(f"{number}") for number in range(10)))
    call.send("send", text="last words")
    here.site.turn()
    here.site.http.begin_shutdown()
    assert [call.content() for _ in range(10)] == [f"{number}" for number in range(10)]
    assert call.disconnected() == (1001, "")
    assert peer.message() == "last words"
    assert peer.leave_after(1001)[0] == 1001
    call.returns()
    here.ended()


def test_a_refusal_during_the_end(here: Served) -> None:
    """A handshake may be refused while the server ends, as any request may be answered."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    here.site.http.begin_shutdown()
    call.send("close")
    assert peer.stream.answer().status == 403
    call.returns()
    here.ended()


def test_the_end_comes_twice(here: Served) -> None:
    """A second call changes nothing: there is one close frame."""
    peer, call = here.open()
    here.site.http.begin_shutdown()
    here.site.http.begin_shutdown()
    assert peer.leave_after(1001) == (1001, "")
    assert call.disconnected()[0] == 1001
    call.returns()
    here.ended()


def test_a_close_frame_of_the_application_before_that_of_the_server(here: Served) -> None:
    """A connection that is closing already keeps its code."""
    peer, call = here.open()
    call.send("close", code=4000)
    here.site.http.begin_shutdown()
    assert peer.leave_after(4000) == (4000, "")
    assert call.disconnected()[0] == 4000
    call.returns()
    here.ended()


def test_connections_that_are_aborted(here: Served) -> None:
    """`abort_connections` ends each at once; the applications are told 1006 and end by themselves."""
    pairs = [here.open() for _ in range(5)]
    here.site.http.abort_connections()
    for peer, call in pairs:
        peer.client.end()
        assert call.disconnected()[0] == 1006
        with pytest.raises(OSError):
            call.send("send", text="x")
        call.returns()
    here.ended()


@pytest.mark.parametrize("is_accepted", [False, True])
def test_applications_that_are_cancelled(is_accepted: bool) -> None:
    """A cancelled application ends its connection as one that failed, or leaves its handshake unanswered; no report."""
    with served() as here:
        peer = here.begin()
        call = here.calls.next()
        if is_accepted:
            call.accept()
            peer.accepted()
        here.site.http.cancel_requests()
        if is_accepted:
            assert peer.closed()[0] in (1001, 1011, 1012)
            peer.send(close(1000))
        else:
            assert peer.stream.answer().status in (500, 503)
        peer.stream.end()
        peer.stream.close()
        here.ended()
        assert here.site.hooks.take() == []


def test_an_application_that_swallows_its_cancellation(here: Served) -> None:
    """It goes on with its connection, which is as it was."""

    async def stubborn(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            try:
                event = await receive()
            except asyncio.CancelledError:
                await send({"type": "websocket.send", "text": "not yet"})
                continue
            if event["type"] == "websocket.disconnect":
                return
            await send({"type": "websocket.send", "text": "echo"})

    here.calls.instead = stubborn
    peer = here.begin()
    peer.accepted()
    here.site.turn()
    here.site.http.cancel_requests()
    assert peer.message() == "not yet"
    peer.send(text("x"))
    assert peer.message() == "echo"
    peer.leave()
    here.ended()
