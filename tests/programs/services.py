"""Redis and PostgreSQL as packaged by Debian, each started for the session in a folder of its own, and ended.

They listen on 127.0.0.1 and on a Unix socket in that folder. Neither runs as root: PostgreSQL refuses to, and a server
that a test starts need not. Their clients are not known here.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from needs import need_command

# initdb takes a second or two, the servers a tenth; each may have to wait for a busy machine.
START_SECONDS = 30
STOP_SECONDS = 20
# A port that was free when the kernel named it may be taken by the time a server asks for it. Three times is a fault.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Service:
    """Where a server is to be found: a port of 127.0.0.1, and the folder in which its Unix socket lies."""

    port: int
    folder: Path


@contextmanager
def redis_server() -> Iterator[Service]:
    """A Redis server that keeps nothing on disk."""
    command = need_command("redis-server", package="redis-server")
    with folder_of("redis") as folder:
        words = [str(command), "--bind", "127.0.0.1", "--unixsocket", f"{folder}/redis.sock", "--save", "", "--port"]
        with started(words, folder, ready="Ready to accept connections", stop=signal.SIGTERM) as port:
            yield Service(port, folder)


@contextmanager
def redis_tls_server(certificate: Path) -> Iterator[Service]:
    """A Redis server for TLS alone, with a certificate that has its key in the same file."""
    command = need_command("redis-server", package="redis-server")
    with folder_of("redis") as folder:
        mine = copied(certificate, folder)
        words = [str(command), "--bind", "127.0.0.1", "--save", "", "--port", "0", "--tls-cert-file", str(mine)]
        words += ["--tls-key-file", str(mine), "--tls-ca-cert-file", str(mine), "--tls-auth-clients", "no"]
        with started([*words, "--tls-port"], folder, ready="Ready to accept", stop=signal.SIGTERM) as port:
            yield Service(port, folder)


@contextmanager
def postgres_server(certificate: Path) -> Iterator[Service]:
    """A PostgreSQL server with an empty database `postgres`, whose user `tester` needs no password.

    Clients on its port may ask for TLS, with a certificate that has its key in the same file.
    """
    command = need_command("postgres", package="postgresql")
    with folder_of("postgres") as folder:
        make_cluster(command.with_name("initdb"), folder)
        # Durability costs time and is not what is tried here. Errors that clients cause are the clients' affair.
        settings = ["fsync=off", "log_min_messages=log", f"unix_socket_directories={folder}"]
        mine = copied(certificate, folder)
        settings += ["ssl=on", f"ssl_cert_file={mine}", f"ssl_key_file={mine}"]
        options = [word for setting in settings for word in ("-c", setting)]
        words = [str(command), "-D", f"{folder}/cluster", *options, "-h", "127.0.0.1", "-p"]
        # SIGINT is the stop that does not wait for clients.
        with started(words, folder, ready="ready to accept connections", stop=signal.SIGINT) as port:
            yield Service(port, folder)


def make_cluster(initdb: Path, folder: Path) -> None:
    """The files of a PostgreSQL server."""
    options = ["--username=tester", "--auth=trust", "--no-sync", "--locale=C.UTF-8"]
    words = [str(initdb), "-D", f"{folder}/cluster", *options]
    made = subprocess.run(words, check=False, timeout=START_SECONDS, **options_of(folder))
    assert made.returncode == 0, made.stdout


@contextmanager
def started(words: Sequence[str], folder: Path, *, ready: str, stop: signal.Signals) -> Iterator[int]:
    """Start a server whose command line ends in a port, wait until it is ready, and end it. Gives the port.

    What it writes once it is ready stays in its pipe until the end; a quiet server's few lines have room there.
    """
    for _ in range(ATTEMPTS):
        port = free_port()
        with subprocess.Popen([*words, str(port)], **options_of(folder)) as process:
            try:
                said = read_until(process, ready)
                if process.poll() is None:
                    yield port
                    process.send_signal(stop)
                    process.communicate(timeout=STOP_SECONDS)
                    return
            finally:
                if process.poll() is None:
                    process.kill()
    raise AssertionError(f"{words[0]} does not start:\n{said}")


def copied(certificate: Path, folder: Path) -> Path:
    """A copy of a certificate and its key in a server's folder, which only the server's user may read."""
    copy = folder / "certificate.pem"
    shutil.copy(certificate, copy)
    copy.chmod(0o600)
    owner = folder.stat()
    os.chown(copy, owner.st_uid, owner.st_gid)
    return copy


def read_until(process: subprocess.Popen[str], ready: str) -> str:
    """Read a server's output until it says that it is ready, or ends. Gives what it said."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if ready in line:
            return said
    process.wait(STOP_SECONDS)
    return said


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on: neither server lets the kernel choose one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def folder_of(user: str) -> Iterator[Path]:
    """A folder for a server to run in. Where we are root, it belongs to this user, or to nobody if there is none such.

    Its name is short: a Unix socket's path has room for 107 bytes, and pytest's own folders are root's alone.
    """
    folder = Path(tempfile.mkdtemp(prefix="vitok-"))
    try:
        if os.geteuid() == 0:
            known = {entry.pw_name for entry in pwd.getpwall()}
            shutil.chown(folder, user if user in known else "nobody")
        yield folder
    finally:
        shutil.rmtree(folder)


def options_of(folder: Path) -> dict[str, Any]:
    """How a process of a server is started: as the owner of its folder, in it, with all its output on one pipe."""
    output = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    if os.geteuid() != 0:
        return {**output, "cwd": folder}
    owner = pwd.getpwuid(folder.stat().st_uid)
    return {**output, "cwd": folder, "user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
