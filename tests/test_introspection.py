"""Inspecting a loop from outside: tasks, call graphs, `python -m asyncio ps`, and libraries that do so.

Debug mode is tested in test_debug_mode.py.
"""

import asyncio
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import CHILD_SECONDS, loop_factory, next_line, private, python_child, run_python, script_for

NEW_IN_3_14 = pytest.mark.skipif(sys.version_info < (3, 14), reason="new in Python 3.14")


def test_all_tasks_and_current_task(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`asyncio.all_tasks`, `current_task`": inside, by the loop from outside, and nothing once all are done."""

    async def wait(gate: asyncio.Event) -> None:
        await gate.wait()

    async def main() -> None:
        gate = asyncio.Event()
        tasks = {asyncio.create_task(wait(gate), name=f"waiter {number}") for number in range(3)}
        me = asyncio.current_task()
        assert me is not None
        assert me.get_name() == "main"
        assert asyncio.all_tasks() == tasks | {me}
        assert asyncio.current_task(loop) is me
        gate.set()
        await asyncio.gather(*tasks)
        assert asyncio.all_tasks() == {me}

    task = loop.create_task(main(), name="main")
    assert asyncio.all_tasks(loop) == {task}
    assert asyncio.current_task(loop) is None
    loop.run_until_complete(task)
    assert asyncio.all_tasks(loop) == set()


def test_current_task_is_none_in_a_plain_callback(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`asyncio.all_tasks`, `current_task`": a callback is no task, though a task asked for it."""
    seen: list[object] = []

    async def main() -> None:
        loop.call_soon(lambda: seen.append(asyncio.current_task()))
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert seen == [None]


def test_a_tasks_stack_can_be_printed(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`asyncio.all_tasks` ... all work": `print_stack` names the coroutine and the line it waits in."""

    async def waiting_here() -> None:
        await loop.create_future()

    async def main() -> str:
        task = asyncio.create_task(waiting_here())
        await asyncio.sleep(0)
        text = io.StringIO()
        task.print_stack(file=text)
        task.cancel()
        await asyncio.wait([task])
        return text.getvalue()

    assert "in waiting_here" in loop.run_until_complete(main())


@NEW_IN_3_14
def test_capture_call_graph(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`asyncio.capture_call_graph`": who waits for whom, through a task group."""
    graphs: list[Any] = []

    async def innermost() -> None:
        graphs.append(private(asyncio).capture_call_graph())

    async def middle() -> None:
        await innermost()

    async def outermost() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(middle(), name="the middle one")

    loop.run_until_complete(loop.create_task(outermost(), name="the outer one"))
    [graph] = graphs
    assert graph.future.get_name() == "the middle one"
    names = [entry.frame.f_code.co_name for entry in graph.call_stack]
    assert {"innermost", "middle"} <= set(names)
    assert [waiter.future.get_name() for waiter in graph.awaited_by] == ["the outer one"]


WAITING = """
import asyncio
async def waits_for_ever():
    await asyncio.get_running_loop().create_future()
async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(waits_for_ever(), name="the waiting one")
        await asyncio.sleep(0)
        print("ready", flush=True)
loop = new_loop()
loop.run_until_complete(loop.create_task(main(), name="the main one"))
"""


@NEW_IN_3_14
@pytest.mark.parametrize("command", ["ps", "pstree"])
def test_python_m_asyncio_ps(loop_name: str, command: str) -> None:
    """Line "`python -m asyncio ps PID` (3.14)": a stranger sees the tasks of a loop that sleeps, by their names."""
    with python_child("-c", script_for(loop_name, WAITING)) as child:
        assert next_line(child) == "ready"
        seen = run_python("-m", "asyncio", command, str(child.pid))
        child.kill()
        child.communicate()
    if "ermission" in seen.stderr or "not permitted" in seen.stderr:
        pytest.skip("this machine does not let one process read another's memory")
    assert seen.returncode == 0, seen.stderr
    assert "the waiting one" in seen.stdout
    assert "the main one" in seen.stdout
    assert "waits_for_ever" in seen.stdout


def test_run_until_complete_marks_its_task(loop: asyncio.AbstractEventLoop) -> None:
    """Line "anyio's root-task look-up (`_run_until_complete_cb`)": the callback that marks the root task."""

    async def main() -> list[object]:
        task = asyncio.current_task()
        return [callback for callback, _ in private(task)._callbacks]

    assert private(asyncio.base_events)._run_until_complete_cb in loop.run_until_complete(main())


def test_anyio_finds_the_root_task(loop: asyncio.AbstractEventLoop) -> None:
    """Line "anyio's root-task look-up": in a program that anyio did not start, and the pool it hangs on that task."""
    import anyio.to_thread
    from anyio._backends import _asyncio as backend

    async def main() -> tuple[object, int]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
        return backend.find_root_task(), await anyio.to_thread.run_sync(int, "42")

    task = loop.create_task(main())
    root, answer = loop.run_until_complete(task)
    assert root is task
    assert answer == 42


def test_anyio_runs_a_program(loop_name: str) -> None:
    """Line "anyio's root-task look-up": `anyio.run` on our loop: threads, timeouts, cancelling, streams."""
    import anyio
    import anyio.from_thread
    import anyio.to_thread

    async def main() -> list[object]:
        found: list[object] = []
        with anyio.move_on_after(0.001):
            await anyio.sleep_forever()
        send, receive = anyio.create_memory_object_stream[int](1)
        async with anyio.create_task_group() as group, send, receive:
            group.start_soon(send.send, 1)
            found.append(await receive.receive())
        found.append(await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(anyio.sleep, 0)))
        found.append(type(asyncio.get_running_loop()))
        return found

    factory = loop_factory(loop_name)
    closed = factory()
    closed.close()
    result = anyio.run(main, backend_options={"loop_factory": factory})
    assert result == [1, None, type(closed)]


PYTEST_PROGRAM = """
import asyncio
import pytest
import {module}

@pytest.fixture
async def number():
    await asyncio.sleep(0)
    yield 42
    await asyncio.sleep(0)

@pytest.mark.asyncio
async def test_runs_on_the_loop(number):
    assert number == 42
    expected = {module}.new_event_loop()
    expected.close()
    assert type(asyncio.get_running_loop()) is type(expected)

@pytest.mark.asyncio
async def test_fails_as_it_should():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await asyncio.get_running_loop().create_future()
"""

PYTEST_CONFIGURATION = """
import {module}

def pytest_asyncio_loop_factories(config, item):
    return {{"chosen": {module}.new_event_loop}}
"""


def test_pytest_asyncio(loop_name: str, tmp_path: Path) -> None:
    """Line "pytest-asyncio": its fixtures and tests run on the loop that its hook is given, warnings being errors."""
    (tmp_path / "test_program.py").write_text(PYTEST_PROGRAM.format(module=loop_name))
    (tmp_path / "conftest.py").write_text(PYTEST_CONFIGURATION.format(module=loop_name))
    child = run_pytest(tmp_path, "auto")
    assert child.returncode == 0, child.stdout + child.stderr
    assert "2 passed" in child.stdout


def test_anyios_pytest_plugin(loop_name: str, tmp_path: Path) -> None:
    """Line "pytest-asyncio, anyio's root-task look-up": anyio's own plugin, by its `anyio_backend` fixture."""
    body = PYTEST_PROGRAM.format(module=loop_name).replace("pytest.mark.asyncio", "pytest.mark.anyio")
    fixture = f"""
@pytest.fixture
def anyio_backend():
    return "asyncio", {{"loop_factory": {loop_name}.new_event_loop}}
"""
    (tmp_path / "test_program.py").write_text(body + fixture)
    child = run_pytest(tmp_path, "strict")
    assert child.returncode == 0, child.stdout + child.stderr
    assert "2 passed" in child.stdout


def run_pytest(folder: Path, mode: str) -> subprocess.CompletedProcess[str]:
    """Run a folder's tests in a pytest of their own; in strict mode pytest-asyncio takes only what is marked for it."""
    settings = ["-o", "asyncio_default_fixture_loop_scope=function", "-o", f"asyncio_mode={mode}"]
    return run_python("-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "-q", *settings, folder, cwd=folder)


def test_asyncio_repl_runs(loop_name: str) -> None:
    """Line "asyncio is the oracle": `python -m asyncio`, the interactive loop, on the loop that is the default."""
    on_our_loop = ["-m", "vitok"] if loop_name == "vitok" else []
    command = [sys.executable, *on_our_loop, "-m", "asyncio"]
    typed = "await asyncio.sleep(0, 'awaited')\nprint(type(asyncio.get_running_loop()).__module__)\n"
    child = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    assert "'awaited'" in child.stdout
    assert loop_name in child.stdout
