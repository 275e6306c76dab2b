"""Shared by several test files: loops by name, turns of a loop, and children that run Python on one of the loops.

Both loops are known only by their factories: `asyncio.new_event_loop` and `vitok.new_event_loop`.
"""

import asyncio
import gc
import importlib
import logging
import os
import resource
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

LOOP_NAMES = ("asyncio", "vitok")
PROJECT = Path(__file__).resolve().parent.parent
# A child that hangs is ended before the time limit of its test, so that its output is seen.
CHILD_SECONDS = 25
# The variable that has the test of a process of its own.
_ALONE = "VITOK_TEST_ALONE"
MIB = 1024 * 1024
# Whether this Python was built without the GIL. It may still run with one, by PYTHON_GIL=1.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


class NewLoop(Protocol):
    """The fixture `new_loop`: a function that returns a new loop of the kind under test."""

    def __call__(self) -> asyncio.AbstractEventLoop:
        """Return a new loop."""


class ErrorLog(logging.Handler):
    """The errors in asyncio's log. A test that expects some takes them; any that is left fails the test."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record for the end of the test."""
        self.records.append(record)

    def take(self) -> list[logging.LogRecord]:
        """Return the records so far, which thereby count as expected."""
        records, self.records = self.records, []
        return records


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the factory of this kind of loop; vitok is imported only when a test needs it."""
    if name == "asyncio":
        return asyncio.SelectorEventLoop
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(name).new_event_loop
    return factory


def collect() -> None:
    """Collect all garbage, as with the GIL: before a future is finalized, its protocol retrieves its exception.

    Without the GIL the collector finalizes in no order, and protocols of streams would be too late now and then.
    """
    if FREE_THREADED:
        _retrieve_for_protocols()
    gc.collect()


def _retrieve_for_protocols() -> None:
    for found in gc.get_objects():
        if issubclass(type(found), asyncio.StreamReaderProtocol):
            closed = getattr(found, "_closed", None)
            if closed is not None and closed.done() and not closed.cancelled():
                closed.exception()


def private(owner: object) -> Any:
    """Return the same object, for a test that uses a private attribute of asyncio's."""
    return owner


def turn(loop: asyncio.AbstractEventLoop, times: int = 1) -> None:
    """Run a number of turns of the loop: `stop()` lets the current turn end."""
    for _ in range(times):
        loop.call_soon(loop.stop)
        loop.run_forever()


def turn_until(loop: asyncio.AbstractEventLoop, condition: Callable[[], object]) -> None:
    """Run turns of the loop until the condition holds. The time limit of the test ends this otherwise."""
    while not condition():
        turn(loop)


def pending(loop: asyncio.AbstractEventLoop, waiting: Any) -> asyncio.Task[Any]:
    """Return a task that has begun to wait."""
    task: asyncio.Task[Any] = loop.create_task(waiting)
    turn(loop, 3)
    assert not task.done()
    return task


def result(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> Any:
    """Return the result of a task."""
    turn_until(loop, task.done)
    return task.result()


def open_descriptors() -> dict[int, str]:
    """Return the open descriptors of this process, and what each refers to."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[int(number)] = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            # The descriptor for listing the folder, which is closed by now.
            continue
    return found


def resident() -> int:
    """Return the memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def wait_until_polling(process: int, thread: int | None = None) -> None:
    """Wait until a thread (by default the main one) sleeps in its poll.

    A signal just before the poll is lost on asyncio's loop if it has no handler of its own: Python has checked for
    signals already, and the poll then sleeps. So a test of the effect of a signal on a sleeping loop must wait for the
    sleep, on that loop.
    """
    path = Path(f"/proc/{process}/task/{thread or process}/wchan")
    while "ep_poll" not in (place := path.read_text()) and "epoll_wait" not in place:
        # The kernel names the place where a thread sleeps, and "0" while it runs. Asking costs one system call and no
        # time.
        os.sched_yield()


def run_python(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    seconds: float = CHILD_SECONDS,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run Python to its end and return its output, whatever its exit code is."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, **(environment or {})},
        **options,
    )


def is_alone(request: pytest.FixtureRequest) -> bool:
    """Return whether this process runs only this test; otherwise run it in a child, which must pass.

    For a test that leaves traces in the process: once memory was refused, a server looks for requests that asyncio has
    forgotten, at each tick, and simulated ticks without turns of the loop look like that.
    """
    if os.environ.get(_ALONE) == request.node.nodeid:
        return True
    child = run_python(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", request.node.nodeid),
        environment={_ALONE: request.node.nodeid},
        cwd=request.config.rootpath,
    )
    assert child.returncode == 0, child.stdout + child.stderr
    return False


def script_for(loop_name: str, body: str) -> str:
    """Return a script in which `new_loop` makes a loop of the kind under test."""
    return f"from {loop_name} import new_event_loop as new_loop\n" + textwrap.dedent(body)


def run_script(loop_name: str, body: str, *flags: str) -> str:
    """Run such a script in a child, which must succeed without output on standard error. Return its output."""
    child = run_python(*flags, "-c", script_for(loop_name, body))
    assert (child.returncode, child.stderr) == (0, ""), child.stderr
    return child.stdout


@contextmanager
def python_child(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Run Python beside the test, with its output on a pipe, and end it afterwards in any case."""
    command = [sys.executable, *map(str, arguments)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def next_line(child: subprocess.Popen[str]) -> str:
    """Return the next line of a child's output, without its end; empty if the child has ended."""
    assert child.stdout is not None
    return child.stdout.readline().rstrip("\n")
