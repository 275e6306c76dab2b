"""What a child process that starts has in common with its parent: signals, their mask, and hooks of fork.

SIGCHLD, and signals that end a child, are tested in test_processes_ends.py.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from net_support import run
from support import ErrorLog, loop_factory, run_script, turn_until

PIPE = asyncio.subprocess.PIPE


@pytest.fixture
def ours(error_log: ErrorLog) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of ours, for the promises that asyncio does not make."""
    loop = loop_factory("vitok")()
    yield loop
    loop.close()


HANDLED: dict[str, Callable[[asyncio.AbstractEventLoop, list[str]], object]] = {
    "of the loop": lambda loop, calls: loop.add_signal_handler(signal.SIGUSR1, calls.append, "called"),
    "of the program": lambda loop, calls: signal.signal(signal.SIGUSR1, lambda *_: calls.append("called")),
}


@pytest.mark.vitok_only
@pytest.mark.parametrize("kind", HANDLED)
def test_a_signal_for_a_starting_child_calls_no_handler_of_its_parent(
    ours: asyncio.AbstractEventLoop, kind: str
) -> None:
    """The child wrote the number to the parent's wake-up descriptor: asyncio 3.11 calls its handler."""
    calls: list[str] = []
    before = signal.getsignal(signal.SIGUSR1)
    HANDLED[kind](ours, calls)

    async def main() -> None:
        child = await asyncio.create_subprocess_exec("true", preexec_fn=lambda: os.kill(os.getpid(), signal.SIGUSR1))
        assert await child.wait() == 0
        for _ in range(3):
            await asyncio.sleep(0)

    try:
        run(ours, main())
        assert calls == []
        os.kill(os.getpid(), signal.SIGUSR1)
        turn_until(ours, lambda: calls)
    finally:
        ours.remove_signal_handler(signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("where", ["main thread", "thread"])
def test_a_child_has_the_signal_mask_of_its_parent(loop: asyncio.AbstractEventLoop, where: str) -> None:
    """Also where signals are blocked while it starts, and so has the parent afterwards."""
    masks: list[set[int]] = []

    async def main() -> list[str]:
        command = ["sed", "-n", "s/^SigBlk:[[:space:]]*//p", "/proc/self/status"]
        found = []
        for options in ({}, {"preexec_fn": lambda: None}, {"user": os.getuid()}):
            child = await asyncio.create_subprocess_exec(*command, stdout=PIPE, **options)
            output, _ = await child.communicate()
            found.append(output.decode().strip())
            masks.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
        return found

    found: list[str] = []

    def work() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        found.extend(run(loop, main()))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])

    if where == "thread":
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    else:
        work()
    assert found == [f"{1 << (signal.SIGUSR2 - 1):016x}"] * 3
    assert masks == [{signal.SIGUSR2}] * 3


@pytest.mark.vitok_only
def test_hooks_of_fork_do_not_run(ours: asyncio.AbstractEventLoop) -> None:
    """They run for a child with `preexec_fn` only, as everywhere."""
    calls: list[str] = []
    os.register_at_fork(before=lambda: calls.append("fork"))

    async def main(**options: Any) -> None:
        child = await asyncio.create_subprocess_exec("true", **options)
        assert await child.wait() == 0

    run(ours, main())
    run(ours, main(user=os.getuid()))
    assert calls == []
    run(ours, main(preexec_fn=lambda: None))
    assert calls == ["fork"]


FORGOTTEN = """
    import asyncio, os, sys

    async def main():
        child = await asyncio.create_subprocess_exec("cat", stdin=-1)
        forked = os.fork()
        if forked == 0:
            child.kill()
            child._transport.close()
            os._exit(0)
        os.waitpid(forked, 0)
        child.stdin.close()
        print(await child.wait())

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
"""


@pytest.mark.vitok_only
def test_a_forked_process_does_not_kill_its_parents_child() -> None:
    """It has a copy of the transport, which it may close. asyncio's polls, and finds that too."""
    assert run_script("vitok", FORGOTTEN) == "0\n"
