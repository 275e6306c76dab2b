"""What `vitok top` asks a process: its loops with their metrics, tasks and slow callbacks.

A thread of the inspected process answers on a Unix socket: one that the process listens at (`listen`), or one that
`vitok top` listens at and has told the process to connect to (`connect`). The protocol is an empty line as a question,
and an answer of one line in JSON. Nothing is changed but that the loops measure time as long as someone asks.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import socket
import stat
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import Any, Final

from . import _describing, _measuring
from ._native import __version__

# Connections that wait for the thread that answers.
_BACKLOG: Final = 8


# The path of the socket that this process listens at, and the number of the process that made it.
_listening: tuple[Path, int] | None = None


def listen() -> Path:
    """Answer whoever of this user connects to a socket in the user's runtime folder. Return its path.

    OSError if there is none that only this user can enter. A process listens once, however often it is asked.
    """
    global _listening
    if _listening is not None and _listening[1] == os.getpid():
        return _listening[0]
    path = folder_of(os.getuid(), os.environ.get("XDG_RUNTIME_DIR")) / f"{os.getpid()}.sock"
    make_private(path.parent)
    _remove_left(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    _start(_accept, listener)
    _remove_at_exit(path)
    # A forked child has no such thread; a connection to it would wait for ever.
    os.register_at_fork(after_in_child=listener.close)
    _listening = (path, os.getpid())
    return path


def connect(path: str) -> None:
    """Answer at this socket, which `vitok top` listens at."""
    asker = socket.socket(socket.AF_UNIX)
    try:
        asker.connect(path)
    except BaseException:
        asker.close()
        raise
    _start(serve, asker)


def folder_of(user: int, runtime: str | None) -> Path:
    """Return the folder for the sockets of a user, whose runtime folder may be known."""
    return Path(runtime) / "vitok" if runtime else Path(tempfile.gettempdir()) / f"vitok-{user}"


def make_private(folder: Path) -> None:
    """Make a folder that only this user can enter. OSError if another user may have prepared it."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone")


def _remove_left(own: Path) -> None:
    """Remove the sockets of processes that were killed, one of which may have had the number of this one."""
    for path in own.parent.glob("*.sock"):
        if path == own or (path.stem.isdigit() and not _is_of_this_user(int(path.stem))):
            path.unlink(missing_ok=True)


def _is_of_this_user(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError, OverflowError):
        return False
    return True


def serve(asker: socket.socket) -> None:
    """Answer questions until the other side ends."""
    inspected: weakref.WeakValueDictionary[int, _measuring.MeasuredLoop] = weakref.WeakValueDictionary()
    try:
        # An asker that goes away is no error of this process.
        with asker, asker.makefile("rwb") as file, contextlib.suppress(OSError):
            for _ in file:
                for loop in _measuring.loops():
                    if id(loop) not in inspected and not loop.is_closed():
                        inspected[id(loop)] = loop
                        loop._measurement.inspect(loop, asker)
                file.write(json.dumps(snapshot()).encode() + b"\n")
                file.flush()
    finally:
        for loop in list(inspected.values()):
            loop._measurement.leave(loop, asker)


def snapshot() -> dict[str, Any]:
    """Return what there is to tell of this process."""
    return {
        "pid": os.getpid(),
        "python": platform.python_version(),
        "vitok": __version__,
        "time": time.time(),
        "monotonic": time.monotonic(),
        "loops": _describing.described(),
    }


def _accept(listener: socket.socket) -> None:
    while True:
        try:
            asker, _ = listener.accept()
        except OSError:
            # Closed, or no descriptor left for the asker: it sees that nobody answers.
            if listener.fileno() < 0:
                return
            time.sleep(1)
            continue
        _start(serve, asker)


def _start(answer: Any, sock: socket.socket) -> None:
    """Start a thread that does not keep the process from its end."""
    threading.Thread(target=answer, args=(sock,), name="vitok-inspect", daemon=True).start()


def _remove_at_exit(path: Path) -> None:
    import atexit

    process = os.getpid()

    def remove() -> None:
        # A forked child has the same exit functions.
        if os.getpid() == process:
            path.unlink(missing_ok=True)

    atexit.register(remove)
