"""Starting a child process by `subprocess.Popen`, as asyncio does, and what Popen leaves open.

All arguments keep the meaning and the checks of the running Python. The end of a child is not noticed here: see
`_exit`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Some of the names used here are private and unknown to typeshed.
_Popen: Any = subprocess.Popen

# From Python 3.13 on Popen may call `posix_spawn()`, for which Python code copies the whole environment. `fork_exec()`
# takes the environment of the process as it is, and starts by `vfork()` as well. So the method of the running version
# is called with the switch off that the module has for users, without switching it off for everybody.
_MODULE: dict[str, Any] = {**vars(subprocess), "_USE_POSIX_SPAWN": False}
_execute_child: Any = FunctionType(_Popen._execute_child.__code__, _MODULE)

# From Python 3.12 on asyncio does this at each fork that runs hooks, and so before `preexec_fn`.
_FORK_KEEPS_WAKEUP_DESCRIPTOR = sys.version_info < (3, 12)


class Child(_Popen):  # type: ignore[misc]
    """A `subprocess.Popen` whose program is executed by `fork_exec()`, and which is signalled without being polled."""

    pidfd = -1
    """A descriptor of the process, from `os.pidfd_open()`, as long as the loop watches it."""

    def send_signal(self, sig: int) -> None:
        """Send a signal to the process, unless it has ended.

        Popen polls first, and takes the exit code to be zero if another caller has waited for the child.
        """
        if self.returncode is not None:
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
        _MODULE["_USE_VFORK"] = getattr(subprocess, "_USE_VFORK", True)
        if preexec_fn is not None and _FORK_KEEPS_WAKEUP_DESCRIPTOR:
            preexec_fn = _Isolated(preexec_fn)
        _execute_child(self, args, executable, preexec_fn, *rest)


class _Isolated:
    """A `preexec_fn` of a child that must not write to its parent's wake-up descriptor.

    Otherwise a signal for the child calls the handlers of the parent.
    """

    def __init__(self, preexec_fn: Callable[[], object]) -> None:
        self._preexec_fn = preexec_fn

    def __call__(self) -> object:
        signal.set_wakeup_fd(-1)
        return self._preexec_fn()


def start(args: Any, **options: Any) -> Any:
    """Return the Popen object of a new child. A program may have replaced `subprocess.Popen`, and then makes it."""
    make = Child if subprocess.Popen is _Popen else subprocess.Popen
    return make(args, universal_newlines=False, **options)
