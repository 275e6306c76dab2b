"""Noticing the end of a child process, by a descriptor of the process that the loop watches.

No signal is involved: SIGCHLD and its handler belong to the program. Each child is waited for by its own descriptor or
number, so that no other child is. Where the kernel has no such descriptors, or none is left, a thread waits.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import struct
import threading
from asyncio.log import logger
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# The code that asyncio reports for a child whose exit code another caller has taken.
UNKNOWN = 255

# `PIDFD_GET_INFO` of Linux 6.13, with a `struct pidfd_info` of 64 bytes: the mask comes first, the exit status last,
# which the kernel fills and keeps from 6.15 on.
_GET_INFO = 0xC040FF0B
_INFO = struct.Struct("Q52xi")
_INFO_EXIT = 1 << 3

# A program may have replaced it, as tests do, and is told of each child then.
_waitpid = os.waitpid

_thread_numbers = itertools.count()


class ExitWatch:
    """Waits for the end of one child, and then calls a function with its exit code, in the thread of the loop."""

    def __init__(self, loop: Any, child: Any, on_exit: Callable[[int], object]) -> None:
        self._loop = loop
        self._child = child
        self._on_exit = on_exit
        self._pidfd = -1
        try:
            self._pidfd = os.pidfd_open(child.pid)
            loop._add_reader(self._pidfd, self._on_readable)
        except (AttributeError, OSError):
            # There is no such call, or it is forbidden, or no descriptor or memory is left, or the child has ended
            # without a trace because SIGCHLD is ignored. A thread can wait in all these cases.
            self._close()
            self._wait_in_thread()
        else:
            child.pidfd = self._pidfd

    def __del__(self) -> None:
        # The loop was closed before the child has ended.
        self._close()

    def _close(self) -> None:
        pidfd, self._pidfd = self._pidfd, -1
        if pidfd >= 0:
            self._child.pidfd = -1
            os.close(pidfd)

    def _on_readable(self) -> None:
        try:
            code = self._take_code()
        finally:
            self._loop._remove_reader(self._pidfd)
            self._close()
        self._report(code)

    def _report(self, code: int | None) -> None:
        if code is None:
            # A debugger has the child until it lets go.
            self._wait_in_thread()
        else:
            self._on_exit(code)

    def _take_code(self) -> int | None:
        """Return the exit code, which the Popen object has if its user has polled it; None for a running child."""
        child = self._child
        # Other classes than Popen may have no lock.
        with getattr(child, "_waitpid_lock", None) or nullcontext():
            if child.returncode is None:
                child.returncode = self._wait_now()
            code: int | None = child.returncode
        return code

    def _wait_now(self) -> int | None:
        kind, number = (os.P_PID, self._child.pid) if self._pidfd < 0 else (os.P_PIDFD, self._pidfd)
        try:
            if os.waitpid is not _waitpid:
                pid, status = os.waitpid(self._child.pid, os.WNOHANG)
                return os.waitstatus_to_exitcode(status) if pid else None
            result = os.waitid(kind, number, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            return self._code_of_lost_child()
        if result is None:
            return None
        return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status

    def _code_of_lost_child(self) -> int:
        """Return what the kernel still knows of a child that another caller has waited for."""
        code = remembered_code(self._pidfd)
        if code is None:
            logger.warning("Unknown child process pid %d, will report returncode %d", self._child.pid, UNKNOWN)
            return UNKNOWN
        return code

    # Without a descriptor.

    def _wait_in_thread(self) -> None:
        name = f"vitok-waitpid-{next(_thread_numbers)}"
        threading.Thread(target=self._run_thread, name=name, daemon=True).start()

    def _run_thread(self) -> None:
        pid = self._child.pid
        try:
            # The child stays a zombie, so its number stays its own, until the loop waits for it.
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            # The loop finds that out as well.
            pass
        try:
            self._loop.call_soon_threadsafe(self._on_end_of_thread)
        except RuntimeError:
            self._take_code()
            logger.warning("Loop %r that handles pid %r is closed", self._loop, pid)

    def _on_end_of_thread(self) -> None:
        self._report(self._take_code())


def remembered_code(pidfd: int) -> int | None:
    """Return the exit code of a process that was waited for, from Linux 6.15 on; None elsewhere."""
    info = bytearray(_INFO.pack(_INFO_EXIT, 0))
    try:
        fcntl.ioctl(pidfd, _GET_INFO, info)
    except (OSError, ValueError):
        return None
    mask, status = _INFO.unpack(info)
    return os.waitstatus_to_exitcode(status) if mask & _INFO_EXIT else None
