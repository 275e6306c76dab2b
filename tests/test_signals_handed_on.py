"""The previous owner of the signal wake-up descriptor still gets its signals: the loop passes them on.

The owner after a run is tested in test_signals.py.
"""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest
from support import NewLoop, private, run_script, turn, turn_until

NUMBER = signal.SIGUSR1


@pytest.fixture(autouse=True)
def handlers_put_back() -> Iterator[None]:
    """Python's own handlers of the two signals, and the wake-up descriptor, are put back."""
    signals = (signal.SIGUSR1, signal.SIGUSR2)
    previous = [signal.signal(number, lambda *_: None) for number in signals]
    wakeup = signal.set_wakeup_fd(-1)
    yield
    for number, handler in zip(signals, previous, strict=True):
        signal.signal(number, handler)
    signal.set_wakeup_fd(wakeup)


class Owner:
    """Somebody who has the descriptor before the loop."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self.writing = reading, writing
        for end in (reading, writing):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def heard(self) -> list[int]:
        """The numbers that have come by now."""
        try:
            return list(os.read(self.reading, 65536))
        except BlockingIOError:
            return []

    def fill(self) -> None:
        """Leave no room for another number."""
        try:
            while True:
                os.write(self.writing, bytes(4096))
        except BlockingIOError:
            pass
        try:
            while True:
                os.write(self.writing, b"\0")
        except BlockingIOError:
            return

    def close(self) -> None:
        """Leave."""
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture(params=["pipe", "sockets"])
def owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    """An owner with a pipe, and one with a pair of sockets."""
    ends = os.pipe() if request.param == "pipe" else [end.detach() for end in socket.socketpair()]
    found = Owner(*ends)
    yield found
    signal.set_wakeup_fd(-1)
    for end in (found.reading, found.writing):
        try:
            os.close(end)
        except OSError:
            continue


def send(number: int = NUMBER) -> None:
    """Send this process a signal, which has arrived when the call returns."""
    os.kill(os.getpid(), number)


def holder() -> int:
    """Who is told of signals now."""
    number = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(number)
    return number


def test_while_the_loop_runs(loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
    """Line "What arrives is handed on to the previous owner": by its number, once, and in order."""
    heard: list[int] = []

    async def main() -> None:
        for number in (NUMBER, signal.SIGUSR2, NUMBER):
            send(number)
            while len(got := owner.heard()) == 0:
                await asyncio.sleep(0)
            heard.extend(got)
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert heard + owner.heard() == [NUMBER, signal.SIGUSR2, NUMBER]


def test_its_reader_is_in_the_loop(loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
    """Line "Twisted's child processes are never reaped": an owner that the loop itself watches is called."""
    heard: list[int] = []

    def read() -> None:
        heard.extend(owner.heard())
        loop.stop()

    loop.add_reader(owner.reading, read)
    loop.call_later(0.001, send)
    loop.run_forever()
    assert heard == [NUMBER]
    loop.remove_reader(owner.reading)


def test_in_a_loop_that_never_sleeps(loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
    """Line "What arrives is handed on": a busy loop with nothing to watch looks for signals."""

    async def main() -> list[int]:
        send()
        for _ in range(100):
            await asyncio.sleep(0)
        return owner.heard()

    assert loop.run_until_complete(main()) == [NUMBER]


def test_in_the_last_turn(loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
    """Line "What arrives is handed on": also what the run was over too early to read."""

    def last() -> None:
        send()
        loop.stop()

    loop.call_soon(last)
    loop.run_forever()
    assert owner.heard() == [NUMBER]
    assert holder() == owner.writing
    send()
    assert owner.heard() == [NUMBER]


def test_after_an_exception(loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
    """Line "What arrives is handed on": a handler that raises out of the loop takes nothing from the owner."""

    def refuse(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(NUMBER, refuse)
    loop.call_later(0.001, send)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert owner.heard() == [NUMBER]


@pytest.mark.vitok_only
def test_beside_a_handler_of_the_loops(new_vitok: asyncio.AbstractEventLoop, owner: Owner) -> None:
    """Line "What another owner had still serves that owner": with handlers in the loop, where asyncio forgets him."""
    got: list[str] = []
    new_vitok.add_signal_handler(NUMBER, got.append, "loop")
    for number in (NUMBER, signal.SIGUSR2):
        send(number)
        turn(new_vitok, 3)
    assert owner.heard() == [NUMBER, signal.SIGUSR2]
    assert got == ["loop"]
    new_vitok.remove_signal_handler(NUMBER)
    assert holder() == owner.writing


@pytest.mark.vitok_only
@pytest.mark.parametrize("reused", [False, True])
def test_an_owner_that_has_left(new_vitok: asyncio.AbstractEventLoop, owner: Owner, reused: bool) -> None:
    """Line "What arrives is handed on": not to a closed descriptor, nor to another file with its number."""

    async def main() -> None:
        owner.close()
        others = [os.pipe(), os.pipe()] if reused else []
        assert not reused or owner.writing in sum(others, ())
        send()
        await asyncio.sleep(0.001)
        for reading, writing in others:
            os.set_blocking(reading, False)
            with pytest.raises(BlockingIOError):
                os.read(reading, 1)
            os.close(reading)
            os.close(writing)

    new_vitok.run_until_complete(main())
    assert holder() == -1


@pytest.mark.vitok_only
@pytest.mark.parametrize("blocks", [False, True])
def test_an_owner_that_does_not_read(new_vitok: asyncio.AbstractEventLoop, owner: Owner, blocks: bool) -> None:
    """Line "What arrives is handed on": a full buffer loses it, as with CPython's handler, and never stops the loop."""
    got: list[str] = []
    new_vitok.add_signal_handler(NUMBER, got.append, "loop")
    owner.fill()
    os.set_blocking(owner.writing, not blocks)
    os.set_blocking(owner.writing, blocks)
    for count in range(1, 4):
        send()
        turn_until(new_vitok, lambda count=count: len(got) == count)  # type: ignore[misc]
    os.set_blocking(owner.writing, False)
    assert set(owner.heard()) == {0}


@pytest.mark.vitok_only
def test_an_owner_whose_reader_has_gone(new_vitok: asyncio.AbstractEventLoop, owner: Owner) -> None:
    """Line "What arrives is handed on": to a pipe without a reader, which kills nobody."""
    os.close(owner.reading)
    new_vitok.call_later(0.001, send)
    new_vitok.call_later(0.002, new_vitok.stop)
    previous = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        new_vitok.run_forever()
    finally:
        signal.signal(signal.SIGPIPE, previous)


@pytest.mark.vitok_only
def test_an_owner_that_comes_while_the_loop_runs(new_vitok: asyncio.AbstractEventLoop, owner: Owner) -> None:
    """Line "What another owner had still serves that owner": the last who came hears, and gets it back."""
    late: list[Owner] = []

    async def main() -> None:
        late.append(Owner(*os.pipe()))
        new_vitok.add_signal_handler(NUMBER, int)
        send()
        await asyncio.sleep(0.001)
        new_vitok.remove_signal_handler(NUMBER)

    new_vitok.run_until_complete(main())
    assert (owner.heard(), late[0].heard()) == ([], [NUMBER])
    assert holder() == late[0].writing
    late[0].close()
    signal.set_wakeup_fd(-1)


@pytest.mark.vitok_only
def test_another_loop_is_an_owner_too() -> None:
    """Line "What another owner had still serves that owner": the other loop's handler is called, once."""
    import vitok

    got: list[str] = []
    first, second = vitok.Loop(), vitok.Loop()
    first.add_signal_handler(signal.SIGUSR1, got.append, "first")
    second.add_signal_handler(signal.SIGUSR2, got.append, "second")
    send(signal.SIGUSR1)
    turn(second, 3)
    assert got == []
    for _ in range(3):
        turn(first, 3)
        turn(second, 3)
    assert got == ["first"]
    first.close()
    second.close()
    assert holder() == -1


def test_the_last_loop_is_the_one_that_hears(new_loop: NewLoop, owner: Owner) -> None:
    """Trap "belongs to one loop at a time": two loops with a handler for one signal, and only one is called."""
    got: list[str] = []
    first, second = new_loop(), new_loop()
    first.add_signal_handler(NUMBER, got.append, "first")
    second.add_signal_handler(NUMBER, got.append, "second")
    send()
    turn_until(second, lambda: got)
    turn(first, 3)
    assert got == ["second"]


@pytest.mark.vitok_only
def test_in_a_forked_child() -> None:
    """Line "What arrives is handed on": the child's own signals go to the owner alone."""
    output = run_script(
        "vitok",
        """
        import asyncio, os, signal, sys

        def holder():
            number = signal.set_wakeup_fd(-1)
            signal.set_wakeup_fd(number)
            return number

        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        loop = new_loop()
        got = []
        loop.add_signal_handler(signal.SIGUSR1, got.append, 1)

        async def main():
            child = os.fork()
            if child == 0:
                os.kill(os.getpid(), signal.SIGUSR1)
                right = holder() == writing and list(os.read(reading, 10)) == [signal.SIGUSR1]
                # A loop of the child's own takes it and gives it back, and so does the old one.
                asyncio._set_running_loop(None)
                own = new_loop()
                own.run_until_complete(asyncio.sleep(0))
                own.close()
                right = right and holder() == writing
                loop._thread_id = None
                loop.close()
                os._exit(0 if right and holder() == writing else 1)
            _, status = os.waitpid(child, 0)
            await asyncio.sleep(0.01)
            return os.waitstatus_to_exitcode(status)

        print(loop.run_until_complete(main()), got, holder() != writing)
        loop.close()
        print(holder() == writing)
        """,
    )
    assert output == "0 [] True\nTrue\n"


@pytest.mark.vitok_only
def test_a_loop_that_is_closed_by_another_thread(owner: Owner) -> None:
    """Line "What another owner had still serves that owner": the run gives it back, which a thread cannot."""
    import vitok

    loop = vitok.Loop()

    def close() -> None:
        private(loop)._thread_id = None
        loop.close()

    thread = threading.Thread(target=close)
    loop.call_soon(thread.start)
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.run_forever()
    thread.join()
    assert holder() == owner.writing


def closed_elsewhere(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Close a loop with handlers in another thread. Asyncio's part fails there: only the main thread sets handlers."""
    failed: list[str] = []

    def close() -> None:
        try:
            loop.close()
        except ValueError as error:
            failed.append(str(error))

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    return failed


def test_a_loop_with_handlers_that_is_closed_by_another_thread(
    new_vitok: asyncio.AbstractEventLoop, owner: Owner
) -> None:
    """Its pipe is closed, whose number another file may get: the owner before it hears of signals again."""
    new_vitok.add_signal_handler(NUMBER, print)
    assert holder() != owner.writing
    assert closed_elsewhere(new_vitok) == ["signal only works in main thread of the main interpreter"]
    assert new_vitok.is_closed()
    assert holder() == owner.writing
    send()
    assert owner.heard() == [NUMBER]


def test_a_later_owner_keeps_it_when_a_thread_closes_a_loop(new_vitok: asyncio.AbstractEventLoop, owner: Owner) -> None:
    """Code that has taken the descriptor after the loop keeps it."""
    new_vitok.add_signal_handler(NUMBER, print)
    signal.set_wakeup_fd(owner.writing)
    assert len(closed_elsewhere(new_vitok)) == 1
    assert holder() == owner.writing


@pytest.fixture
def new_vitok() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of ours."""
    import vitok

    loop = vitok.Loop()
    yield loop
    loop.close()
