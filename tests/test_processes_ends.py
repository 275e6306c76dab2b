"""The end of a child process: its exit code, whoever waits for it, and what is left of it.

The arguments, pipes and callbacks of children are tested in test_processes.py, signals while they start in
test_processes_signals.py.
"""

import asyncio
import errno
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from net_support import run
from support import ErrorLog, loop_factory, open_descriptors, private, turn, turn_until

PIPE = asyncio.subprocess.PIPE
NO_PIPES: dict[str, Any] = {"stdin": None, "stdout": None, "stderr": None}

# asyncio 3.14 wakes `wait()` when the child has ended, older ones when its pipes are closed as well.
WAITS_FOR_THE_CHILD = sys.version_info >= (3, 14)


@pytest.fixture(params=["descriptor", "no call", "forbidden", "no descriptor left"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the end of a child is noticed: by a descriptor, or by a thread where there is none."""
    numbers = {"forbidden": errno.EPERM, "no descriptor left": errno.EMFILE}
    if request.param == "no call":
        monkeypatch.delattr(os, "pidfd_open")
    elif request.param != "descriptor":

        def refuse(pid: int) -> int:
            raise OSError(numbers[request.param], "refused")

        monkeypatch.setattr(os, "pidfd_open", refuse)
    return str(request.param)


@pytest.fixture
def ours(error_log: ErrorLog) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of ours, for the promises that asyncio does not make."""
    loop = loop_factory("vitok")()
    yield loop
    loop.close()


@pytest.mark.vitok_only
def test_exit_codes(ours: asyncio.AbstractEventLoop, way: str) -> None:
    async def main() -> None:
        commands = ["exit 0", "exit 255", "kill -9 $$", "kill -TERM $$"]
        children = [await asyncio.create_subprocess_shell(command) for command in commands]
        waits = [child.wait() for child in children for _ in range(2)]
        assert await asyncio.gather(*waits) == [0, 0, 255, 255, -9, -9, -15, -15]
        assert [await child.wait() for child in children] == [0, 255, -9, -15]

    run(ours, main())


@pytest.mark.vitok_only
def test_a_child_that_lives_on(ours: asyncio.AbstractEventLoop, way: str) -> None:
    """A signal reaches a child that is watched in either way, and none that has ended."""

    async def main() -> None:
        child = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"hello\n")
        assert await child.stdout.readline() == b"hello\n"
        child.terminate()
        assert await child.wait() == -signal.SIGTERM
        child.stdin.close()
        # The connection may be lost already.
        try:
            child.kill()
        except ProcessLookupError:
            pass

    run(ours, main())


@pytest.mark.vitok_only
def test_another_caller_has_waited(ours: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    """Its exit code is known from Linux 6.15 on; before that the code is 255, with a warning, as in asyncio."""

    async def main() -> None:
        child = await asyncio.create_subprocess_shell("exit 7")
        assert os.waitpid(child.pid, 0) == (child.pid, 7 << 8)
        code = await child.wait()
        assert code == 7 or (code == 255 and "will report returncode 255" in caplog.text)

    run(ours, main())


@pytest.mark.vitok_only
@pytest.mark.parametrize("call", ["waitid", "waitpid"])
def test_an_error_of_the_wait(ours: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """It is reported once, and the descriptor of the process is closed. A replaced `os.waitpid` is called as well."""
    reports: list[dict[str, Any]] = []
    ours.set_exception_handler(lambda _, details: reports.append(details))
    pipes: dict[str, Any] = {**NO_PIPES, "stdin": PIPE}
    transport, _ = run(ours, ours.subprocess_exec(asyncio.SubprocessProtocol, "cat", **pipes))
    popen: Any = transport.get_extra_info("subprocess")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, lambda *_: 1 / 0)
        private(transport).get_pipe_transport(0).close()
        turn_until(ours, lambda: reports)
        turn(ours, 3)
    assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]
    assert popen.pidfd == -1
    assert popen.wait() == 0
    transport.close()


@pytest.mark.vitok_only
def test_another_caller_has_waited_for_a_threads_child(
    ours: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(os, "pidfd_open")

    async def main() -> None:
        child = await asyncio.create_subprocess_exec("sleep", "1000")
        os.kill(child.pid, signal.SIGKILL)
        # Both wait; the thread only looks.
        assert os.waitpid(child.pid, 0) == (child.pid, signal.SIGKILL)
        assert await child.wait() == 255
        assert "will report returncode 255" in caplog.text

    run(ours, main())


@pytest.mark.vitok_only
def test_the_popen_object_was_polled(ours: asyncio.AbstractEventLoop) -> None:
    """The exit code is that of the Popen object; asyncio 3.11 warned, and reported 255."""

    async def main() -> None:
        child = await asyncio.create_subprocess_shell("exit 7")
        popen = private(child)._transport.get_extra_info("subprocess")
        assert popen.wait() == 7
        assert await child.wait() == 7

    run(ours, main())


@pytest.mark.vitok_only
def test_closing_a_transport_keeps_the_exit_code(ours: asyncio.AbstractEventLoop) -> None:
    """`close()` polled the child, so that the loop found no exit code."""

    async def main() -> None:
        transport, _ = await ours.subprocess_exec(asyncio.SubprocessProtocol, "sh", "-c", "exit 7", stdin=None)
        os.waitid(os.P_PID, transport.get_pid(), os.WEXITED | os.WNOWAIT)
        transport.close()
        assert await private(transport)._wait() == 7

    run(ours, main())


def test_children_of_others_are_left_alone(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        for code in range(10):
            other = subprocess.Popen(["sh", "-c", f"exit {code}"])
            child = await asyncio.create_subprocess_shell(f"exit {code + 100}")
            os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
            assert await child.wait() == code + 100
            assert other.wait() == code

    run(loop, main())


def test_a_handler_of_sigchld_stays_the_programs(loop: asyncio.AbstractEventLoop) -> None:
    calls: list[int] = []
    before = signal.signal(signal.SIGCHLD, lambda number, _: calls.append(number))
    try:
        handler = signal.getsignal(signal.SIGCHLD)

        async def main() -> None:
            child = await asyncio.create_subprocess_shell("exit 3")
            assert await child.wait() == 3
            assert signal.getsignal(signal.SIGCHLD) is handler

        run(loop, main())
        assert calls
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.vitok_only
def test_sigchld_is_ignored(ours: asyncio.AbstractEventLoop, way: str, caplog: pytest.LogCaptureFixture) -> None:
    """The kernel then keeps no exit code for a parent that waits."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    async def main() -> None:
        child = await asyncio.create_subprocess_shell("read line; exit 3", stdin=PIPE)
        assert child.stdin is not None
        child.stdin.close()
        code = await child.wait()
        assert code == 3 or (code == 255 and "will report returncode 255" in caplog.text)

    try:
        run(ours, main())
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_grandchild_keeps_the_pipe(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """`wait()` never returned before Python 3.14."""
    if loop_name == "asyncio" and not WAITS_FOR_THE_CHILD:
        pytest.skip("asyncio waits for the pipe")

    async def main() -> None:
        child = await asyncio.create_subprocess_shell("exec 3<&0; cat <&3 & exit 4", stdin=PIPE, stdout=PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        assert await child.wait() == 4
        child.stdin.write(b"from the grandchild")
        child.stdin.close()
        assert await child.stdout.read() == b"from the grandchild"

    run(loop, main())


def test_killed_while_it_starts(loop: asyncio.AbstractEventLoop) -> None:
    """A protocol kills the child in `connection_made`, and another caller kills it before that."""

    class Killing(asyncio.SubprocessProtocol):
        def connection_made(self, transport: Any) -> None:
            transport.kill()

    before = children_of_this_process()

    async def main() -> None:
        transport, _ = await loop.subprocess_exec(Killing, "cat")
        assert await private(transport)._wait() == -signal.SIGKILL
        transport.close()
        task = asyncio.ensure_future(asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE, stderr=PIPE))
        while not (found := children_of_this_process() - before):
            await asyncio.sleep(0)
        os.kill(found.pop(), signal.SIGKILL)
        child = await task
        assert await child.communicate(b"data") == (b"", b"")
        assert child.returncode == -signal.SIGKILL

    run(loop, main())


def children_of_this_process() -> set[int]:
    """Return the numbers of the children of all threads, zombies included."""
    numbers: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        try:
            numbers.update(map(int, Path(f"/proc/self/task/{task}/children").read_text().split()))
        except FileNotFoundError:
            # The thread has ended by now.
            continue
    return numbers


def test_a_cancelled_start(loop: asyncio.AbstractEventLoop) -> None:
    """The child is killed and waited for, and its pipes are closed, wherever the cancellation comes."""

    async def main(turns: int) -> bool:
        task = asyncio.ensure_future(asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE, stderr=PIPE))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            child = await task
        except asyncio.CancelledError:
            return True
        child.kill()
        await child.wait()
        return False

    before = children_of_this_process()
    turns = 0
    while run(loop, main(turns)):
        turns += 1
        assert children_of_this_process() == before
    assert turns > 1
    turn(loop, 3)


def test_a_cancelled_wait(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec("cat", stdin=PIPE)
        waits = [asyncio.ensure_future(child.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        waits[1].cancel()
        child.kill()
        assert await waits[0] == await waits[2] == -signal.SIGKILL
        assert waits[1].cancelled()

    run(loop, main())


@pytest.mark.vitok_only
def test_a_loop_that_is_closed_before_its_child_has_ended() -> None:
    """The child is killed with its transport, and no descriptor is left: asyncio's loop keeps one open."""
    before = open_descriptors()
    loop = loop_factory("vitok")()
    transport, _ = run(loop, loop.subprocess_exec(asyncio.SubprocessProtocol, "sleep", "1000", **NO_PIPES))
    popen: Any = transport.get_extra_info("subprocess")
    turn(loop, 2)
    loop.close()
    transport.close()
    assert popen.wait() == -signal.SIGKILL
    del transport, loop, popen
    gc.collect()
    assert open_descriptors() == before


@pytest.mark.vitok_only
@pytest.mark.filterwarnings("ignore:subprocess .* is still running")
def test_a_transport_that_is_forgotten_warns(ours: asyncio.AbstractEventLoop) -> None:
    """asyncio's does the same."""
    transport, _ = run(ours, ours.subprocess_exec(asyncio.SubprocessProtocol, "cat"))
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        type(private(transport)).__del__(transport)
    assert transport.is_closing()
    run(ours, private(transport)._wait())
    turn(ours, 3)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python 3.14 has no child watchers")
@pytest.mark.filterwarnings("ignore:.*ChildWatcher:DeprecationWarning", "ignore:.*child_watcher:DeprecationWarning")
def test_a_watcher_that_the_program_has_set(loop: asyncio.AbstractEventLoop) -> None:
    """It is asked, as in asyncio: FastChildWatcher reaps every child of the process."""
    names: Any = asyncio
    watcher = names.FastChildWatcher()
    names.set_child_watcher(watcher)
    try:
        watcher.attach_loop(loop)

        async def main() -> None:
            child = await asyncio.create_subprocess_shell("read line; exit 7", stdin=PIPE)
            assert list(watcher._callbacks) == [child.pid]
            assert child.stdin is not None
            child.stdin.close()
            assert await child.wait() == 7

        run(loop, main())
        watcher.attach_loop(None)
        with pytest.raises(RuntimeError, match="not activated"):
            run(loop, main())
    finally:
        names.set_child_watcher(None)
        watcher.close()
