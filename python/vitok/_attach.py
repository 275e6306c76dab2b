"""Connects `vitok top` to a process: by the socket that it listens at, or by CPython's remote debugging.

What is asked and answered is not known here. A process that cannot be asked is an `AttachError`, whose text says why
and what would help.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from ._inspect import folder_of

# Seconds that a process has to answer. One that runs any Python code does so within milliseconds.
ANSWER_SECONDS: Final = 10.0
# Seconds after which a process that sleeps in a system call is interrupted there.
_SLEEPS_AFTER: Final = 0.1
_HOW_ELSE: Final = "start it by `vitok run --inspect`"

# Runs in the process, in a namespace of its own. A process without vitok, or with one that is too old, answers too.
_SCRIPT: Final = """\
def answer(path):
    import sys
    try:
        if "vitok" not in sys.modules:
            raise LookupError("it has not imported vitok")
        from vitok import _inspect
        _inspect.connect(path)
    except BaseException as error:
        import json, socket
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(path)
            asker.sendall(json.dumps({{"error": f"{{type(error).__name__}}: {{error}}"}}).encode() + b"\\n")
answer({path!r})
"""


class AttachError(Exception):
    """A process cannot be inspected."""


def attach(pid: int, *, seconds: float = ANSWER_SECONDS) -> socket.socket:
    """Return a socket at whose other end the process answers. AttachError if there is none."""
    user = _user_of(pid)
    found = _connect(pid, user)
    if found is not None:
        return found
    if os.geteuid() not in (0, user):
        raise AttachError(f"process {pid} belongs to {_name_of(user)}: run `vitok top` as that user or as root")
    if not hasattr(sys, "remote_exec"):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise AttachError(f"process {pid} does not listen, and Python {version} cannot ask it otherwise: {_HOW_ELSE}")
    return _ask_by_debugger(pid, user, seconds)


def is_alive(pid: int) -> bool:
    """Return whether the process exists and has not ended."""
    return _state_of(pid) not in ("", "Z", "X")


def _user_of(pid: int) -> int:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        # No process has a number that the kernel has no room for.
        raise AttachError(f"there is no process {pid}") from None
    except PermissionError:
        pass
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        # Without /proc. A process of another user has no socket in the folder of this one.
        return os.geteuid()


def _connect(pid: int, user: int) -> socket.socket | None:
    """Return a connection to the socket that the process listens at, if it does."""
    own = os.environ.get("XDG_RUNTIME_DIR") if user == os.geteuid() else None
    for folder in (folder_of(user, own), folder_of(user, f"/run/user/{user}"), folder_of(user, None)):
        asker = socket.socket(socket.AF_UNIX)
        try:
            asker.connect(str(folder / f"{pid}.sock"))
        except OSError:
            # No such file, one that an earlier process has left, or the folder of another user.
            asker.close()
        else:
            return asker
    return None


def _ask_by_debugger(pid: int, user: int, seconds: float) -> socket.socket:
    folder = Path(tempfile.mkdtemp(prefix="vitok-top-"))
    path, script = folder / "socket", folder / "script.py"
    is_pending = False
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(1)
            script.write_text(_SCRIPT.format(path=str(path)))
            for one in (folder, path, script):
                if user != os.geteuid():
                    os.chown(one, user, -1)
            _execute(pid, script)
            is_pending = True
            asker = _accept(listener, pid, seconds)
            is_pending = False
            return asker
    finally:
        if is_pending and is_alive(pid):
            # The process may still run it, and would complain of a file that is gone.
            script.write_text("")
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _execute(pid: int, script: Path) -> None:
    """Tell the process to run a script. AttachError if the kernel or the interpreters refuse."""
    try:
        sys.remote_exec(pid, str(script))  # type: ignore[attr-defined, unused-ignore]
    except PermissionError:
        raise AttachError(
            f"no permission to debug process {pid} (see kernel.yama.ptrace_scope): run as root, or {_HOW_ELSE}"
        ) from None
    except (OSError, RuntimeError) as error:
        if not is_alive(pid):
            raise AttachError(f"process {pid} has ended") from None
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        reason = f"process {pid} is not a Python {version} that can be asked ({error})"
        raise AttachError(f"{reason}: run `vitok top` by its version of Python, or {_HOW_ELSE}") from None


def _accept(listener: socket.socket, pid: int, seconds: float) -> socket.socket:
    deadline = time.monotonic() + seconds
    listener.settimeout(_SLEEPS_AFTER)
    while time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            asker, _ = listener.accept()
            return asker
        if not is_alive(pid):
            raise AttachError(f"process {pid} has ended")
        if _state_of(pid) == "S":
            _interrupt(pid)
    if _state_of(pid) in ("T", "t"):
        raise AttachError(f"process {pid} is stopped")
    raise AttachError(f"the main thread of process {pid} has run no Python code for {seconds:g} seconds: {_HOW_ELSE}")


# Numbers of <sys/ptrace.h> and <linux/wait.h>.
_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17
_ANY_CHILD = 0x40000000


def _interrupt(pid: int) -> None:
    """End the system call in which the main thread of a process sleeps, as a debugger does that comes and goes.

    The call fails with EINTR, upon which the interpreter looks for what it is told to do. No signal is sent.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes
    except ImportError:
        return
    call = ctypes.CDLL(None, use_errno=True).ptrace
    call.restype = ctypes.c_long
    call.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if call(_SEIZE, pid, None, None) != 0:
        return
    try:
        if call(_INTERRUPT, pid, None, None) == 0:
            _await_stop(pid)
    finally:
        call(_DETACH, pid, None, None)


def _await_stop(pid: int) -> None:
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        with contextlib.suppress(ChildProcessError):
            stopped, _ = os.waitpid(pid, _ANY_CHILD | os.WNOHANG)
            if stopped:
                return
        time.sleep(0.001)


def _state_of(pid: int) -> str:
    """Return the letter that the kernel has for the state of a process; nothing if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "?"


def _name_of(user: int) -> str:
    try:
        return f"user {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"user {user}"
