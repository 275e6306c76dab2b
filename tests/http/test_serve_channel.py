"""The channel between a supervisor and a worker, as the supervisor sees it: what arrives, and what a report is.

The worker is a program that is given as text; real workers are tested in test_serve_workers.py.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import vitok
from served import CHILD_SECONDS
from vitok.http.process import Process
from vitok.http.report import checked

pytestmark = pytest.mark.vitok_only

PROGRAM = "import socket, sys; channel = socket.socket(fileno=int(sys.argv[1])); "


def with_worker(program: str, use: Callable[[Process], Coroutine[Any, Any, None]]) -> None:
    """Use a worker that does what the program says with its `channel`."""

    async def main() -> None:
        ours, theirs = socket.socketpair()
        stacks, writes = os.pipe()
        os.close(writes)
        with theirs:
            words = [sys.executable, "-c", PROGRAM + program, str(theirs.fileno())]
            child = subprocess.Popen(words, pass_fds=[theirs.fileno()])
        ours.setblocking(False)
        process = Process(child, ours, stacks)
        try:
            async with asyncio.timeout(CHILD_SECONDS):
                await use(process)
        finally:
            child.kill()
            child.wait()
            process.look()

    vitok.run(main())


def test_messages_in_pieces() -> None:
    """A message counts once its line is complete."""
    program = (
        "channel.send(b'rea'); channel.send(b'dy\\nrepl'); channel.send(b'ace lifetime its age\\nreport {\"a\": 1'); "
        "channel.recv(1); channel.send(b'}\\n'); channel.recv(1)"
    )

    async def use(process: Process) -> None:
        await process.ready
        assert await process.due == "its age"
        assert process.due_label == "lifetime"
        assert process.report == {}
        assert await process.fresh_report(CHILD_SECONDS) == {"a": 1}
        assert process.heard >= process.began

    with_worker(program, use)


def test_a_worker_that_does_not_answer() -> None:
    """The last report is returned after the time, or once the worker has ended."""
    program = "channel.send(b'report {\"a\": 1}\\nready\\n'); channel.recv(7); channel.recv(7)"

    async def use(process: Process) -> None:
        await process.ready
        assert await process.fresh_report(0.01) == {"a": 1}
        process.kill()
        process._child.wait()
        process.look()
        assert await process.ended == -9
        assert await process.fresh_report(CHILD_SECONDS) == {"a": 1}

    with_worker(program, use)


def test_the_last_report_of_a_worker_that_has_ended() -> None:
    """It is taken also where the end is noticed first."""
    program = "channel.send(b'ready\\n' + b'report {}\\n' * 9999 + b'report {\"last\": true}\\n')"

    async def use(process: Process) -> None:
        # The loop has no turn between the end of the child and the look at it.
        process._child.wait()
        process.look()
        assert process.report == {"last": True}
        assert await process.ended == 0

    with_worker(program, use)


def test_a_worker_that_is_starting_is_not_asked() -> None:
    """What it would read as part of its order."""

    async def use(process: Process) -> None:
        assert await process.fresh_report(CHILD_SECONDS) == {}

    with_worker("channel.recv(1)", use)


def test_messages_that_are_none() -> None:
    """A worker whose application was taken over raises nothing in the supervisor, which may be root."""
    program = (
        "channel.send(b'ready\\nreport x\\nreport ' + b'[' * 60000 + b'\\nreport [1]\\nreport\\n\\xff\\n'); "
        "channel.send(b'replace \\x1b[1m many\\x1b[2J words\\nreport {\"a\": 1}\\n'); channel.recv(1)"
    )

    async def use(process: Process) -> None:
        problems: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        assert await process.due == r"'many\x1b[2J words'"
        while process.report != {"a": 1}:
            await asyncio.sleep(0)
        assert not problems

    with_worker(program, use)


def test_a_message_without_end() -> None:
    """It is not kept: the channel is closed, at which a worker ends."""
    program = (
        "channel.send(b'ready\\nreport ')\ntry:\n while True: channel.send(b'x' * 65536)\nexcept OSError: sys.exit(9)"
    )

    async def use(process: Process) -> None:
        await process.ready
        while process.is_talking:
            await asyncio.sleep(0)
        while not process.ended.done():
            process.look()
            await asyncio.sleep(0.01)
        assert process.ended.result() == 9

    with_worker(program.replace("; \n", "\n"), use)


@pytest.mark.parametrize("wrong", ["x", None, True, -1, 2**64, float("nan"), float("inf"), [1], {"a": 1}])
def test_reports_with_something_else_than_numbers(wrong: Any) -> None:
    """Only what can be added to the numbers of others is taken from a report."""
    right = {"requests": [1] * 6, "cpu_seconds": 0.5, "loop_turns": 7}
    for counts in (
        {"connections_total": wrong},
        {"requests": wrong},
        {"durations": [wrong] * 16},
        {"unknown": 1},
        wrong,
    ):
        found = checked({"counts": counts, "values": {"running": wrong, "connections": 2}})
        assert found == {"counts": {}, "values": {"connections": 2}}
    assert checked({"counts": {**right, "sent_bytes": wrong}}) == {"counts": right, "values": {}}
    assert checked({"values": wrong}) == {"counts": {}, "values": {}}
