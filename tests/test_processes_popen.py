"""The Popen object of a child process: frequent arguments take a shorter way to it, which nobody can tell.

What the arguments mean to the child is tested in test_processes.py.
"""

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from net_support import run
from support import ErrorLog, loop_factory, private, run_python, script_for

PIPE = asyncio.subprocess.PIPE
DEVNULL = asyncio.subprocess.DEVNULL
# Popen's own default, so that nothing changes but the way.
THE_LONG_WAY: dict[str, Any] = {"umask": -1}


@pytest.fixture
def ours(error_log: ErrorLog) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of ours: asyncio's has one way."""
    loop = loop_factory("vitok")()
    yield loop
    loop.close()


def state_of(loop: asyncio.AbstractEventLoop, options: dict[str, Any], *, shell: bool) -> dict[str, Any]:
    """Return the attributes of a child's Popen object after its end, as far as they can be compared."""

    async def main() -> dict[str, Any]:
        if shell:
            child = await asyncio.create_subprocess_shell("exit 3", **options)
        else:
            child = await asyncio.create_subprocess_exec("true", **options)
        popen = private(child)._transport.get_extra_info("subprocess")
        assert isinstance(popen, subprocess.Popen)
        found = {name: value for name, value in vars(popen).items() if name not in ("pid", "_waitpid_lock", "pidfd")}
        await child.communicate()
        assert popen.wait() == await child.wait() == (3 if shell else 0)
        return {name: type(value) if name.startswith("std") else value for name, value in found.items()}

    return run(loop, main())


OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "pipes": {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE},
    "one pipe": {"stdout": PIPE},
    "no files": {"stdin": DEVNULL, "stdout": DEVNULL, "stderr": DEVNULL},
    "together": {"stdout": PIPE, "stderr": asyncio.subprocess.STDOUT},
    "folder": {"cwd": "/", "start_new_session": True},
}


@pytest.mark.vitok_only
@pytest.mark.parametrize("shell", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_both_ways_have_the_same_attributes(ours: asyncio.AbstractEventLoop, name: str, shell: bool) -> None:
    short, long = (state_of(ours, {**OPTIONS[name], **way}, shell=shell) for way in ({}, THE_LONG_WAY))
    # The number of /dev/null is another one each time.
    assert short.keys() == long.keys()
    assert {key: value for key, value in short.items() if key != "_devnull"} == {
        key: value for key, value in long.items() if key != "_devnull"
    }


def test_both_ways_raise_an_audit_event(loop: asyncio.AbstractEventLoop) -> None:
    events: list[Any] = []
    is_recording = True

    def hook(name: str, arguments: Any) -> None:
        if is_recording and name == "subprocess.Popen":
            events.append(arguments)

    # A hook stays for ever.
    sys.addaudithook(hook)

    async def main(**options: Any) -> None:
        child = await asyncio.create_subprocess_exec("true", "argument", cwd="/", **options)
        await child.wait()

    run(loop, main())
    run(loop, main(**THE_LONG_WAY))
    is_recording = False
    assert events == [("true", ["true", "argument"], "/", None)] * 2


@pytest.mark.parametrize("method", ["__init__", "_execute_child"])
def test_a_tool_that_replaces_a_method_sees_each_child(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Tools for tracing do that."""
    original, calls = getattr(subprocess.Popen, method), []

    def replaced(self: Any, *arguments: Any, **options: Any) -> None:
        calls.append(self)
        original(self, *arguments, **options)

    async def main() -> None:
        child = await asyncio.create_subprocess_exec("true")
        await child.wait()

    run(loop, main())
    monkeypatch.setattr(subprocess.Popen, method, replaced)
    run(loop, main())
    assert len(calls) == 1


def test_a_program_on_the_path(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first folder that has it counts, and an empty one is the current folder."""
    for number, folder in enumerate(["first", "second"]):
        (tmp_path / folder).mkdir()
        program = tmp_path / folder / "program"
        program.write_text(f"#!/bin/sh\nexit {number}\n")
        program.chmod(0o755)

    async def main(path: str) -> int:
        monkeypatch.setenv("PATH", path)
        child = await asyncio.create_subprocess_exec("program")
        return await child.wait()

    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    assert run(loop, main(f"/no/such/folder:{first}:{second}")) == 0
    assert run(loop, main(f"{second}/:{first}")) == 1
    monkeypatch.chdir(second)
    assert run(loop, main(f":{first}")) == 1
    with pytest.raises(FileNotFoundError):
        run(loop, main("/no/such/folder"))


def test_standard_files_that_are_closed(loop_name: str, tmp_path: Path) -> None:
    """The pipes of a child get the numbers of the parent's standard files."""
    body = """
        import asyncio, os
        async def main():
            os.closerange(0, 3)
            child = await asyncio.create_subprocess_shell("cat; echo error >&2", stdin=-1, stdout=-1, stderr=-1)
            out, err = await child.communicate(b"data")
            other = await asyncio.create_subprocess_shell("exit 4")
            try:
                await asyncio.create_subprocess_exec("/no/such/program")
            except FileNotFoundError as error:
                missing = error.filename
            with open(path, "w") as file:
                print(out, err, child.returncode, await other.wait(), missing, file=file)
        import sys
        path = sys.argv[1]
        loop = new_loop()
        loop.run_until_complete(main())
        loop.close()
    """
    path = tmp_path / "result"
    outcome = run_python("-c", script_for(loop_name, body), str(path))
    assert outcome.returncode == 0, outcome.stderr
    assert path.read_text() == "b'data' b'error\\n' 0 4 /no/such/program\n"


@pytest.mark.vitok_only
def test_too_few_descriptors(ours: asyncio.AbstractEventLoop) -> None:
    """A start that fails for lack of descriptors leaves none open, and raises what Popen does."""
    # A loop opens its own descriptors when it first runs.
    run(ours, asyncio.sleep(0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(map(int, os.listdir("/proc/self/fd"))) + 1
    taken: list[int] = []

    async def main(free: int) -> str:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit + free, hard))
        try:
            child = await asyncio.create_subprocess_exec("true", stdin=PIPE, stdout=PIPE, stderr=PIPE)
        except OSError as error:
            return os.strerror(error.errno)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await child.communicate()
        return f"exit {await child.wait()}"

    outcomes = [run(ours, main(free)) for free in range(10)]
    for number in taken:
        os.close(number)
    # Three pipes and that for what the child reports; without another one for the process, a thread waits.
    assert outcomes == ["Too many open files"] * 8 + ["exit 0"] * 2
