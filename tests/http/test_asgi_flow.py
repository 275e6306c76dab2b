"""Back-pressure: content that an application does not read, and responses that a client does not read.

Memory is limited, and everything else continues. Time limits are tested in test_hostile_slow.py.
"""

import asyncio
from typing import Any

import pytest
from asgi_messages import body, start
from asgi_support import BLOCK, GET, Gate, Site, request, respond, serving
from support import MIB, resident
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]

# A read of the loop's, asyncio's mark for content, and what allocators keep: nowhere near what is sent here.
GROWTH_AT_MOST = 8 * MIB


class Reader:
    """An application that reads when it is let, and counts what it gets."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.count = 0
        self.largest = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read all of it behind the gate, and answer with its size."""
        if scope["path"] == "/quick":
            await respond(send, b"quick")
            return
        await self.gate.wait()
        more = True
        while more:
            event = await receive()
            self.count += len(event["body"])
            self.largest = max(self.largest, len(event["body"]))
            more = event["more_body"]
        await respond(send, b"%d" % self.count)


def push(site: Site, client: Any, data: bytes) -> int:
    """Send until the kernel takes no more for some turns of the loop."""
    sent, idle = 0, 0
    while idle < 5 and sent < len(data):
        taken = client.offer(data[sent : sent + 4 * MIB])
        sent += taken
        idle = 0 if taken else idle + 1
        site.turn(2)
    return sent


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_to_who_does_not_read(chunked: bool) -> None:
    """Of 50 MiB only some hundred KiB are read while the application does not ask; when it does, all comes."""
    size = 50 * MIB
    if chunked:
        framing = b"transfer-encoding: chunked"
        data = (b"%x\r\n" % MIB + bytes(MIB) + b"\r\n") * 50 + b"0\r\n\r\n"
    else:
        framing, data = b"content-length: %d" % size, bytes(size)
    reader = Reader()
    with serving(reader) as site:
        client = site.connect()
        before = resident()
        client.send(b"POST / HTTP/1.1\r\nhost: a\r\n" + framing + b"\r\n\r\n")
        sent = push(site, client, data)
        # The rest of what was taken is in the kernel, whose buffers grow to some MiB.
        assert sent < 20 * MIB
        assert resident() - before < GROWTH_AT_MOST
        assert site.ask(request("/quick")).body == b"quick"
        reader.gate.open()
        client.send(data[sent:])
        assert client.answer().body == b"%d" % size
        assert reader.largest <= 2 * BLOCK
        assert client.ask(request("/quick")).body == b"quick"


def test_an_upload_to_who_reads_slowly() -> None:
    """Reading goes on piece by piece as the application asks."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        count, more = 0, True
        while more:
            await asyncio.sleep(0)
            event = await receive()
            count += len(event["body"])
            more = event["more_body"]
        await respond(send, b"%d" % count)

    with serving(application) as site:
        client = site.connect()
        client.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (10 * MIB) + bytes(10 * MIB))
        assert client.answer().body == b"%d" % (10 * MIB)


class Writer:
    """An application that sends blocks until it has to wait, and counts them."""

    def __init__(self, blocks: int, *, size: int = BLOCK) -> None:
        self.blocks = blocks
        self.size = size
        self.sent = 0
        self.error: BaseException | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer with all of the blocks."""
        if scope["path"] == "/quick":
            await respond(send, b"quick")
            return
        try:
            await send(start())
            for _ in range(self.blocks):
                await send(body(bytes(self.size), True))
                self.sent += 1
            await send(body())
        except BaseException as error:
            self.error = error
            raise


@pytest.mark.parametrize("size", [1000, 16_000, pytest.param(BLOCK, marks=http1_only("no window takes so much"))])
def test_a_reader_that_does_not_read(size: int) -> None:
    """`send()` waits while the client does not read, so that memory is bounded; others are served; and it goes on."""
    blocks = 50 * MIB // size
    writer = Writer(blocks, size=size)
    with serving(writer) as site:
        before = resident()
        client = site.connect(receive_buffer=4096)
        client.send(GET)
        site.turn(50)
        stuck = writer.sent
        site.turn(20)
        assert 0 < writer.sent == stuck < blocks // 2
        assert resident() - before < GROWTH_AT_MOST
        assert site.ask(request("/quick")).body == b"quick"
        answer = client.answer()
        assert len(answer.body) == blocks * size
        assert client.ask(request("/quick")).body == b"quick"


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_reader_that_leaves_while_send_waits(ending: str) -> None:
    """A `send()` that waits ends when the client leaves, and the next one raises an OSError."""
    writer = Writer(20_000, size=16_000)
    with serving(writer) as site:
        client = site.connect(receive_buffer=4096)
        client.send(GET)
        site.turn(50)
        stuck = writer.sent
        assert 0 < stuck < 20_000
        getattr(client, ending)()
        site.wait(lambda: site.http.running == 0)
        assert isinstance(writer.error, OSError)
        assert writer.sent <= stuck + 2
        assert site.http.connections == 0


@pytest.mark.parametrize("size", [100, 20_000, BLOCK])
def test_a_client_that_has_left_before_the_stream_begins(size: int) -> None:
    """An application that sends without end, to a client who has gone before, hears of it, though it never waits."""
    writer = Writer(1_000_000, size=size)
    with serving(writer) as site:
        client = site.connect()
        client.offer(GET)
        client.close()
        site.wait(lambda: site.http.requests == 1 and site.http.running == 0)
        assert isinstance(writer.error, OSError)
        assert writer.sent * size < 20 * MIB


@pytest.mark.parametrize("asking", [request(method="HEAD"), GET], ids=["HEAD", "GET"])
def test_an_application_that_never_waits_leaves_others_their_turn(asking: bytes) -> None:
    """Sending without end to who asked by HEAD, or reads all the time, does not keep the loop from turning."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/quick":
            await respond(send, b"quick")
            return
        await send(start())
        while True:
            await send(body(b"x", True))

    with serving(application) as site:
        client = site.connect()
        client.send(asking)
        assert site.ask(request("/quick")).body == b"quick"
        client.close()
        site.wait(lambda: site.http.running == 0)


def test_a_send_that_is_cancelled_while_it_waits() -> None:
    """Cancelling a `send()` that waits takes back nothing: its content is sent, and what follows it as well."""
    waited = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        count = 0
        while not waited:
            try:
                await asyncio.wait_for(send(body(bytes(BLOCK), True)), 0.05)
            except TimeoutError:
                waited.append(count)
            count += 1
        await send(body(b"%10d" % count))

    with serving(application) as site:
        client = site.connect(receive_buffer=4096)
        client.send(GET)
        site.wait(lambda: waited)
        content = client.answer().body
        assert len(content) == int(content[-10:]) * BLOCK + 10


def test_many_sends_that_wait() -> None:
    """Tasks that wait together for the client to read are all woken."""
    done = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(bytes(20 * MIB), True))
        done.append("first")
        await asyncio.gather(*(send(body(b"x", True)) for _ in range(20)))
        done.append("all")
        await send(body())

    with serving(application) as site:
        client = site.connect(receive_buffer=4096)
        client.send(GET)
        site.turn(20)
        assert done == []
        assert len(client.answer().body) == 20 * MIB + 20
    assert done == ["first", "all"]


@http1_only("pipelining")
def test_pipelined_requests_of_who_does_not_read() -> None:
    """Requests whose answers nobody reads are not begun without end: the next one waits until there is room."""
    answered = 0

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal answered
        await respond(send, bytes(BLOCK))
        answered += 1

    with serving(application) as site:
        before = resident()
        client = site.connect(receive_buffer=4096)
        requests = 400
        client.send(GET * requests)
        site.turn(100)
        assert 0 < answered < requests // 2
        assert resident() - before < GROWTH_AT_MOST
        for _ in range(requests):
            assert len(client.answer().body) == BLOCK
        assert answered == requests


@http1_only("pipelining")
def test_reading_stops_while_a_pipeline_is_full() -> None:
    """While one request is answered only so many of the next are read; they are answered in order later."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/first":
            await gate.wait()
        await respond(send, scope["path"].encode())

    with serving(application) as site:
        client = site.connect()
        client.send(request("/first"))
        site.wait(lambda: gate.waiting)
        flood = request("/next") * (50 * MIB // len(request("/next")))
        before = resident()
        sent = push(site, client, flood)
        assert sent < 20 * MIB
        assert resident() - before < GROWTH_AT_MOST
        gate.open()
        assert client.answer().body == b"/first"
        for _ in range(1000):
            assert client.answer().body == b"/next"
        client.reset()
        site.wait(lambda: site.http.connections == 0)
