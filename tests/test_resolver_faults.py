"""Look-ups whose start goes wrong: interrupted by a signal handler, or without a thread."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from support import ErrorLog, pending, private, turn_until

pytestmark = pytest.mark.vitok_only


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that are looked up, whose addresses are their names."""
    hosts: list[str] = []

    def getaddrinfo(host: str, *_: object) -> str:
        hosts.append(host)
        return host

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return hosts


@pytest.fixture
def loop(hosts: list[str]) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of ours, and a pool of one thread of the test's own."""
    import vitok
    from vitok import _resolver

    private(_resolver)._pools.clear()
    vitok.configure_resolver(1)
    made = vitok.new_event_loop()
    yield made
    made.close()
    vitok.configure_resolver()
    private(_resolver)._pools.clear()


def look_up(loop: asyncio.AbstractEventLoop, host: str) -> object:
    """Return the answer to a look-up."""
    task = loop.create_task(loop.getaddrinfo(host, 80))
    turn_until(loop, task.done)
    return task.result()


@pytest.mark.parametrize("method", ["__init__", "start"])
def test_an_interrupted_start_of_a_thread(loop: asyncio.AbstractEventLoop, hosts: list[str], method: str) -> None:
    """A KeyboardInterrupt before a thread has begun leaves no look-up behind that waits for that thread."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, method, interrupt)
        with pytest.raises(KeyboardInterrupt):
            private(loop.getaddrinfo("a.example", 80)).send(None)
    assert look_up(loop, "b.example") == "b.example"
    assert hosts == ["b.example"]


def test_an_interrupted_thread_that_begins_later(loop: asyncio.AbstractEventLoop, hosts: list[str]) -> None:
    """A thread whose start was interrupted may begin all the same; it ends at once, and is not counted."""
    begun: list[threading.Thread] = []

    def interrupt(thread: threading.Thread) -> None:
        begun.append(thread)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            private(loop.getaddrinfo("a.example", 80)).send(None)
    (late,) = begun
    late.start()
    late.join()
    assert look_up(loop, "b.example") == "b.example"
    assert hosts == ["b.example"]


def test_no_thread_can_be_started(loop: asyncio.AbstractEventLoop, hosts: list[str]) -> None:
    """The look-up fails, as asyncio's does, and a later one is made."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            look_up(loop, "a.example")
    assert look_up(loop, "b.example") == "b.example"
    assert hosts == ["b.example"]


def test_an_outcome_that_does_not_reach_its_loop(
    loop: asyncio.AbstractEventLoop, hosts: list[str], error_log: ErrorLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception of a program's own `call_soon_threadsafe` is logged, and the thread makes the next look-up."""
    called = threading.Event()

    def refuse(*_: object) -> None:
        called.set()
        raise LookupError("no way")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_soon_threadsafe", refuse)
        task = pending(loop, loop.getaddrinfo("a.example", 80))
        assert called.wait(20)
    assert look_up(loop, "b.example") == "b.example"
    task.cancel()
    turn_until(loop, task.done)
    assert hosts == ["a.example", "b.example"]
    assert [record.getMessage() for record in error_log.take()] == [f"the outcome of a look-up did not reach {loop!r}"]
