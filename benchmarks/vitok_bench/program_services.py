"""What the programs need beside themselves: servers of other kinds in processes of their own, each started for a row.

A service gives environment variables, by which the program finds it. Redis and PostgreSQL are those of the system; the
same variables, set by the caller, name servers that run already. Rows and loops are not known here.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vitok_bench.child import ChildError
from vitok_bench.program_clients import BODY_BYTES, GRPC_VARIABLE, HTTP_VARIABLE, POSTGRES_VARIABLE, REDIS_VARIABLE
from vitok_bench.program_servers import CORE_VARIABLE, HOST, LOAD_VARIABLE

Variables = Mapping[str, str]
Start = Callable[[Path, int | None], AbstractContextManager[Variables]]

# Redis and PostgreSQL take a tenth of a second, and initdb two; on a busy machine many times as long.
START_LIMIT_S: Final = 60.0
STOP_LIMIT_S: Final = 5.0
LOOK_AGAIN_S: Final = 0.05
PEER: Final = ("-m", "vitok_bench.program_peer")


@dataclass(frozen=True, kw_only=True)
class Service:
    """A server that programs need."""

    # Starts it, given the load generator and the core of all that is not measured.
    start: Start
    # The command that has to be installed, with the package that has it, and the variable that makes it unnecessary.
    command: str = ""
    package: str = ""
    variable: str = ""

    def lacks(self) -> str:
        """Return in one line why it cannot be started, or nothing."""
        if not self.command or self.variable in os.environ or find_command(self.command) is not None:
            return ""
        return f"{self.command} is not installed (Debian: {self.package}), and {self.variable} names no other server"


def find_command(name: str) -> Path | None:
    """Return the path of a command. Debian keeps those of PostgreSQL in folders of its versions."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    return max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), default=None)


@contextmanager
def load_generator_only(load: Path, core: int | None) -> Iterator[Variables]:
    """Nothing but the load generator, which a program starts itself."""
    yield {LOAD_VARIABLE: str(load)} | ({} if core is None else {CORE_VARIABLE: str(core)})


@contextmanager
def http_server(load: Path, core: int | None) -> Iterator[Variables]:
    """The raw server, which answers without parsing."""
    words = [str(load), "raw", "--mode", "http", "--answer", str(BODY_BYTES)]
    with _answering(words, core) as said:
        yield {HTTP_VARIABLE: f"{HOST}:{said['port']}"}


@contextmanager
def grpc_server(_: Path, core: int | None) -> Iterator[Variables]:
    """grpc's own server in threads."""
    with _answering([sys.executable, *PEER], core) as said:
        yield {GRPC_VARIABLE: f"{HOST}:{said['port']}"}


@contextmanager
def redis_server(_: Path, core: int | None) -> Iterator[Variables]:
    """A Redis server that keeps nothing on disk, unless there is one."""
    if REDIS_VARIABLE in os.environ:
        yield {}
        return
    port = _free_port()
    with _folder("redis") as folder:
        words = [str(find_command("redis-server")), "--bind", HOST, "--save", "", "--port", str(port)]
        with _listening(words, folder, port, core):
            yield {REDIS_VARIABLE: f"{HOST}:{port}"}


@contextmanager
def postgres_server(_: Path, core: int | None) -> Iterator[Variables]:
    """A PostgreSQL server with the user `tester`, who needs no password, unless there is one."""
    if POSTGRES_VARIABLE in os.environ:
        yield {}
        return
    port, command = _free_port(), find_command("postgres")
    assert command is not None
    with _folder("postgres") as folder:
        _make_cluster(command.with_name("initdb"), folder)
        # Durability is the server's work, which is not measured.
        settings = ["-c", "fsync=off", "-c", f"unix_socket_directories={folder}"]
        words = [str(command), "-D", f"{folder}/cluster", *settings, "-h", HOST, "-p", str(port)]
        with _listening(words, folder, port, core):
            yield {POSTGRES_VARIABLE: f"{HOST}:{port}"}


def _make_cluster(initdb: Path, folder: Path) -> None:
    options = ["--username=tester", "--auth=trust", "--no-sync", "--locale=C.UTF-8"]
    words = [str(initdb), "-D", f"{folder}/cluster", *options]
    try:
        made = subprocess.run(words, check=False, capture_output=True, text=True, timeout=START_LIMIT_S, **_as(folder))
    except subprocess.TimeoutExpired:
        raise ChildError("hang", f"initdb took more than {START_LIMIT_S:g} s") from None
    if made.returncode:
        raise ChildError("n/a", f"initdb: {made.stderr.strip()}")


SERVICES: Final[Mapping[str, Service]] = {
    "load": Service(start=load_generator_only),
    "http": Service(start=http_server),
    "grpc": Service(start=grpc_server),
    "redis": Service(start=redis_server, command="redis-server", package="redis-server", variable=REDIS_VARIABLE),
    "postgres": Service(start=postgres_server, command="postgres", package="postgresql", variable=POSTGRES_VARIABLE),
}


@contextmanager
def _answering(words: Sequence[str], core: int | None) -> Iterator[dict[str, Any]]:
    """Start a server that says its port in a line of JSON, and ends with its stdin."""
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        _pin(process, core)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise ChildError("n/a", process.stderr.read().decode(errors="replace").strip() or "it did not start")
            yield json.loads(line)
        finally:
            process.kill()


@contextmanager
def _listening(words: Sequence[str], folder: Path, port: int, core: int | None) -> Iterator[None]:
    """Start a server, and wait until it listens."""
    # A file takes whatever it writes: a pipe that nobody reads would stop it.
    with (
        Path(folder, "log").open("w+b") as log,
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_as(folder)) as process,
    ):
        _pin(process, core)
        try:
            _wait_for(process, port)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline_s:
        try:
            socket.create_connection((HOST, port)).close()
        except ConnectionRefusedError:
            time.sleep(LOOK_AGAIN_S)
        else:
            return
    raise ChildError("n/a", "the server that it needs does not start")


def _pin(process: subprocess.Popen[bytes], core: int | None) -> None:
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})


def _free_port() -> int:
    """A port that nobody listens on: these servers don't let the kernel choose one."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _folder(user: str) -> Iterator[Path]:
    """A folder for a server; for root, it belongs to that user, because PostgreSQL does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="vitok-"))
    try:
        if os.geteuid() == 0:
            known = {entry.pw_name for entry in pwd.getpwall()}
            shutil.chown(folder, user if user in known else "nobody")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as(folder: Path) -> dict[str, Any]:
    """The options of a process that runs in a folder, as its owner."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    owner = pwd.getpwuid(folder.stat().st_uid)
    return {"cwd": folder, "user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
