"""The file with the number of the main process: written when the sockets are bound, removed at the end.

A file of a process that has ended is replaced; one of a process that lives is an error with its number. A process with
that number that began after the file was written is another one, as after a restart of the machine or of a container.
Servers are not known here.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_LONGEST = 32
# The times of a file and of a process come from different clocks.
_SLACK_SECONDS = 2.0


class PidFile:
    """One such file. The path is kept as it is at first: the application may change the current folder."""

    def __init__(self, path: str) -> None:
        self._shown = path
        self._path = Path(path).absolute()
        self._inode: tuple[int, int] | None = None
        self._pid = 0

    def write(self) -> None:
        """Write the file, as a whole: who reads it sees this number, or what was there before.

        OSError, with a message that names the option, if another process has it or it can't be written.
        """
        self._pid = os.getpid()
        draft = self._path.with_name(f".{self._path.name}.{self._pid}")
        try:
            self._check()
            # One that was left behind, by a process of the same number.
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:
                text = b"%d\n" % self._pid
                if os.write(descriptor, text) != len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                about = os.fstat(descriptor)
            finally:
                os.close(descriptor)
            self._place(draft)
            self._inode = (about.st_dev, about.st_ino)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            reason = (error.strerror or str(error)).lower()
            raise OSError(error.errno, f"--pid: {self._shown!r}: {reason}") from None
        except ValueError:
            raise OSError(errno.EINVAL, f"--pid: {self._shown!r} is not a path") from None

    def remove(self) -> None:
        """Remove the file if it is still the one that this process has written. OSError if that is not permitted.

        A process that was forked from this one removes nothing.
        """
        inode, self._inode = self._inode, None
        if inode is None or self._pid != os.getpid():
            return
        with suppress(FileNotFoundError):
            about = self._path.lstat()
            if (about.st_dev, about.st_ino) == inode:
                self._path.unlink()

    def remove_at_signals(self) -> None:
        """Remove the file also if SIGINT or SIGTERM ends the process, as the second one does after the end of a server.

        This is for a process that belongs to the server.
        """

        def die(number: int, _: object) -> None:
            self._remove_or_say()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            # The first process of a container survives that (pid_namespaces(7)).
            os._exit(128 + number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, die)

    def _remove_or_say(self) -> None:
        try:
            self.remove()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            print(f"vitok serve: --pid: {self._shown!r} can't be removed: {reason}", file=sys.stderr)

    def _place(self, draft: Path) -> None:
        """Give the draft its name, unless another process was faster."""
        try:
            # Unlike renaming, this fails if there is a file.
            self._path.hardlink_to(draft)
        except FileExistsError:
            self._check()
            draft.rename(self._path)
        except OSError:
            # A file system without hard links.
            draft.rename(self._path)
        else:
            draft.unlink()

    def _check(self) -> None:
        """Raise OSError if the file is no such file, or that of a process that lives."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(error.errno, "it is a symbolic link") from None
            raise
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise OSError(errno.EEXIST, "there is something else than a regular file")
            text = os.read(descriptor, _LONGEST).strip()
        finally:
            os.close(descriptor)
        # A file without content is left by a process that could not write it.
        if text and not text.isdigit():
            raise OSError(errno.EEXIST, "there is a file with something else than the number of a process")
        if text and _lives(int(text), since=about.st_mtime):
            raise OSError(errno.EEXIST, f"process {int(text)} has it, and runs")


def _lives(pid: int, *, since: float) -> bool:
    """Return whether a process of this number runs that may have written a file at this time."""
    if pid in (0, os.getpid()) or pid >= 2**31:
        # One of this number that has written it has ended.
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    began = _began(pid)
    return began is None or began <= since + _SLACK_SECONDS


def _began(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970. None if the system does not say that."""
    try:
        # The fields after the name, which may have spaces and brackets (proc_pid_stat(5)): the 22nd is the start.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        if fields[0] in ("Z", "X"):
            # It has ended, and its parent has not noticed.
            return float("inf")
        lines = Path("/proc/stat").read_text().splitlines()
        booted = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
        return booted + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return None


@contextmanager
def kept(file: PidFile | None) -> Generator[None]:
    """Remove the file after the block, which may write it."""
    try:
        yield
    finally:
        if file is not None:
            file._remove_or_say()
