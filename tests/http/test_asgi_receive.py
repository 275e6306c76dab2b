"""`receive()`: the content of a request and its end, the client's departure, and tasks that wait for them.

ASGI HTTP specification, "Request" and "Disconnect". The framing of a body is tested in the http crate.
"""

import asyncio
from typing import Any

import pytest
from asgi_support import GET, Gate, Site, echo, read_body, request, respond, serving
from wires import both_wires, http2_only

pytestmark = [pytest.mark.vitok_only, both_wires]

POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
DISCONNECT = {"type": "http.disconnect"}


def event(body: bytes = b"", more: bool = False) -> dict[str, Any]:
    """One event of content."""
    return {"type": "http.request", "body": body, "more_body": more}


class Listener:
    """An application that writes down each event, asking for the next one when the test says so."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.asks = Gate()
        self.response: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Receive until the client is gone, then answer anyway."""
        while True:
            await self.asks.wait()
            self.events.append(await receive())
            if self.events[-1] == DISCONNECT:
                break

    def hear(self, site: Site) -> Any:
        """Have it ask once, and give what it got, or None if it has to wait."""
        known = len(self.events)
        site.wait(lambda: self.asks.waiting)
        self.asks.open()
        site.turn(8)
        return self.events[-1] if len(self.events) > known else None


def test_no_body() -> None:
    """A request without content has one event, which is empty and the last."""
    listener = Listener()
    with serving(listener) as site:
        client = site.connect()
        client.send(GET)
        assert listener.hear(site) == event()
        assert listener.hear(site) is None
        client.close()
        site.wait(lambda: listener.events[-1] == DISCONNECT)


@pytest.mark.parametrize(
    "text",
    [
        b"content-length: 5\r\n\r\nhello",
        b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n003\r\nllo\r\n0\r\nx: y\r\n\r\n",
    ],
)
def test_a_body_that_comes_with_its_head(text: bytes) -> None:
    """Content that is there already comes in one event, whatever its framing."""
    listener = Listener()
    with serving(listener) as site:
        client = site.connect()
        client.send(POST + text)
        assert listener.hear(site) == event(b"hello")
        assert type(listener.events[0]["body"]) is bytes
        client.close()
        assert listener.hear(site) == DISCONNECT


def test_a_body_in_pieces() -> None:
    """Content that comes by and by comes in several events; only the last says that there is no more."""
    listener = Listener()
    with serving(listener) as site:
        client = site.connect()
        client.send(POST + b"content-length: 6\r\n\r\nab")
        assert listener.hear(site) == event(b"ab", more=True)
        assert listener.hear(site) is None
        client.send(b"cd")
        site.wait(lambda: listener.events[-1] == event(b"cd", more=True))
        client.send(b"e")
        site.turn()
        client.send(b"f")
        site.turn()
        assert listener.hear(site) == event(b"ef")
        assert listener.hear(site) is None
        client.close()
        site.wait(lambda: listener.events[-1] == DISCONNECT)


def test_chunks_whose_end_comes_late() -> None:
    """The end of chunked content is an event of its own if it comes by itself."""
    listener = Listener()
    with serving(listener) as site:
        client = site.connect()
        client.send(POST + b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n")
        assert listener.hear(site) == event(b"ab", more=True)
        assert listener.hear(site) is None
        client.send(b"0\r\n")
        site.turn()
        assert len(listener.events) == 1
        client.send(b"\r\n")
        site.wait(lambda: listener.events[-1] == event())
        client.close()
        assert listener.hear(site) == DISCONNECT


@pytest.mark.parametrize("size", [1, 1000, 65536, 65537, 1_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_of_all_sizes_arrive_whole(size: int, chunked: bool) -> None:
    """What is sent is what is received, across every limit of a buffer."""
    body = bytes(index * 31 % 251 for index in range(size))
    if chunked:
        pieces = (body[start : start + 10_007] for start in range(0, size, 10_007))
        framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        data = POST + b"transfer-encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"
    else:
        data = POST + b"content-length: %d\r\n\r\n" % size + body
    with serving(echo) as site:
        client = site.connect()
        client.send(data)
        assert client.answer().body == body
        assert client.ask(request(method="POST", body=b"again")).body == b"again"


@pytest.mark.parametrize(
    "ending", ["close", "reset", "half_close", pytest.param("leave", marks=http2_only("a stream"))]
)
def test_a_client_that_leaves_in_the_middle(ending: str) -> None:
    """A client that leaves before its body is complete is reported by `http.disconnect`, however it leaves."""
    listener = Listener()
    with serving(listener) as site:
        client = site.connect()
        client.send(POST + b"content-length: 6\r\n\r\nab")
        assert listener.hear(site) == event(b"ab", more=True)
        assert listener.hear(site) is None
        getattr(client, ending)()
        site.wait(lambda: listener.events[-1] == DISCONNECT)


def test_disconnect_comes_again_and_again() -> None:
    """Whoever asks once more after `http.disconnect` is told again, not left waiting."""
    events = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        events.extend([await receive(), await receive(), await receive()])

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        site.turn()
        client.close()
        site.wait(lambda: events)
    assert events == [DISCONNECT] * 3


def test_the_end_of_the_response_is_a_disconnect() -> None:
    """Once the response is complete, `receive()` gives `http.disconnect` to those who wait and those who come later."""
    events = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == event()
        waiting = asyncio.create_task(receive())
        await asyncio.sleep(0)
        assert not waiting.done()
        await respond(send)
        events.append(await waiting)
        events.append(await receive())

    with serving(application) as site:
        client = site.connect()
        assert client.ask().status == 200
        site.wait(lambda: len(events) == 2)
        assert client.ask().status == 200
    assert events[:2] == [DISCONNECT] * 2


def test_a_late_receive_does_not_take_from_the_next_request() -> None:
    """An application that still holds an old `receive` gets nothing of the next request's content."""
    old: list[Any] = []
    events = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if old:
            events.append(await old[0]())
        old.append(receive)
        await respond(send, await read_body(receive))

    with serving(application) as site:
        client = site.connect()
        assert client.ask(request(method="POST", body=b"one")).body == b"one"
        assert client.ask(request(method="POST", body=b"two")).body == b"two"
    assert events == [DISCONNECT]


def test_two_tasks_may_receive() -> None:
    """Of two tasks that wait, one gets the content and the other what comes after it; nothing comes twice."""
    got: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        got.extend(await asyncio.gather(receive(), receive()))
        await respond(send)

    with serving(application) as site:
        client = site.connect()
        client.send(POST + b"content-length: 4\r\n\r\n")
        site.turn()
        client.send(b"ab")
        site.turn()
        client.send(b"cd")
        assert client.answer().status == 200
    assert sorted(item["body"] for item in got) == [b"ab", b"cd"]
    assert sorted(item["more_body"] for item in got) == [False, True]


@pytest.mark.parametrize("at", ["before", "with", "after"])
def test_a_cancelled_receive_loses_nothing(at: str) -> None:
    """Content that arrives before, with or after the cancellation of a `receive()` goes to the next one."""
    started = asyncio.Event()
    tasks: list[asyncio.Task[Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.create_task(receive()))
        await asyncio.sleep(0)
        started.set()
        try:
            await tasks[0]
        except asyncio.CancelledError:
            pass
        await respond(send, await read_body(receive))

    with serving(application) as site:
        client = site.connect()
        client.send(POST + b"content-length: 4\r\n\r\n")
        site.wait(started.is_set)
        if at == "before":
            tasks[0].cancel()
            site.turn()
        client.offer(b"data")
        if at == "with":
            # In the turn that brings the data the task is woken and cancelled, whichever comes first.
            site.loop.call_soon(tasks[0].cancel)
        elif at == "after":
            site.loop.call_soon(site.loop.call_soon, tasks[0].cancel)
        if at == "before":
            assert client.answer().body == b"data"
        else:
            got = client.answer().body
            lost = b"" if tasks[0].cancelled() else tasks[0].result()["body"]
            assert got + lost == b"data"


def test_wait_for_receive() -> None:
    """`asyncio.wait_for(receive(), t)` and `asyncio.timeout` end the wait and nothing else."""
    steps = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.wait_for(receive(), 0.01)
        except TimeoutError:
            steps.append("first")
        try:
            async with asyncio.timeout(0.01):
                await receive()
        except TimeoutError:
            steps.append("second")
        steps.append("now")
        event = await asyncio.wait_for(receive(), 5)
        await respond(send, event["body"])

    with serving(application) as site:
        client = site.connect()
        client.send(POST + b"content-length: 4\r\n\r\n")
        site.wait(lambda: "now" in steps)
        client.send(b"data")
        assert client.answer().body == b"data"
    assert steps == ["first", "second", "now"]


def test_a_task_that_waits_for_the_client_to_leave() -> None:
    """As frameworks do it: a task waits for `http.disconnect` beside the response, and is cancelled at its end."""
    outcomes = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        listening = asyncio.create_task(receive())
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        listening.cancel()
        await asyncio.wait([listening])
        outcomes.append(listening.cancelled())
        await send({"type": "http.response.body", "body": b"b"})

    with serving(application) as site:
        client = site.connect()
        assert client.ask().body == b"ab"
        assert client.ask().body == b"ab"
    assert outcomes == [True, True]
