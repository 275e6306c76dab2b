"""What several test files share: loops by name, turns of a loop, and children that run Python on one of the loops.

It knows of both loops only where they come from: `asyncio.new_event_loop` and `vitok.new_event_loop`.
"""

import asyncio
import importlib
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

LOOP_NAMES = ("asyncio", "vitok")
PROJECT = Path(__file__).resolve().parent.parent
# A child that hangs is ended before the limit of the test which waits for it, so that its output is seen.
CHILD_SECONDS = 25


class NewLoop(Protocol):
    """The fixture `new_loop`: a fresh loop of the kind under test."""

    def __call__(self) -> asyncio.AbstractEventLoop:
        """Make one."""


class ErrorLog(logging.Handler):
    """The errors in asyncio's log. A test that expects some takes them; any that is left fails the test."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record; it is looked at when the test is over."""
        self.records.append(record)

    def take(self) -> list[logging.LogRecord]:
        """The records so far, which thereby count as expected."""
        records, self.records = self.records, []
        return records


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes a loop of this kind; ours is imported only when a test needs it."""
    if name == "asyncio":
        return asyncio.SelectorEventLoop
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(name).new_event_loop
    return factory


def private(owner: object) -> Any:
    """The same object, for a test that looks at an attribute which asyncio has but the type stubs don't."""
    return owner


def turn(loop: asyncio.AbstractEventLoop, times: int = 1) -> None:
    """Turn the loop a number of times: `stop()` lets the turn it is called in come to its end."""
    for _ in range(times):
        loop.call_soon(loop.stop)
        loop.run_forever()


def turn_until(loop: asyncio.AbstractEventLoop, condition: Callable[[], object]) -> None:
    """Turn the loop until something holds. What never comes to hold is ended by the test's time limit."""
    while not condition():
        turn(loop)


def pending(loop: asyncio.AbstractEventLoop, waiting: Any) -> asyncio.Task[Any]:
    """A task that has begun to wait."""
    task: asyncio.Task[Any] = loop.create_task(waiting)
    turn(loop, 3)
    assert not task.done()
    return task


def result(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> Any:
    """What a task comes to."""
    turn_until(loop, task.done)
    return task.result()


def open_descriptors() -> dict[int, str]:
    """The open descriptors of this process and what they stand for."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[int(number)] = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            # The descriptor that listed the folder: closed by the time its turn comes.
            continue
    return found


def wait_until_polling(process: int, thread: int | None = None) -> None:
    """Look again and again until a thread (the main one, if none is named) sleeps in its poll.

    A signal that comes just before the poll is lost on asyncio's loop when it has no handler of its own: Python has
    looked for signals already, and the poll then sleeps. So a test of what a signal does to a sleeping loop must wait
    for the sleep, on that loop.
    """
    path = Path(f"/proc/{process}/task/{thread or process}/wchan")
    while "ep_poll" not in (place := path.read_text()) and "epoll_wait" not in place:
        # The kernel names the place where a thread sleeps and "0" where it runs. Asking costs a system call, no time.
        os.sched_yield()


def run_python(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    seconds: float = CHILD_SECONDS,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run Python to its end and give its output, whatever its exit code."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, **(environment or {})},
        **options,
    )


def script_for(loop_name: str, body: str) -> str:
    """A script in which `new_loop` makes a loop of the kind under test."""
    return f"from {loop_name} import new_event_loop as new_loop\n" + textwrap.dedent(body)


def run_script(loop_name: str, body: str, *flags: str) -> str:
    """Run such a script in a child; it must succeed and write nothing to its standard error. Gives its output."""
    child = run_python(*flags, "-c", script_for(loop_name, body))
    assert (child.returncode, child.stderr) == (0, ""), child.stderr
    return child.stdout


@contextmanager
def python_child(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A Python that runs beside the test, with its output on a pipe, and is gone afterwards whatever happened."""
    command = [sys.executable, *map(str, arguments)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def next_line(child: subprocess.Popen[str]) -> str:
    """The next line of a child's output, without its end; empty when the child is gone."""
    assert child.stdout is not None
    return child.stdout.readline().rstrip("\n")
