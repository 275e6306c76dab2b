"""Child processes: the arguments of `subprocess_exec` and `subprocess_shell`, their pipes and their callbacks.

How the end of a child is noticed is tested in test_processes_ends.py.
"""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from net_support import run
from support import NewLoop, is_alone, loop_factory, private, run_python, turn_until

PIPE = asyncio.subprocess.PIPE
MORE_THAN_A_PIPE = 1 << 20

# One argument of Popen's each, and what the child prints then.
ARGUMENTS: dict[str, tuple[Callable[[Path], dict[str, Any]], str, Callable[[Path], str]]] = {
    "cwd": (lambda folder: {"cwd": folder}, "os.getcwd()", str),
    "env": (lambda folder: {"env": {"NAME": "värde"}}, "os.environ['NAME']", lambda folder: "värde"),
    "umask": (lambda folder: {"umask": 0o26}, "os.umask(0)", lambda folder: str(0o26)),
    "start_new_session": (
        lambda folder: {"start_new_session": True},
        "os.getsid(0) == os.getpid()",
        lambda folder: "True",
    ),
    "process_group": (lambda folder: {"process_group": 0}, "os.getpgid(0) == os.getpid()", lambda folder: "True"),
    "executable": (lambda folder: {"executable": sys.executable}, "sys.argv[0]", lambda folder: "-c"),
    "user": (lambda folder: {"user": os.getuid()}, "os.getuid()", lambda folder: str(os.getuid())),
    "group": (lambda folder: {"group": os.getgid()}, "os.getgid()", lambda folder: str(os.getgid())),
    "preexec_fn": (lambda folder: {"preexec_fn": lambda: os.chdir(folder)}, "os.getcwd()", str),
    "restore_signals": (
        lambda folder: {"restore_signals": False},
        "open('/proc/self/status').read().split('SigIgn:')[1].split()[0][-4] in '13579bdf'",
        lambda folder: "True",
    ),
    "bufsize": (lambda folder: {"bufsize": 0}, "0", lambda folder: "0"),
    "pipesize": (lambda folder: {"pipesize": 4096}, "fcntl.fcntl(1, fcntl.F_GETPIPE_SZ)", lambda folder: "4096"),
}


async def output_of(code: str, **options: Any) -> str:
    """Return what Python prints for an expression, in a child."""
    program = f"import fcntl, os, sys; print({code})"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=PIPE, **options)
    output, _ = await child.communicate()
    assert child.returncode == 0
    return output.decode().rstrip("\n")


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_argument_of_popen(loop: asyncio.AbstractEventLoop, tmp_path: Path, name: str) -> None:
    make, code, expected = ARGUMENTS[name]
    assert run(loop, output_of(code, **make(tmp_path))) == expected(tmp_path)


def test_descriptors_are_closed_and_passed(loop: asyncio.AbstractEventLoop) -> None:
    ends = os.pipe()
    for end in ends:
        os.set_inheritable(end, True)
    code = f"[n for n in {ends!r} if os.path.exists(f'/proc/self/fd/{{n}}')]"
    try:
        assert run(loop, output_of(code)) == "[]"
        assert run(loop, output_of(code, close_fds=False)) == str(list(ends))
        assert run(loop, output_of(code, pass_fds=ends[:1])) == str([ends[0]])
    finally:
        os.close(ends[0])
        os.close(ends[1])


FAILURES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "no program": (["/no/such/program"], {}),
    "no program on the path": (["no-such-program"], {}),
    "no permission": (["/etc/passwd"], {}),
    "no folder": (["/bin/true"], {"cwd": "/no/such/folder"}),
    "null": (["/bin/true", "a\0b"], {}),
    "no text": (["/bin/true", 1], {}),
    "variable": (["/bin/true"], {"env": {"a=b": "c"}}),
    "preexec_fn": (["/bin/true"], {"preexec_fn": lambda: 1 / 0}),
    "descriptor": (["/bin/true"], {"pass_fds": [-1]}),
    "user": (["/bin/true"], {"user": "no-such-user"}),
    "keyword": (["/bin/true"], {"no_such_argument": 1}),
    "text": (["/bin/true"], {"text": True}),
    "startupinfo": (["/bin/true"], {"startupinfo": 1}),
    "stdout": (["/bin/true"], {"stdout": asyncio.subprocess.STDOUT}),
    "stdin": (["/bin/true"], {"stdin": object()}),
}


@pytest.mark.vitok_only
@pytest.mark.parametrize("name", FAILURES)
def test_a_child_that_cannot_start(name: str) -> None:
    """The exception equals that of asyncio's loop, and nothing is left."""
    arguments, options = FAILURES[name]
    found = []
    for module in ("asyncio", "vitok"):
        loop = loop_factory(module)()
        with pytest.raises(BaseException) as raised:
            run(loop, asyncio.wait_for(_start(arguments, options), 30))
        error: Any = raised.value
        found.append((type(error), str(error), getattr(error, "errno", None), getattr(error, "filename", None)))
        loop.close()
    assert found[0] == found[1]


async def _start(arguments: list[Any], options: dict[str, Any]) -> object:
    return await asyncio.create_subprocess_exec(*arguments, **{"stdout": PIPE, **options})


def test_all_three_pipes(loop: asyncio.AbstractEventLoop) -> None:
    """More than fits into each pipe goes through all of them."""

    async def main() -> None:
        child = await asyncio.create_subprocess_shell("tee /dev/stderr", stdin=PIPE, stdout=PIPE, stderr=PIPE)
        data = bytes(range(256)) * (MORE_THAN_A_PIPE // 256)
        assert await child.communicate(data) == (data, data)
        assert child.returncode == 0

    run(loop, main())


def test_output_that_is_not_read_yet(loop: asyncio.AbstractEventLoop) -> None:
    """A child waits for a reader of its full pipe."""

    async def main() -> None:
        command = f"head -c {MORE_THAN_A_PIPE} /dev/zero; echo end >&2"
        child = await asyncio.create_subprocess_shell(command, stdout=PIPE, stderr=PIPE, limit=1000)
        assert child.stdout is not None
        assert child.stderr is not None
        while private(child)._transport.get_pipe_transport(1).is_reading():
            await asyncio.sleep(0)
        assert child.returncode is None
        assert len(await child.stdout.read()) == MORE_THAN_A_PIPE
        assert await child.stderr.read() == b"end\n"
        assert await child.wait() == 0

    run(loop, main())


def test_errors_in_the_output(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_shell(
            "echo one; echo two >&2", stdout=PIPE, stderr=asyncio.subprocess.STDOUT
        )
        assert await child.communicate() == (b"one\ntwo\n", None)

    run(loop, main())


def test_a_file_for_the_output(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    async def main() -> None:
        with (tmp_path / "out").open("wb") as out, (tmp_path / "in").open("rb") as source:
            child = await asyncio.create_subprocess_exec("cat", stdin=source, stdout=out.fileno())
            assert (child.stdin, child.stdout) == (None, None)
            assert await child.wait() == 0

    (tmp_path / "in").write_bytes(b"contents")
    run(loop, main())
    assert (tmp_path / "out").read_bytes() == b"contents"


def test_a_child_that_ends_without_reading(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec("true", stdin=PIPE)
        assert await child.communicate(bytes(MORE_THAN_A_PIPE)) == (None, None)
        assert child.returncode == 0

    run(loop, main())


def test_a_child_that_closes_its_output_and_lives(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_shell("exec >&-; read line; exit 3", stdin=PIPE, stdout=PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        assert await child.stdout.read() == b""
        assert child.returncode is None
        child.stdin.write(b"end\n")
        assert await child.wait() == 3
        child.stdin.close()

    run(loop, main())


class Events(asyncio.SubprocessProtocol):
    """Records its calls, and how each pipe is then."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.lost = False

    def connection_made(self, transport: Any) -> None:
        pipes = [transport.get_pipe_transport(number) is not None for number in range(4)]
        self.events.append(("made", pipes, transport.get_returncode()))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.events.append(("data", fd, data))

    def pipe_connection_lost(self, fd: int, exc: BaseException | None) -> None:
        self.events.append(("pipe lost", fd, type(exc)))

    def process_exited(self) -> None:
        self.events.append(("exited",))

    def connection_lost(self, exc: BaseException | None) -> None:
        self.events.append(("lost", exc))
        self.lost = True


def test_the_callbacks_of_a_protocol(loop: asyncio.AbstractEventLoop) -> None:
    transport: Any
    transport, protocol = run(loop, loop.subprocess_shell(Events, "read line; echo $line", stderr=None))
    assert isinstance(transport, asyncio.SubprocessTransport)
    assert isinstance(transport.get_extra_info("subprocess"), subprocess.Popen)
    assert transport.get_pid() == transport.get_extra_info("subprocess").pid
    assert transport.get_protocol() is protocol
    assert f"pid={transport.get_pid()} running stdin=" in repr(transport)
    transport.get_pipe_transport(0).write(b"hello\n")
    turn_until(loop, lambda: protocol.lost)
    assert protocol.events[0] == ("made", [True, True, False, False], None)
    assert protocol.events[-1] == ("lost", None)
    data = [event for event in protocol.events if event[0] == "data"]
    assert data == [("data", 1, b"hello\n")]
    assert protocol.events.index(("pipe lost", 1, type(None))) > protocol.events.index(data[0])
    assert transport.get_returncode() == 0
    with pytest.raises(ProcessLookupError):
        transport.kill()
    transport.close()
    assert "closed" in repr(transport)
    assert "returncode=0" in repr(transport)


def test_an_exchanged_protocol(loop: asyncio.AbstractEventLoop) -> None:
    transport, first = run(loop, loop.subprocess_exec(Events, "cat", stderr=None))
    second = Events()
    transport.set_protocol(second)
    transport.get_pipe_transport(0).write(b"data")
    transport.get_pipe_transport(0).close()
    turn_until(loop, lambda: second.lost)
    assert len(first.events) == 1
    assert ("data", 1, b"data") in second.events
    transport.close()


def test_an_exception_in_connection_made(loop: asyncio.AbstractEventLoop) -> None:
    """It is reported, and the child goes on."""
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, details: reports.append(details))

    class Failing(Events):
        def connection_made(self, transport: Any) -> None:
            raise ValueError("refused")

    transport, protocol = run(loop, loop.subprocess_exec(Failing, "true", stdin=None, stdout=None, stderr=None))
    turn_until(loop, lambda: protocol.lost)
    assert [str(report["exception"]) for report in reports] == ["refused"]
    transport.close()


def test_debug_mode_logs_pipes(caplog: pytest.LogCaptureFixture, new_loop: NewLoop) -> None:
    loop = new_loop()
    loop.set_debug(True)
    with caplog.at_level("DEBUG", "asyncio"):
        transport, protocol = run(loop, loop.subprocess_exec(Events, "true"))
        turn_until(loop, lambda: protocol.lost)
    transport.close()
    texts = [record.getMessage() for record in caplog.records]
    for text in ("process 'true' created", "Read pipe ", "exited with return code 0"):
        assert any(text in one for one in texts), texts


def test_a_loop_in_a_thread(new_loop: NewLoop) -> None:
    """Children belong to the loop that starts them, in any thread."""
    found: list[list[int]] = []

    def work(number: int) -> None:
        async def main() -> list[int]:
            commands = [f"exit {number + one}" for one in range(5)]
            children = [await asyncio.create_subprocess_shell(command) for command in commands]
            return [await child.wait() for child in children]

        loop = new_loop()
        found.append(loop.run_until_complete(main()))

    threads = [threading.Thread(target=work, args=(number,)) for number in (10, 20, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [[number + one for one in range(5)] for number in (10, 20, 30)]


def test_many_at_once(loop: asyncio.AbstractEventLoop) -> None:
    async def one(number: int) -> tuple[bytes, int | None]:
        child = await asyncio.create_subprocess_shell(f"echo {number}; exit {number}", stdout=PIPE)
        output, _ = await child.communicate()
        return output, child.returncode

    async def main() -> list[tuple[bytes, int | None]]:
        return await asyncio.gather(*map(one, range(30)))

    assert run(loop, main()) == [(b"%d\n" % number, number) for number in range(30)]


def test_signals(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        for method, number in (("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)):
            child = await asyncio.create_subprocess_exec("sleep", "1000")
            getattr(child, method)()
            assert await child.wait() == -number
        child = await asyncio.create_subprocess_exec("sleep", "1000")
        child.send_signal(signal.SIGUSR1)
        assert await child.wait() == -signal.SIGUSR1

    run(loop, main())


def test_a_replaced_popen_is_used(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Replaced(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            made.append(args)
            super().__init__(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", Replaced)
    transport, protocol = run(loop, loop.subprocess_exec(Events, "true"))
    assert isinstance(transport.get_extra_info("subprocess"), Replaced)
    assert made == [(("true",),)]
    turn_until(loop, lambda: protocol.lost)
    assert transport.get_returncode() == 0
    transport.close()


@pytest.mark.vitok_only
@pytest.mark.parametrize("name", ["_make_write_pipe_transport", "_make_read_pipe_transport"])
def test_a_pipe_that_gets_no_transport(
    monkeypatch: pytest.MonkeyPatch, name: str, request: pytest.FixtureRequest
) -> None:
    """The exception reaches the caller, the child is killed and waited for, and its pipes are closed."""
    if not is_alone(request):
        # Other tests have children that run.
        return
    loop = loop_factory("vitok")()

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "refused")

    monkeypatch.setattr(loop, name, fail)
    with pytest.raises(OSError, match="refused"):
        run(loop, asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE, stderr=PIPE))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    loop.close()


FOREIGN = """
    import subprocess

    class Foreign:
        standard = subprocess.Popen

        def __init__(self, *args, **options):
            self.proc = self.standard(*args, **options)
            self.stdin, self.stdout, self.stderr = self.proc.stdin, self.proc.stdout, self.proc.stderr
            self.pid, self.returncode = self.proc.pid, None

    subprocess.Popen = Foreign
    import asyncio, vitok

    async def main():
        child = await asyncio.create_subprocess_exec("sh", "-c", "echo out; exit 3", stdout=-1)
        print(await child.communicate(), child.returncode)

    with asyncio.Runner(loop_factory=vitok.new_event_loop) as runner:
        runner.run(main())
"""


@pytest.mark.vitok_only
def test_popen_was_replaced_before_the_import() -> None:
    """As gevent does it: its class has no more of Popen than what is public."""
    child = run_python("-c", textwrap.dedent(FOREIGN))
    assert (child.stdout, child.stderr) == ("(b'out\\n', None) 3\n", "")
