"""Starting a child process by `subprocess.Popen`, as asyncio does, and with what Popen leaves open.

All arguments keep the meaning and the checks of the running Python. The most frequent ones take a shorter way to the
same call; whatever fails there is tried again by Popen, which raises the exception. The end of a child is not noticed
here: see `_exit`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Some of the names used here are private and unknown to typeshed.
_subprocess: Any = subprocess


def _is_standard(popen: Any) -> bool:
    """Return whether a class is the standard library's with its own methods. gevent, for example, has another."""
    methods = (getattr(popen, name, None) for name in ("__init__", "_execute_child"))
    return isinstance(popen, type) and all(getattr(it, "__globals__", None) is vars(subprocess) for it in methods)


class _NoPopen:
    """Stands for a class that a program has replaced before this module was imported: no child is of it."""

    def _execute_child(self, *arguments: Any) -> None:
        raise NotImplementedError


_Popen: Any = subprocess.Popen if _is_standard(subprocess.Popen) else _NoPopen

# From Python 3.13 on Popen may call `posix_spawn()`, for which Python code copies the whole environment. `fork_exec()`
# takes the environment of the process as it is, and starts by `vfork()` as well. So the method of the running version
# is called with the switch off that the module has for users, without switching it off for everybody.
_MODULE: dict[str, Any] = {**vars(subprocess), "_USE_POSIX_SPAWN": False}
_execute_child: Any = FunctionType(_Popen._execute_child.__code__, _MODULE)


class Child(_Popen):  # type: ignore[misc]
    """A `subprocess.Popen` whose program is executed by `fork_exec()`, and which is signalled without being polled."""

    pidfd = -1
    """A descriptor of the process, from `os.pidfd_open()`, as long as the loop watches it."""

    parent = -1
    """The process whose child it is. One that was forked from that signals nobody."""

    def send_signal(self, sig: int) -> None:
        """Send a signal to the process, unless it has ended.

        Popen polls first, and takes the exit code to be zero if another caller has waited for the child.
        """
        if self.returncode is not None or self.parent != os.getpid():
            return
        try:
            if self.pidfd >= 0:
                signal.pidfd_send_signal(self.pidfd, sig)
            else:
                os.kill(self.pid, sig)
        except ProcessLookupError:
            # It has ended, and another caller has waited for it.
            pass

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, *rest: Any) -> None:
        """Execute the program, or raise what the child reports."""
        _MODULE["_USE_VFORK"] = _may_vfork()
        if preexec_fn is None:
            _execute_child(self, args, executable, None, *rest)
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            _execute_child(self, args, executable, _Isolated(preexec_fn, before), *rest)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _may_vfork() -> bool:
    """Return the module's other switch for users, which Python 3.14 does not have."""
    return bool(getattr(subprocess, "_USE_VFORK", True))


class _Isolated:
    """A `preexec_fn` of a child that must not write to its parent's wake-up descriptor, and is forked without signals.

    Otherwise a signal for the child calls the handlers of the parent. With `vfork()` CPython does this itself.
    """

    def __init__(self, preexec_fn: Callable[[], object], signals: Iterable[int]) -> None:
        self._preexec_fn = preexec_fn
        self._signals = signals

    def __call__(self) -> object:
        signal.set_wakeup_fd(-1)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._signals)
        return self._preexec_fn()


def start(args: Any, options: dict[str, Any]) -> Any:
    """Return the Popen object of a new child. What a program has put in the place of Popen's makes it instead."""
    if not _is_untouched():
        return subprocess.Popen(args, universal_newlines=False, **options)
    child = _start_shortly(args, options) if options.keys() <= _FREQUENT else None
    child = child or Child(args, universal_newlines=False, **options)
    child.parent = os.getpid()
    return child


# The shorter way. Popen's own takes longer than the kernel's part, most of it for arguments that were not given.

_FREQUENT = frozenset({"shell", "stdin", "stdout", "stderr", "bufsize", "cwd", "start_new_session"})

_init, _original_execute_child = _Popen.__init__, _Popen._execute_child

# The last arguments of `fork_exec()`: no group, groups, user, mask or function; and, before Python 3.14, `vfork()`.
_NOTHING_ELSE = (-1, None, None, None, -1, None, *((True,) if sys.version_info < (3, 14) else ()))

_NO_FILES = (-1,) * 6


def _is_untouched() -> bool:
    """Return whether Popen is as it was: tools for tracing replace it or its methods, and have to see each child."""
    return _subprocess.Popen is _Popen and _Popen.__init__ is _init and _Popen._execute_child is _original_execute_child


def _start_shortly(args: Any, options: dict[str, Any]) -> Child | None:
    """Return a new child, or None if Popen has to try; nothing is left of the attempt then."""
    command = ["/bin/sh", "-c", args] if options["shell"] else list(args)
    program, standard = command[0], (options["stdin"], options["stdout"], options["stderr"])
    if type(program) is not str or options["bufsize"] != 0 or standard[1] == subprocess.STDOUT or not _may_vfork():
        return None
    if _subprocess._active:
        _subprocess._cleanup()
    sys.audit("subprocess.Popen", program, command, options.get("cwd"), None)
    child: Any = Child.__new__(Child)
    child.__dict__.update(_attributes(), args=args, _waitpid_lock=threading.Lock())
    if standard == (None, None, None):
        return child if _execute(child, command, _NO_FILES, options) else None
    files = child._get_handles(*standard)
    is_started = False
    try:
        _open_files(child, files)
        is_started = _execute(child, command, files, options)
    finally:
        child._close_pipe_fds(*files)
        if not is_started:
            for file in (child.stdin, child.stdout, child.stderr):
                if file is not None:
                    file.close()
    return child if is_started else None


def _open_files(child: Any, files: tuple[int, ...]) -> None:
    """Make file objects of the parent's ends of the pipes."""
    _, writing, reading, _, errors, _ = files
    if writing >= 0:
        child.stdin = os.fdopen(writing, "wb", 0)
    if reading >= 0:
        child.stdout = os.fdopen(reading, "rb", 0)
    if errors >= 0:
        child.stderr = os.fdopen(errors, "rb", 0)


def _execute(child: Any, command: list[Any], files: tuple[int, ...], options: dict[str, Any]) -> bool:
    """Execute the program. Return false, without a child, if that fails in any way."""
    reading, writing = os.pipe()
    try:
        try:
            if writing <= 2:
                # The child would overwrite it with one of its standard files.
                return False
            child.pid = _subprocess._fork_exec(
                *(command, _places(command[0]), True, (writing,), options.get("cwd"), None, *files, reading, writing),
                *(True, options.get("start_new_session", False), *_NOTHING_ELSE),
            )
        except Exception:
            # Popen raises it again, with what else it has to say.
            return False
        finally:
            os.close(writing)
        child._child_created = True
        # The child writes what has failed, and its end is closed when the program is executed.
        if not os.read(reading, 1):
            return True
    finally:
        os.close(reading)
    child._child_created = False
    try:
        os.waitpid(child.pid, 0)
    except ChildProcessError:
        # Another caller has waited for it.
        pass
    return False


def _places(program: str) -> tuple[bytes, ...]:
    """Return the paths at which a program may be."""
    if "/" in program:
        return (os.fsencode(program),)
    # An empty folder is the current one.
    return tuple(os.fsencode(f"{folder}/{program}" if folder else program) for folder in os.get_exec_path())


class _NeverStarted(_Popen):  # type: ignore[misc]
    """A Popen that starts nothing."""

    def _execute_child(self, *arguments: Any) -> None:
        pass


# What `_attributes` returns; empty before its first call.
_found: dict[str, Any] = {}


def _attributes() -> dict[str, Any]:
    """Return the attributes that Popen gives to a child with the default arguments, in the version that runs."""
    if not _found:
        popen = _NeverStarted([""], bufsize=0, universal_newlines=False)
        _found.update(vars(popen) | {"_child_created": False, "_closed_child_pipe_fds": True})
    return _found
