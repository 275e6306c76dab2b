"""A client that leaves during the response: how the application is told, and what happens to the rest.

Frameworks listen in a task beside the one that sends. `receive()` is tested in test_asgi_receive.py.
"""

import asyncio
from typing import Any

import pytest
from asgi_messages import body, start
from asgi_places import Place
from asgi_support import GET, respond, serving
from wires import both_wires

pytestmark = [pytest.mark.vitok_only, both_wires]


class Streamer:
    """An application that sends without end while a task beside it listens, as frameworks do it.

    `pause` is awaited between two messages; `ends` says whether the task that listens ends the other one.
    """

    def __init__(self, *, waits: bool = True, listens: bool = True, ends: bool = True) -> None:
        self.waits, self.listens, self.ends = waits, listens, ends
        self.sent = 0
        self.heard: list[str] = []
        self.errors: list[BaseException] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer until somebody ends it."""
        await receive()
        streaming = asyncio.create_task(self.stream(send))
        if self.listens:
            self.heard.append((await receive())["type"])
        if self.ends:
            streaming.cancel()
        await asyncio.wait([streaming])

    async def stream(self, send: Any) -> None:
        """Messages without end."""
        try:
            await send(start())
            while True:
                self.sent += 1
                await send(body(b"more", True))
                if self.waits:
                    await asyncio.sleep(0)
        except BaseException as error:
            self.errors.append(error)


class Held:
    """An application that answers with one message, later."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.is_held = False
        self.is_over = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer when the test says so."""
        self.is_held = True
        await self.event.wait()
        await respond(send)
        self.is_over = True


@pytest.mark.parametrize("waits", [True, False])
def test_a_task_that_listens_ends_the_one_that_sends(place: Place, waits: bool) -> None:
    """What is sent until the cancellation is dropped: no exception passes the clean-up of a framework."""
    streamer = Streamer(waits=waits)
    with serving(streamer, **place.options) as site:
        client = place.connect(site)
        client.send(GET)
        site.wait(lambda: streamer.sent > 100)
        client.abort()
        site.wait(lambda: site.http.running == 0)
        assert streamer.heard == ["http.disconnect"]
        assert [type(error) for error in streamer.errors] == [asyncio.CancelledError]


@pytest.mark.parametrize("waits", [True, False])
def test_a_stream_that_nobody_ends(place: Place, waits: bool) -> None:
    """A task that listens and does nothing about it: `send()` raises in the end."""
    streamer = Streamer(waits=waits, ends=False)
    with serving(streamer, **place.options) as site:
        client = place.connect(site)
        client.send(GET)
        site.wait(lambda: streamer.sent > 100)
        client.abort()
        site.wait(lambda: site.http.running == 0)
        assert streamer.heard == ["http.disconnect"]
        assert [type(error) for error in streamer.errors] == [ConnectionResetError]


@pytest.mark.parametrize("waits", [True, False])
def test_a_stream_beside_which_nobody_listens(place: Place, waits: bool) -> None:
    """Nothing else would end it: `send()` raises."""
    streamer = Streamer(waits=waits, listens=False, ends=False)
    with serving(streamer, **place.options) as site:
        client = place.connect(site)
        client.send(GET)
        site.wait(lambda: streamer.sent > 100)
        client.abort()
        site.wait(lambda: site.http.running == 0)
        assert streamer.heard == []
        assert [type(error) for error in streamer.errors] == [ConnectionResetError]


def test_an_answer_that_comes_too_late(place: Place) -> None:
    """A response of one message to a client that has left is dropped, and no error of the application's."""
    held = Held()
    with serving(held, **place.options) as site:
        client = place.connect(site)
        client.send(GET)
        site.wait(lambda: held.is_held)
        client.reset()
        site.wait(lambda: site.http.connections == 0)
        site.loop.call_soon(held.event.set)
        site.wait(lambda: site.http.running == 0)
        assert held.is_over


def test_an_application_that_was_told_and_sends_all_the_same() -> None:
    """A message that follows `http.disconnect` is dropped; one that promises more raises after a while."""
    steps = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await send(start())
        try:
            while True:
                await send(body(b"more", True))
        except OSError:
            steps.append("raised")
        await send(body(b"the end"))
        steps.append("dropped")

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        site.turn()
        client.reset()
        site.wait(lambda: site.http.running == 0)
    assert steps == ["raised", "dropped"]


def test_what_follows_a_complete_response_still_raises() -> None:
    """The end of a response tells a task that listens, too; what is sent behind it is a mistake."""
    errors = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        listening = asyncio.create_task(receive())
        await asyncio.sleep(0)
        await respond(send)
        assert (await listening)["type"] == "http.disconnect"
        for message in (start(), body(b"x")):
            try:
                await send(message)
            except RuntimeError as error:
                errors.append(error)

    with serving(application) as site:
        assert site.ask().body == b"ok"
        site.wait(lambda: site.http.running == 0)
    assert len(errors) == 2
