"""What a process answers to `vitok top`: snapshots of its loops, and the socket that it listens at.

The command is tested in test_top.py.
"""

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import vitok
from support import pending, private, run_python, turn, turn_until
from vitok import _inspect

pytestmark = pytest.mark.vitok_only


@pytest.fixture
def loop() -> Iterator[vitok.Loop]:
    """A loop of ours; other tests may have left some that are not collected yet."""
    with closing(vitok.new_event_loop()) as made:
        yield made


@contextmanager
def asker() -> Iterator[Any]:
    """A function that asks this process as `vitok top` does, and returns its answer."""
    mine, its = socket.socketpair()
    thread = threading.Thread(target=_inspect.serve, args=(its,))
    thread.start()
    with mine, mine.makefile("rwb") as file:

        def ask() -> Any:
            file.write(b"\n")
            file.flush()
            return json.loads(file.readline())

        yield ask
        mine.shutdown(socket.SHUT_RDWR)
    thread.join()


def described(loop: vitok.Loop, answer: Any) -> Any:
    """The part of an answer that is about this loop."""
    return next(one for one in answer["loops"] if one["identity"] == id(loop))


async def waiter(gate: asyncio.Event) -> None:
    """A coroutine with a name, for stacks."""
    await gate.wait()


def test_an_answer_says_what_the_process_is(loop: vitok.Loop) -> None:
    """Its number, its versions, and each loop that is open; a closed one is gone."""
    with asker() as ask:
        answer = ask()
        assert answer["pid"] == os.getpid()
        assert answer["vitok"] == vitok.__version__
        about = described(loop, answer)
        assert (about["thread"], about["stack"], about["loop"]) == (None, [], repr(loop))
        loop.close()
        assert id(loop) not in [one["identity"] for one in ask()["loops"]]


def test_tasks_with_equal_stacks_are_one_group(loop: vitok.Loop) -> None:
    """A thousand connections are one line: how many, what they wait for, and where."""
    gate = asyncio.Event()
    tasks = [loop.create_task(waiter(gate), name=f"number {number}") for number in range(5)]
    pending(loop, waiter(gate))
    with asker() as ask:
        about = described(loop, ask())
    [group] = about["tasks"]
    assert (group["count"], group["state"], group["waits"], group["coroutine"]) == (6, "waiting", "Future", "waiter")
    assert [place.split(" ")[0] for place in group["stack"]] == ["waiter", "Event.wait"]
    assert f"({__file__}:" in group["stack"][0]
    assert about["metrics"]["tasks"] == 6
    gate.set()
    turn_until(loop, lambda: all(task.done() for task in tasks))
    turn(loop, 2)


def test_a_task_that_waits_for_a_task_names_it(loop: vitok.Loop) -> None:
    """So that a chain of tasks can be followed."""
    gate = asyncio.Event()
    inner = loop.create_task(waiter(gate), name="the inner one")

    async def outer() -> None:
        await inner

    pending(loop, outer())
    with asker() as ask:
        groups = {group["coroutine"].rpartition(".")[2]: group for group in described(loop, ask())["tasks"]}
    assert groups["outer"]["waits"] == "task the inner one"
    gate.set()
    turn(loop, 4)


def test_the_running_task_has_the_stack_of_its_thread(loop: vitok.Loop) -> None:
    """What blocks a loop is seen: the frames below the coroutine, too."""
    seen: list[Any] = []

    async def blocking(ask: Any) -> None:
        seen.append(described(loop, ask()))

    with asker() as ask:
        loop.run_until_complete(blocking(ask))
    [group] = seen[0]["tasks"]
    assert (group["state"], group["coroutine"].rpartition(".")[2]) == ("running", "blocking")
    assert any(" (" in place and "blocking" in place for place in group["stack"])
    assert seen[0]["thread"] == threading.current_thread().name


def test_slow_callbacks_are_kept_while_someone_asks(loop: vitok.Loop) -> None:
    """With time, duration and handle; before and afterwards nothing is kept, and the loop measures nothing."""
    loop.slow_callback_duration = 0.0
    loop.call_soon(int)
    turn(loop)
    with asker() as ask:
        assert described(loop, ask())["slow"] == []
        for _ in range(100):
            loop.call_soon(int)
        turn(loop)
        slow = described(loop, ask())["slow"]
        assert 0 < len(slow) <= 32
        assert all(seconds >= 0 and when > 0 and text.startswith("<Handle ") for when, seconds, text in slow)
    measurement = private(loop)._measurement
    assert measurement.slow is None
    measured = measurement.seconds()
    assert measured > 0
    turn(loop)
    assert measurement.seconds() == measured


def test_someone_who_asks_takes_nothing_from_the_program(loop: vitok.Loop) -> None:
    """The longest callback since the program's last call stays the program's, and so does its measuring."""
    loop.metrics()
    loop.call_soon(int)
    turn(loop)
    with asker() as ask:
        ask()
        assert described(loop, ask())["metrics"]["longest_callback"] == 0.0
    assert loop.metrics().longest_callback > 0
    loop.call_soon(int)
    turn(loop)
    assert loop.metrics().longest_callback > 0


def test_several_ask_at_once_and_leave_one_after_another(loop: vitok.Loop) -> None:
    """Slow callbacks are kept until the last has left, and a hook of the program's stays."""
    seen: list[float] = []
    loop.slow_callback_duration = 0.0
    loop.slow_callback_hook = lambda handle, seconds: seen.append(seconds)
    with asker() as first:
        with asker() as second:
            first()
            second()
        loop.call_soon(int)
        turn(loop)
        assert described(loop, first())["slow"]
    assert private(loop)._measurement.slow is None
    before = len(seen)
    loop.call_soon(int)
    turn(loop)
    assert len(seen) > before
    loop.slow_callback_hook = None


def test_the_socket_is_of_the_user_alone(tmp_path: Path) -> None:
    """Folder and socket are closed to others, and the socket goes with the process."""
    code = "from vitok import _inspect; p = _inspect.listen(); print(p, oct(p.stat().st_mode), _inspect.listen() == p)"
    child = run_python("-c", code, environment={"XDG_RUNTIME_DIR": str(tmp_path)})
    path, mode, is_same = child.stdout.split()
    assert (Path(path).parent, oct(stat.S_IFSOCK | 0o600), is_same) == (tmp_path / "vitok", mode, "True")
    assert stat.S_IMODE((tmp_path / "vitok").stat().st_mode) == 0o700
    assert list((tmp_path / "vitok").iterdir()) == []


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    """Another user could have put a socket there; one that is a link is refused likewise."""
    open_folder = tmp_path / "one" / "vitok"
    open_folder.mkdir(parents=True)
    open_folder.chmod(0o755)
    (tmp_path / "two").mkdir()
    (tmp_path / "other").mkdir(mode=0o700)
    (tmp_path / "two" / "vitok").symlink_to(tmp_path / "other")
    for runtime in ("one", "two"):
        environment = {"XDG_RUNTIME_DIR": str(tmp_path / runtime)}
        child = run_python("-m", "vitok", "run", "--inspect", "-c", "pass", environment=environment)
        folder = tmp_path / runtime / "vitok"
        expected = f"vitok: run: --inspect: {folder} is not a folder of this user alone\n"
        assert (child.returncode, child.stderr) == (2, expected)


def test_sockets_of_killed_processes_are_removed(tmp_path: Path) -> None:
    """By the next process that listens; files that are no sockets of processes stay."""
    folder = tmp_path / "vitok"
    folder.mkdir(mode=0o700)
    gone = run_python("-c", "import os; print(os.getpid())").stdout.strip()
    for name in (f"{gone}.sock", f"{os.getpid()}.sock", "other.sock"):
        (folder / name).touch()
    code = "import os; from vitok import _inspect; _inspect.listen(); print(sorted(os.listdir(os.environ['PLACE'])))"
    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "PLACE": str(folder)}
    child = run_python("-c", code, environment=environment)
    assert child.stderr == ""
    assert f"{gone}.sock" not in child.stdout
    assert f"{os.getpid()}.sock" in child.stdout
    assert "other.sock" in child.stdout


def test_a_forked_child_removes_no_socket_of_its_parent(tmp_path: Path) -> None:
    """It does not listen itself, and its end leaves the parent's socket alone."""
    code = """
import os, sys
from vitok import _inspect
path = _inspect.listen()
if os.fork() == 0:
    sys.exit()
os.wait()
print(path.exists())
"""
    child = run_python("-W", "ignore", "-c", code, environment={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert (child.stdout, child.stderr) == ("True\n", "")
