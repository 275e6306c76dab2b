"""`vitok top PID`: a process is asked by its socket or by remote debugging, and each obstacle is told in one line.

What a process answers is tested in test_inspect.py.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import next_line, run_python
from vitok import _attach, _top

pytestmark = pytest.mark.vitok_only
CAN_DEBUG = hasattr(sys, "remote_exec")
BY_DEBUGGER = pytest.mark.skipif(not CAN_DEBUG, reason="remote debugging is new in Python 3.14")
PROGRAM = """
    import asyncio, vitok

    async def handler():
        await asyncio.sleep(1000)

    async def main():
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(handler()) for _ in range(7)]
        await asyncio.sleep(0)
        print("ready", flush=True)
        await asyncio.gather(*tasks)

    asyncio.run(main())
"""
# Its loop sleeps, is woken, and has slow callbacks, again and again.
BUSY = """
    import asyncio

    async def main():
        asyncio.get_running_loop().slow_callback_duration = 0.0
        print("ready", flush=True)
        while True:
            await asyncio.sleep(0.001)

    asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime folder for the test alone."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@contextmanager
def running(program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has said that it is ready."""
    command = [sys.executable, *words, "-c", textwrap.dedent(program)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with child:
        try:
            assert next_line(child) == "ready", child.stderr
            yield child
        finally:
            child.kill()


def inspected(program: str) -> Any:
    """The same under `vitok run --inspect`."""
    return running(program, "-m", "vitok", "run", "--inspect")


def top(pid: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return run_python("-m", "vitok", "top", str(pid), "--interval", "0.05", *words)


def test_shows_loops_tasks_and_stacks() -> None:
    """Once, as text: the process, each loop, and its tasks by what they do."""
    with inspected(PROGRAM) as child:
        shown = top(child.pid, "--once")
    assert (shown.returncode, shown.stderr) == (0, "")
    first, _, loop, *rest = shown.stdout.splitlines()
    assert first.startswith(f"process {child.pid}   Python {sys.version.split(maxsplit=1)[0]}   vitok ")
    assert loop.startswith("<vitok.Loop running=True closed=False debug=False> runs in MainThread   in callbacks ")
    text = "\n".join(rest)
    assert "ready 0   timers 7   tasks 8   " in text
    assert "      7  handler (Task-" in text
    assert "             handler (<string>:5)" in text


def test_shows_slow_callbacks_and_rates() -> None:
    """A loop that does something has rates, and its slow callbacks are listed with their tasks."""
    with inspected(BUSY) as child:
        lines = top(child.pid, "--once", "--interval", "0.3").stdout
    assert "  slow callbacks\n" in lines
    assert "main() running at " in lines
    assert "wakeups 0/s" not in lines


def test_writes_a_line_of_json_for_each_interval() -> None:
    """For scripts, until the process ends; that is then the error."""
    with inspected(BUSY) as child:
        command = [sys.executable, "-m", "vitok", "top", str(child.pid), "--json", "--interval", "0.01"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as viewer:
            answers = [json.loads(next_line(viewer)) for _ in range(3)]
            child.kill()
            child.wait()
            _, errors = viewer.communicate()
    turns = [answer["loops"][0]["metrics"]["turns"] for answer in answers]
    assert turns == sorted(turns)
    assert answers[0]["pid"] == child.pid
    assert (viewer.returncode, errors) == (1, f"vitok: top: process {child.pid} has ended\n")


def test_ends_quietly_by_ctrl_c_and_when_nobody_reads() -> None:
    """The usual ends of a live view are no errors."""
    with inspected(BUSY) as child:
        command = [sys.executable, "-m", "vitok", "top", str(child.pid), "--json", "--interval", "0.01"]
        for end in ("signal", "pipe"):
            viewer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            with viewer:
                next_line(viewer)
                if end == "signal":
                    viewer.send_signal(signal.SIGINT)
                    _, errors = viewer.communicate()
                else:
                    assert viewer.stdout is not None
                    assert viewer.stderr is not None
                    viewer.stdout.close()
                    errors = viewer.stderr.read()
            assert (errors, viewer.returncode) == ("", 0)


def test_a_process_that_does_not_exist() -> None:
    """One that has ended, whose number nobody has yet."""
    ended = int(run_python("-c", "import os; print(os.getpid())").stdout)
    shown = top(ended, "--once")
    assert (shown.returncode, shown.stderr) == (1, f"vitok: top: there is no process {ended}\n")
    shown = top(2**64, "--once")
    assert (shown.returncode, shown.stderr) == (1, f"vitok: top: there is no process {2**64}\n")


def test_a_process_without_a_loop() -> None:
    """It answers, and has nothing to show."""
    with inspected("print('ready', flush=True); input()") as child:
        shown = top(child.pid, "--once")
    assert (shown.returncode, shown.stderr) == (1, f"vitok: top: process {child.pid} has no vitok loop\n")


@pytest.mark.skipif(CAN_DEBUG, reason="this Python asks by remote debugging")
def test_a_process_that_does_not_listen_before_3_14() -> None:
    """The line says what would help."""
    with running(PROGRAM) as child:
        shown = top(child.pid, "--once")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    reason = f"process {child.pid} does not listen, and Python {version} cannot ask it otherwise"
    expected = f"vitok: top: {reason}: start it by `vitok run --inspect`\n"
    assert (shown.returncode, shown.stderr) == (1, expected)


def test_a_process_of_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the user who can ask."""
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with running(PROGRAM) as child, pytest.raises(_attach.AttachError, match=r"belongs to user .*: run `vitok top` as"):
        _attach.attach(child.pid)


def refuse(pid: int, script: str) -> None:
    """What the kernel says to a user who may not debug a process."""
    raise PermissionError


def fail(pid: int, script: str) -> None:
    """What the interpreter says of a process that it does not understand."""
    raise RuntimeError("no version found")


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (refuse, r"^no permission to debug process \d+ \(see kernel.yama.ptrace_scope\): run as root, or start it by "),
        (fail, r"^process \d+ is not a Python 3\.\d+ that can be asked \(no version found\): run `vitok top` by its "),
    ],
)
def test_a_process_that_may_not_be_debugged(monkeypatch: pytest.MonkeyPatch, outcome: Any, text: str) -> None:
    """What the kernel or the interpreter refuses is told with what would help, and nothing is left behind."""
    monkeypatch.setattr(sys, "remote_exec", outcome, raising=False)
    made: list[str] = []
    make = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **words: made.append(make(**words)) or made[-1])
    with running(PROGRAM) as child, pytest.raises(_attach.AttachError, match=text):
        _attach.attach(child.pid)
    assert [Path(folder).exists() for folder in made] == [False]


@pytest.mark.parametrize("words", [["0"], ["-1"], ["x"], ["1", "--interval", "0"], ["1", "--interval", "nan"], []])
def test_wrong_arguments(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """They are refused before anything is asked."""
    with pytest.raises(SystemExit) as ended:
        _top.main(words)
    assert ended.value.code == 2
    assert "vitok: top: " in capsys.readouterr().err


@BY_DEBUGGER
def test_asks_any_process_by_remote_debugging() -> None:
    """A loop that sleeps in the kernel is asked as well as one that runs, and goes on undisturbed."""
    for program in (PROGRAM, BUSY):
        with running(program.replace("asyncio.run(", "__import__('vitok').run(")) as child:
            for _ in range(2):
                shown = top(child.pid, "--once")
                assert (shown.returncode, shown.stderr) == (0, "")
                assert "runs in MainThread" in shown.stdout
            assert child.poll() is None


@BY_DEBUGGER
def test_a_main_thread_that_waits_for_the_thread_of_its_loop() -> None:
    """It runs nothing that it is told to; the script that is left behind does nothing when it does."""
    program = """
        import asyncio, threading, vitok
        thread = threading.Thread(target=vitok.run, args=(asyncio.sleep(1000),), daemon=True)
        thread.start()
        print("ready", flush=True)
        thread.join()
    """
    with running(program) as child:
        shown = top(child.pid, "--once", "--timeout", "0.3")
    reason = f"the main thread of process {child.pid} has run no Python code for 0.3 seconds"
    expected = f"vitok: top: {reason}: start it by `vitok run --inspect`\n"
    assert (shown.returncode, shown.stderr) == (1, expected)


@BY_DEBUGGER
def test_a_python_without_vitok() -> None:
    """It answers that it has none."""
    with running(PROGRAM.replace(", vitok", "")) as child:
        shown = top(child.pid, "--once")
    reason = "has no vitok loop: LookupError: it has not imported vitok"
    assert (shown.returncode, shown.stderr) == (1, f"vitok: top: process {child.pid} {reason}\n")


@BY_DEBUGGER
def test_a_process_that_is_no_python_or_is_stopped() -> None:
    """What the interpreter cannot debug, and what cannot answer."""
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        shown = top(sleeping.pid, "--once")
        sleeping.kill()
    assert shown.returncode == 1
    assert f"process {sleeping.pid} is not a Python 3." in shown.stderr
    with running(PROGRAM) as child:
        child.send_signal(signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)
        shown = top(child.pid, "--once", "--timeout", "0.5")
        child.send_signal(signal.SIGCONT)
    assert (shown.returncode, shown.stderr) == (1, f"vitok: top: process {child.pid} is stopped\n")
