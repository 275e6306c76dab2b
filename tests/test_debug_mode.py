"""Debug mode: slow callbacks with their source, calls from the wrong thread, coroutines never awaited.

The representation of handles is tested in test_handles.py.
"""

import asyncio
import logging
import re
import sys
import threading
from collections.abc import Callable

import pytest
from support import NewLoop, private, run_python, script_for, turn


def named() -> None:
    """A callback that has a name and a place."""


def test_is_off_by_default_and_can_be_set(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`debug` mode": `get_debug` and `set_debug`, and how the loop shows it."""
    assert loop.get_debug() is sys.flags.dev_mode
    loop.set_debug(True)
    assert loop.get_debug() is True
    assert "debug=True" in repr(loop)
    loop.set_debug(False)
    assert loop.get_debug() is False


@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        ([], {"PYTHONASYNCIODEBUG": "1"}, "True"),
        (["-X", "dev"], {}, "True"),
        (["-E"], {"PYTHONASYNCIODEBUG": "1"}, "False"),
        ([], {"PYTHONASYNCIODEBUG": ""}, "False"),
    ],
)
def test_the_environment_decides(loop_name: str, flags: list[str], environment: dict[str, str], expected: str) -> None:
    """Line "`debug` mode": PYTHONASYNCIODEBUG and `-X dev` decide what a new loop begins with, as in asyncio."""
    body = "loop = new_loop()\nprint(loop.get_debug())\nloop.close()\n"
    child = run_python(*flags, "-c", script_for(loop_name, body), environment=environment)
    assert (child.returncode, child.stdout, child.stderr) == (0, f"{expected}\n", "")


@pytest.mark.parametrize("schedule", ["call_soon", "call_soon_threadsafe", "call_later"])
def test_a_slow_callback_is_logged_with_its_source(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture, schedule: str
) -> None:
    """Line "`debug` mode (slow callbacks with source ...)": what ran, where it was asked for, how long it took."""
    loop.set_debug(True)
    private(loop).slow_callback_duration = 0.0
    arguments = [0] if schedule == "call_later" else []
    getattr(loop, schedule)(*arguments, named)
    with caplog.at_level(logging.WARNING, "asyncio"):
        turn(loop, 2)
    messages = [record.getMessage() for record in caplog.records if "named" in record.getMessage()]
    assert len(messages) == 1
    assert messages[0].startswith("Executing <")
    assert f"named() at {__file__}:" in messages[0]
    assert f"created at {__file__}:" in messages[0]
    assert re.search(r" took \d+\.\d{3} seconds$", messages[0])


def test_a_slow_step_of_a_task_names_the_task(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """Line "`debug` mode (slow callbacks with source ...)": for a task's step it shows the task and its coroutine."""
    loop.set_debug(True)
    private(loop).slow_callback_duration = 0.0

    async def slow() -> None:
        """Slow enough for a limit of nothing."""

    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.run_until_complete(loop.create_task(slow(), name="the slow one"))
    shown = [record.getMessage() for record in caplog.records if "the slow one" in record.getMessage()]
    assert shown
    assert "slow() " in shown[0]


def test_what_is_quick_enough_is_not_logged(loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    """Line "`debug` mode": the limit can be set, and without debug mode nothing is measured."""
    with caplog.at_level(logging.WARNING, "asyncio"):
        private(loop).slow_callback_duration = 0.0
        loop.call_soon(named)
        turn(loop)
        loop.set_debug(True)
        private(loop).slow_callback_duration = 3600.0
        loop.call_soon(named)
        turn(loop)
    assert caplog.records == []


def test_the_limit_is_a_tenth_of_a_second_at_first(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`debug` mode": `slow_callback_duration` begins where asyncio's documentation says."""
    assert private(loop).slow_callback_duration == 0.1


def in_thread(work: Callable[[], object]) -> BaseException | None:
    """Do something in another thread and give the exception it ended with."""
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
            ended.append(None)
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return ended[0]


@pytest.mark.parametrize("method", ["call_soon", "call_later", "call_at"])
def test_the_wrong_thread_is_refused(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """Line "`debug` mode (... wrong-thread checks ...)": another thread than the running loop's must not call."""
    loop.set_debug(True)
    arguments = () if method == "call_soon" else (0,)
    ended: list[BaseException | None] = []
    loop.call_soon(lambda: ended.append(in_thread(lambda: getattr(loop, method)(*arguments, named))))
    turn(loop)
    assert [type(error) for error in ended] == [RuntimeError]
    assert "Non-thread-safe operation" in str(ended[0])


def test_the_right_thread_by_another_number_is_not_refused(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gevent replaces `threading.get_ident`, the function by which asyncio knows threads."""
    number_of = threading.get_ident
    # Python makes an object for a thread that it does not know by its number.
    monkeypatch.setattr(threading, "_active", {number_of() + 1: threading.current_thread()})
    monkeypatch.setattr(threading, "get_ident", lambda: number_of() + 1)
    loop.set_debug(True)
    ended: list[BaseException | None] = []
    loop.call_soon(lambda: loop.call_soon(lambda: ended.append(in_thread(lambda: loop.call_soon(named)))))
    turn(loop, times=2)
    assert "Non-thread-safe operation" in str(ended[0])


def test_without_debug_mode_the_thread_is_not_checked(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`debug` mode (... wrong-thread checks ...)": nobody pays for the check who did not ask for it."""
    ended: list[BaseException | None] = []
    loop.call_soon(lambda: ended.append(in_thread(lambda: loop.call_soon(named))))
    turn(loop, 2)
    assert ended == [None]


def test_a_loop_that_does_not_run_belongs_to_no_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`debug` mode (... wrong-thread checks ...)": before it runs, whoever fills it may do so."""
    loop.set_debug(True)
    assert in_thread(lambda: loop.call_soon(named)) is None
    turn(loop)


@pytest.mark.parametrize("method", ["call_soon", "call_later", "call_at", "call_soon_threadsafe"])
def test_what_can_not_be_called_back_is_refused_at_once(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """Line "`debug` mode": a coroutine, a coroutine function or no callable is a TypeError where it is asked for."""
    loop.set_debug(True)
    arguments = (0,) if method in ("call_later", "call_at") else ()

    async def coroutine_function() -> None:
        """Never runs."""

    coroutine = coroutine_function()
    for callback, reason in ((coroutine, "coroutines"), (coroutine_function, "coroutines"), (42, "callable")):
        with pytest.raises(TypeError, match=reason):
            getattr(loop, method)(*arguments, callback)
    coroutine.close()


def test_a_closed_loop_comes_before_everything_else(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`debug` mode": a closed loop says so, whatever else is wrong with the call."""
    loop.set_debug(True)
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        private(loop).call_soon(42)


def test_coroutines_remember_their_origin_while_the_loop_runs(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`debug` mode (... never-awaited)": tracking is on within the loop, and as it was outside."""
    before = sys.get_coroutine_origin_tracking_depth()
    loop.set_debug(True)
    seen: list[int] = []
    loop.call_soon(lambda: seen.append(sys.get_coroutine_origin_tracking_depth()))
    turn(loop)
    assert seen[0] > before
    assert sys.get_coroutine_origin_tracking_depth() == before
    loop.set_debug(False)
    loop.call_soon(lambda: seen.append(sys.get_coroutine_origin_tracking_depth()))
    turn(loop)
    assert seen[1] == before


def test_set_debug_while_the_loop_runs(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`debug` mode (... never-awaited)": switched on in a running loop, tracking begins a turn later."""
    before = sys.get_coroutine_origin_tracking_depth()

    async def main() -> list[int]:
        depths = []
        for enabled in (True, False):
            loop.set_debug(enabled)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            depths.append(sys.get_coroutine_origin_tracking_depth())
        return depths

    depths = loop.run_until_complete(main())
    assert depths[0] > before
    assert depths[1] == before


def test_a_coroutine_never_awaited_says_where_it_was_made(
    loop: asyncio.AbstractEventLoop, recwarn: pytest.WarningsRecorder
) -> None:
    """Line "`debug` mode (... never-awaited)": the warning has the line that made the coroutine."""
    loop.set_debug(True)

    async def forgotten() -> None:
        """Never runs."""

    async def main() -> None:
        forgotten()  # type: ignore[unused-coroutine]

    with pytest.warns(RuntimeWarning, match="was never awaited") as warned:
        loop.run_until_complete(main())
    text = str(warned[0].message)
    assert "Coroutine created at (most recent call last)" in text
    assert f'File "{__file__}", line' in text


def test_futures_and_errors_carry_their_source(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`debug` mode (slow callbacks with source ...)": a future knows where it was made, a failed handle too."""
    loop.set_debug(True)
    future = loop.create_future()
    assert "created at" in repr(future)
    assert __file__ in [frame.filename for frame in private(future)._source_traceback]
    contexts: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: contexts.append(context))
    loop.call_soon(lambda: [][0])
    turn(loop)
    source = private(contexts[0]["source_traceback"])
    assert source[-1].filename == __file__


def test_debug_of_one_loop_is_not_debug_of_another(new_loop: NewLoop) -> None:
    """Line "`debug` mode": a property of the loop, not of the process."""
    first, second = new_loop(), new_loop()
    first.set_debug(True)
    assert (first.get_debug(), second.get_debug()) == (True, sys.flags.dev_mode)
