"""The pool of threads that look names up: its size, its time limit, cancellation, ends and forks.

Most tests replace `socket.getaddrinfo` by a function that waits for the test, so a look-up takes as long as needed.
"""

import asyncio
import gc
import socket
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from support import pending, private, result, run_python, run_script, turn, turn_until

pytestmark = pytest.mark.vitok_only

# For waits that end at once unless there is a fault.
SECONDS = 20


class SlowNames:
    """A `socket.getaddrinfo` whose calls end when the test says so."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.hosts: list[str] = []
        self._lock = threading.Lock()
        self._running = 0
        self.most = 0

    def __call__(self, host: str, *_: object) -> str:
        """Wait, and answer with the host."""
        with self._lock:
            self.hosts.append(host)
            self._running += 1
            self.most = max(self.most, self._running)
        self.begun.release()
        assert self.may_end.acquire(timeout=SECONDS)
        with self._lock:
            self._running -= 1
        return host

    def wait(self, count: int = 1) -> None:
        """Wait until so many more calls have begun."""
        for _ in range(count):
            assert self.begun.acquire(timeout=SECONDS)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> SlowNames:
    """Slow look-ups in place of the system's."""
    names = SlowNames()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return names


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of ours, and a pool of the test's own."""
    import vitok
    from vitok import _resolver

    private(_resolver)._pools.clear()
    made = vitok.new_event_loop()
    yield made
    made.close()
    vitok.configure_resolver()
    private(_resolver)._pools.clear()


def configure(*arguments: Any, **options: Any) -> None:
    """Set the limits."""
    import vitok

    vitok.configure_resolver(*arguments, **options)


def threads() -> list[threading.Thread]:
    """Return the threads of the pool."""
    return [thread for thread in threading.enumerate() if thread.name == "vitok-resolver"]


def test_look_ups_are_bounded(loop: asyncio.AbstractEventLoop, names: SlowNames) -> None:
    """Line "others go to a bounded pool": two threads make six look-ups, in their order."""
    configure(2)
    before = set(threads())
    hosts = [f"{number}.example" for number in range(6)]
    tasks = [pending(loop, loop.getaddrinfo(host, 80)) for host in hosts]
    names.wait(2)
    assert len(set(threads()) - before) == 2
    for _ in hosts:
        names.may_end.release()
    assert [result(loop, task) for task in tasks] == hosts
    assert (names.most, sorted(names.hosts)) == (2, hosts)


def test_the_default_executor_is_not_used(loop: asyncio.AbstractEventLoop, names: SlowNames) -> None:
    """Line "never behind the user's default executor": a look-up ends while that has no thread left."""
    may_end = threading.Event()
    tasks = [loop.run_in_executor(None, may_end.wait, SECONDS) for _ in range(64)]
    names.may_end.release()
    assert loop.run_until_complete(loop.getaddrinfo("a.example", 80)) == "a.example"
    may_end.set()
    loop.run_until_complete(asyncio.gather(*tasks))
    loop.run_until_complete(loop.shutdown_default_executor())


def test_idle_threads_are_used_again_and_end(
    loop: asyncio.AbstractEventLoop, names: SlowNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line "made when first needed": one after another needs one thread, which ends when it has had nothing to do."""
    from vitok import _resolver

    before = set(threads())
    for _ in range(5):
        names.may_end.release()
        loop.run_until_complete(loop.getaddrinfo("a.example", 80))
    assert len(set(threads()) - before) == 1
    # The limit is read when a thread begins to wait.
    monkeypatch.setattr(_resolver, "IDLE_SECONDS", 0.001)
    names.may_end.release()
    loop.run_until_complete(loop.getaddrinfo("a.example", 80))
    for thread in set(threads()) - before:
        thread.join(SECONDS)
    assert set(threads()) <= before
    names.may_end.release()
    assert loop.run_until_complete(loop.getaddrinfo("b.example", 80)) == "b.example"


def test_a_lower_limit_ends_threads(loop: asyncio.AbstractEventLoop, names: SlowNames) -> None:
    """Line "its size configurable": idle threads beyond a new limit end, and the look-up that woke them is made."""
    configure(4)
    before = set(threads())
    tasks = [pending(loop, loop.getaddrinfo("a.example", 80)) for _ in range(4)]
    names.wait(4)
    for _ in range(6):
        names.may_end.release()
    for task in tasks:
        result(loop, task)
    configure(1)
    for _ in range(2):
        loop.run_until_complete(loop.getaddrinfo("b.example", 80))
    own = set(threads()) - before
    while len(own) > 1:
        for thread in own:
            thread.join(0.01)
        own = set(threads()) - before
    assert len(own) == 1


def test_a_cancelled_look_up_is_not_made(loop: asyncio.AbstractEventLoop, names: SlowNames) -> None:
    """A task that is cancelled before a thread has taken its look-up."""
    configure(1)
    first = pending(loop, loop.getaddrinfo("a.example", 80))
    names.wait()
    second = pending(loop, loop.getaddrinfo("b.example", 80))
    third = pending(loop, loop.getaddrinfo("c.example", 80))
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        result(loop, second)
    for _ in range(2):
        names.may_end.release()
    assert [result(loop, first), result(loop, third)] == ["a.example", "c.example"]
    assert names.hosts == ["a.example", "c.example"]


def test_a_look_up_that_is_cancelled_while_it_runs(loop: asyncio.AbstractEventLoop, names: SlowNames) -> None:
    """Its answer is dropped, and the thread goes on to the next."""
    configure(1)
    first = pending(loop, loop.getaddrinfo("a.example", 80))
    names.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        result(loop, first)
    for _ in range(2):
        names.may_end.release()
    assert loop.run_until_complete(loop.getaddrinfo("b.example", 80)) == "b.example"


def test_the_time_limit(loop: asyncio.AbstractEventLoop, names: SlowNames) -> None:
    """Line "its time limit configurable": EAI_AGAIN, with a text that names the limit; then the thread is free."""
    configure(max_threads=1, timeout=0.01)
    for host in ("runs.example", "waits.example"):
        with pytest.raises(socket.gaierror, match=r"no answer within 0\.01 seconds, the timeout of") as error:
            loop.run_until_complete(loop.getaddrinfo(host, 80))
        assert error.value.errno == socket.EAI_AGAIN
    configure(max_threads=1)
    for _ in range(2):
        names.may_end.release()
    assert loop.run_until_complete(loop.getaddrinfo("b.example", 80)) == "b.example"
    assert "waits.example" not in names.hosts


@pytest.mark.parametrize(
    "error", [socket.gaierror(-3, "again"), OSError(5, "text"), StopIteration(), SystemExit(3)], ids=repr
)
def test_errors(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Whatever a look-up raises reaches the task; a StopIteration becomes a RuntimeError, as in any coroutine."""

    def fail(*_: object) -> None:
        raise error

    async def main() -> BaseException:
        try:
            await loop.getaddrinfo("a.example", 80)
        except BaseException as raised:
            return raised
        raise AssertionError

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    raised = loop.run_until_complete(main())
    assert raised is error or (type(raised) is RuntimeError and raised.__cause__ is error)


def test_an_error_leaves_no_cycle(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception is freed with its last reference, not by the garbage collector."""

    class Marked(OSError):
        """An exception with weak references."""

    def fail(*_: object) -> None:
        raise Marked

    async def main() -> weakref.ref[Marked]:
        try:
            await loop.getaddrinfo("a.example", 80)
        except Marked as error:
            return weakref.ref(error)
        raise AssertionError

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    gc.disable()
    try:
        error = loop.run_until_complete(main())
        # A later look-up shows that the thread has left the frames of the one before.
        loop.run_until_complete(main())
        assert error() is None
    finally:
        gc.enable()


def test_closing_with_look_ups_pending(loop: asyncio.AbstractEventLoop, names: SlowNames) -> None:
    """Line "closing the loop with look-ups pending is clean": one that runs, and one that waits for a thread."""
    configure(1)
    tasks = [pending(loop, loop.getaddrinfo(host, 80)) for host in ("a.example", "b.example")]
    names.wait()
    for task in tasks:
        task.cancel()
    turn(loop, 2)
    loop.close()
    import vitok

    other = vitok.new_event_loop()
    for _ in range(2):
        names.may_end.release()
    assert other.run_until_complete(other.getaddrinfo("c.example", 80)) == "c.example"
    other.close()
    assert names.hosts == ["a.example", "c.example"]


def test_closing_the_last_loop_ends_the_threads(loop: asyncio.AbstractEventLoop, names: SlowNames) -> None:
    """Threads that are idle, and one that is at work, end with the last loop that used them, as an executor's do."""
    import vitok

    before = set(threads())
    other = vitok.new_event_loop()
    idle = [pending(loop, loop.getaddrinfo("a.example", 80)) for _ in range(3)]
    names.wait(3)
    for _ in idle:
        names.may_end.release()
    for task in idle:
        result(loop, task)
    tasks = [pending(other, other.getaddrinfo(f"{number}.example", 80)) for number in range(4)]
    names.wait(4)
    for _ in range(3):
        names.may_end.release()
    turn_until(other, lambda: sum(task.done() for task in tasks) == 3)
    for task in tasks:
        task.cancel()
    turn(other, 3)
    loop.close()
    assert len(set(threads()) - before) == 4
    other.close()
    names.may_end.release()
    for thread in set(threads()) - before:
        thread.join(SECONDS)
    assert set(threads()) <= before


def test_loops_in_threads_share_the_pool(loop: asyncio.AbstractEventLoop, names: SlowNames) -> None:
    """Each loop gets its own answers."""
    import vitok

    answers: dict[str, Any] = {}

    def run(host: str) -> None:
        answers[host] = vitok.run(look_up(host))

    async def look_up(host: str) -> Any:
        return await asyncio.gather(*(asyncio.get_running_loop().getaddrinfo(host, 80) for _ in range(10)))

    hosts = [f"{number}.example" for number in range(5)]
    runners = [threading.Thread(target=run, args=(host,)) for host in hosts]
    for runner in runners:
        runner.start()
    for _ in range(50):
        names.may_end.release()
    for runner in runners:
        runner.join()
    assert answers == {host: [host] * 10 for host in hosts}


FORK = """
    import asyncio, os, socket, threading, warnings
    warnings.simplefilter("ignore", DeprecationWarning)
    held = threading.Event()
    socket.getaddrinfo = lambda host, *_: held.wait(20) if host == "held" else host
    loop = new_loop()
    assert loop.run_until_complete(loop.getaddrinfo("parent", 80)) == "parent"
    waiting = [loop.create_task(loop.getaddrinfo("held", 80)) for _ in range(20)]
    loop.run_until_complete(asyncio.sleep(0))
    child = os.fork()
    if child == 0:
        for task in waiting:
            task.cancel()
        assert loop.run_until_complete(loop.getaddrinfo("child", 80)) == "child"
        other = new_loop()
        assert other.run_until_complete(other.getaddrinfo("child", 80)) == "child"
        other.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    held.set()
    loop.run_until_complete(asyncio.gather(*waiting))
    loop.close()
"""


def test_a_forked_child_makes_its_own() -> None:
    """Line "anew after fork": look-ups work in the child, also on the parent's loop, and the parent's still end."""
    run_script("vitok", FORK)


HANGS = """
    import asyncio, socket, time
    socket.getaddrinfo = lambda *_: time.sleep(600)
    async def main():
        try:
            await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("a.example", 80), 0.01)
        except TimeoutError:
            print("late")
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
"""


def test_a_look_up_that_hangs_delays_no_exit() -> None:
    """The threads are daemonic, and `asyncio.run` waits for none of them; asyncio's exit waits for the system."""
    assert run_script("vitok", HANGS) == "late\n"


def test_variables() -> None:
    """Line "its size and time limit configurable": by the environment; a wrong value is an ImportError."""
    code = "from vitok import _resolver; print(_resolver._limits)"
    environment = {"VITOK_RESOLVER_THREADS": "3", "VITOK_RESOLVER_TIMEOUT": "1.5"}
    assert run_python("-c", code, environment=environment).stdout == "Limits(max_threads=3, timeout=1.5)\n"
    for variable, value in [("THREADS", "0"), ("THREADS", "many"), ("TIMEOUT", "-1"), ("TIMEOUT", "nan")]:
        child = run_python("-c", code, environment={f"VITOK_RESOLVER_{variable}": value})
        assert child.returncode != 0
        assert f"ImportError: VITOK_RESOLVER_{variable}={value!r}: " in child.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_threads": 0}, "max_threads: expected at least 1, not 0"),
        ({"max_threads": 1.5}, "max_threads: expected an int, not float"),
        ({"timeout": 0}, "timeout: expected a positive number of seconds, not 0"),
        ({"timeout": float("inf")}, "timeout: expected a positive number of seconds, not inf"),
        ({"timeout": "5"}, "timeout: expected a number of seconds or None, not str"),
    ],
)
def test_limits_that_are_refused(options: dict[str, Any], text: str) -> None:
    """An error names the option and what was expected."""
    with pytest.raises((TypeError, ValueError), match=text):
        configure(**options)
