"""The task of a request: an asyncio task with a context of its own, whose first step runs at once.

Messages are not tested here.
"""

import asyncio
import contextvars
import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import vitok
from asgi_support import GET, Gate, hello, request, respond, serving
from support import turn_until
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]

# From here on asyncio can start a task with its first step, also within another task.
IS_EAGER = sys.version_info >= (3, 12)

visitor: contextvars.ContextVar[str] = contextvars.ContextVar("visitor", default="nobody")


def test_each_request_has_a_task() -> None:
    """The application runs in an `asyncio.Task` of this loop, which `current_task` and `all_tasks` know."""
    seen = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        task = asyncio.current_task()
        seen.append((task, task in asyncio.all_tasks(), asyncio.get_running_loop()))
        await asyncio.sleep(0)
        seen.append((asyncio.current_task(), task in asyncio.all_tasks(), asyncio.get_running_loop()))
        await respond(send)

    with serving(application) as site:
        client = site.connect()
        client.ask()
        client.ask()
        assert [known for _, known, _ in seen] == [True] * 4
        assert {loop for _, _, loop in seen} == {site.loop}
    tasks = [task for task, _, _ in seen]
    assert tasks[0] is tasks[1]
    assert tasks[2] is tasks[3]
    assert tasks[0] is not tasks[2]
    assert all(type(task) is asyncio.Task and task.done() for task in tasks)


def test_all_tasks_has_those_that_wait() -> None:
    """A request that waits is among `all_tasks`, is counted as running, and is gone from both when it is over."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        await respond(send)

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        site.wait(lambda: gate.waiting)
        assert len(asyncio.all_tasks(site.loop)) == site.http.running == 1
        gate.open()
        assert client.answer().status == 200
        site.turn()
        assert len(asyncio.all_tasks(site.loop)) == site.http.running == 0


def test_a_task_that_only_the_server_knows_is_kept() -> None:
    """The loop holds tasks weakly, so the server holds those of its requests while they wait."""
    futures: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        # Whoever holds the future holds the task, so it is held by the task alone.
        future = asyncio.get_running_loop().create_future()
        futures.append(future.get_loop().call_later(0.05, future.set_result, None))
        del future
        await asyncio.sleep(0.05)
        await respond(send)

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        site.wait(lambda: futures)
        gc.collect()
        assert client.answer().status == 200


class TellsTwice(asyncio.Task[Any]):
    """A task whose callbacks are called twice."""

    def add_done_callback(self, callback: Callable[[Any], object], /, *, context: Any = None) -> None:
        """Add it two times."""
        super().add_done_callback(callback, context=context)
        super().add_done_callback(callback, context=context)


def test_a_task_that_tells_of_its_end_twice() -> None:
    """Line "A task whose done callback runs twice": a request ends once, in the count and in the log."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        if scope["path"] == "/fails":
            raise OSError("on purpose")
        await respond(send)

    with serving(application, limit_concurrency=1) as site:
        site.loop.set_task_factory(lambda loop, coroutine, **options: TellsTwice(coroutine, loop=loop, **options))
        client = site.connect()
        for _ in range(3):
            assert client.ask().status == 200
            site.turn()
            assert site.http.running == 0
        assert client.ask(request("/fails")).status == 500
        site.turn()
        assert site.http.running == 0
        assert [message for message, _ in site.hooks.take()] == ["Exception in ASGI application"]
        site.loop.set_task_factory(None)


@http1_only("a transport of the test's")
def test_the_first_step_is_taken_at_once() -> None:
    """The application runs before `data_received` returns, and who needs not wait has answered by then."""
    steps: list[str] = []
    with serving(_stepping(steps)) as site:
        protocol, transport = site.http(), Transport()
        site.loop.call_soon(_deliver, protocol, transport, steps)
        site.turn()
        assert steps == ["begins", "ends", "delivered"]
        assert b"200 OK" in transport.written
        protocol.connection_lost(None)


@http1_only("a transport of the test's")
def test_a_first_step_within_another_task() -> None:
    """Before 3.12 asyncio enters no task within another: such a request begins in the next turn."""
    steps: list[str] = []
    with serving(_stepping(steps)) as site:
        protocol, transport = site.http(), Transport()

        async def deliver() -> None:
            _deliver(protocol, transport, steps)

        site.run(deliver())
        site.turn()
        assert steps == (["begins", "ends", "delivered"] if IS_EAGER else ["delivered", "begins", "ends"])
        assert b"200 OK" in transport.written
        protocol.connection_lost(None)


@http1_only("a transport of the test's")
@pytest.mark.skipif(IS_EAGER, reason="the first step is no handle of the loop")
def test_a_first_step_with_other_callbacks() -> None:
    """A callback that an overridden `call_soon` adds to the first step keeps its place before it."""
    steps: list[str] = []

    class Adding(vitok.Loop):
        def call_soon(self, callback: Any, *arguments: Any, context: Any = None) -> Any:
            if "TaskStep" in type(callback).__name__:
                super().call_soon(steps.append, "added")
            return super().call_soon(callback, *arguments, context=context)

    with serving(_stepping(steps), loop=Adding()) as site:
        protocol, transport = site.http(), Transport()
        steps.clear()
        site.loop.call_soon(_deliver, protocol, transport, steps)
        site.turn()
        assert steps == ["delivered", "added", "begins", "ends"]
        assert b"200 OK" in transport.written
        protocol.connection_lost(None)


def _deliver(protocol: Any, transport: Any, steps: list[str]) -> None:
    protocol.connection_made(transport)
    protocol.data_received(GET)
    steps.append("delivered")


def _stepping(steps: list[str]) -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        steps.append("begins")
        await receive()
        await respond(send)
        steps.append("ends")

    return application


class Transport(asyncio.Transport):
    """Any transport but ours, which gathers what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


def test_context_variables_stay_in_their_request() -> None:
    """What one request sets no other sees, whether on the same connection, on another, or at the same time."""
    gate = Gate()
    seen: dict[str, str] = {}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        before = visitor.get()
        visitor.set(scope["path"])
        if scope["path"] != "/quick":
            await gate.wait()
        assert visitor.get() == scope["path"]
        seen[scope["path"]] = before
        await respond(send)

    with serving(application) as site:
        first, second = site.connect(), site.connect()
        first.send(request("/a"))
        second.send(request("/b"))
        site.wait(lambda: gate.waiting == 2)
        assert site.ask(request("/quick")).status == 200
        gate.open()
        first.answer()
        second.answer()
        assert first.ask(request("/quick")).status == 200
        site.turn()
        assert visitor.get() == "nobody"
    assert set(seen.values()) == {"nobody"}


def test_the_context_of_the_server_reaches_its_requests() -> None:
    """What is set where `create_server` is called, every request sees: a task's context is a copy of it."""
    seen = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(visitor.get())
        visitor.set("spoilt")
        await respond(send)

    context = contextvars.copy_context()
    context.run(visitor.set, "owner")
    loop = vitok.new_event_loop()

    def body() -> None:
        with serving(application, loop=loop) as site:
            client = site.connect()
            client.ask()
            client.ask()

    context.run(body)
    assert seen == ["owner", "owner"]


def test_the_task_factory_is_honoured() -> None:
    """With a task factory, requests run in what it makes."""
    made = []

    def factory(loop: Any, coroutine: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        made.append(asyncio.Task(coroutine, loop=loop, **options))
        return made[-1]

    running = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        running.append(asyncio.current_task())
        await respond(send)

    loop = vitok.new_event_loop()
    with serving(application, loop=loop) as site:
        client = site.connect()
        loop.set_task_factory(factory)
        client.ask()
        loop.set_task_factory(None)
    assert set(running) <= set(made)


@pytest.mark.skipif(not IS_EAGER, reason="new in 3.12")
def test_the_eager_task_factory() -> None:
    """`asyncio.eager_task_factory` works as well, which wants the server to cope with tasks that are done when made."""
    loop = vitok.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined, unused-ignore]
    with serving(hello, loop=loop) as site:
        client = site.connect()
        assert client.ask().body == b"hello"
        assert client.ask().body == b"hello"


def test_debug_mode() -> None:
    """In debug mode requests are served as otherwise."""
    loop = vitok.new_event_loop()
    loop.set_debug(True)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(0)
        await respond(send, b"ok")

    with serving(application, loop=loop) as site:
        client = site.connect()
        assert client.ask().body == b"ok"
        assert client.ask(request(method="POST", body=b"x")).body == b"ok"


def test_tasks_may_be_made_of_receive_and_send() -> None:
    """`receive()` and `send()` are coroutines: `create_task`, `gather`, `wait_for` and `iscoroutine` take them."""
    seen = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        event, _ = await asyncio.gather(receive(), asyncio.sleep(0))
        coroutine = send({"type": "http.response.start", "status": 200})
        seen.extend([event["type"], asyncio.iscoroutine(coroutine)])
        await asyncio.create_task(coroutine)
        await asyncio.wait_for(send({"type": "http.response.body", "body": b"ok"}), 1)
        await asyncio.ensure_future(receive())

    with serving(application) as site:
        assert site.ask().body == b"ok"
        site.turn()
    assert seen == ["http.request", True]


def test_two_requests_at_a_time_switch_between_each_other() -> None:
    """Applications on different connections run side by side."""
    steps: list[str] = []
    meeting: list[asyncio.Event] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        steps.append(scope["path"])
        if not meeting:
            meeting.append(asyncio.Event())
            await meeting[0].wait()
        else:
            meeting[0].set()
        await respond(send, scope["path"].encode())

    with serving(application) as site:
        first, second = site.connect(), site.connect()
        first.send(request("/1"))
        site.wait(lambda: steps)
        assert second.ask(request("/2")).body == b"/2"
        assert first.answer().body == b"/1"
    assert steps == ["/1", "/2"]


def test_the_task_is_nobody_elses_when_it_is_done() -> None:
    """A task that is over is kept by nobody: neither the server nor the connection, while that stays open."""
    left: list[Callable[[], object]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        import weakref

        task = asyncio.current_task()
        assert task is not None
        left.append(weakref.ref(task))
        await asyncio.sleep(0)
        await respond(send)

    with serving(application) as site:
        client = site.connect()
        for _ in range(3):
            client.ask()
        turn_until(site.loop, lambda: site.http.running == 0)
        site.turn()
        gc.collect()
        assert [reference() for reference in left] == [None] * 3
