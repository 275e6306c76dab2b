"""The log files of a process: opened for appending, shared by all logs that name them, and opened anew for rotation.

Several processes append to one file, each write of whole lines at a time (O_APPEND). A file is opened anew below its
descriptor, so a thread that writes to it needs no notice and lines that wait go to the new file. What is written, and
the signal that asks for new files, are not known here.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from . import foreign_folders
from .options.logs import Logs

# The options that name a file.
_OPTIONS = ("log_file", "access_log_file")
# Values that are no files: the standard stream of the log, and the streams by their names. A socket, as under systemd,
# can't be opened by its name.
STANDARD = "-"
STREAMS = {"/dev/stdout": "stdout", "/dev/stderr": "stderr"}
# O_NONBLOCK is for a named pipe without a reader, which is an error instead of a wait.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_REASONS = {
    errno.ENOENT: "the folder does not exist",
    errno.ENXIO: "no process reads this pipe, or it is a socket",
}

# The handler of a signal may come while the main thread has it.
_lock = threading.RLock()
_files: dict[str, LogFile] = {}
# Files that a thread still writes to, as nobody reads them: another file must not get their descriptors.
_stuck: list[LogFile] = []


class LogFile:
    """One open file. `stream` is for whole lines, and keeps its descriptor when the file is opened anew."""

    def __init__(self, option: str, path: str, user: int | None = None) -> None:
        """Open it, as root for this user if one is given. OSError with a message that names the option."""
        self._flag = f"--{option.replace('_', '-')}"
        self._shown = path
        # The application may change the current folder.
        self._path = str(Path(path).absolute())
        self._users = 0
        self._user = user
        self._owner = (-1, -1)
        self.stream: TextIO = os.fdopen(self._opened(), "w", encoding="utf-8", errors="backslashreplace", buffering=1)

    def reopen(self) -> None:
        """Open the path again, in the place of the open file. OSError if that fails: then the open file stays."""
        descriptor = self._opened()
        try:
            os.dup2(descriptor, self.stream.fileno(), inheritable=False)
        finally:
            os.close(descriptor)
        self._give()

    def give_to(self, user: int, group: int) -> None:
        """Make a regular file, and each that is opened in its place, that of a user and a group (-1: as it is).

        OSError with a message that names the option, if that is not permitted.
        """
        self._owner = (user, group)
        self._give()

    def _give(self) -> None:
        descriptor = self.stream.fileno()
        about = os.fstat(descriptor)
        if stat.S_ISREG(about.st_mode) and any(
            wanted not in (-1, found) for wanted, found in zip(self._owner, (about.st_uid, about.st_gid), strict=True)
        ):
            try:
                os.fchown(descriptor, *self._owner)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise OSError(
                    error.errno, f"{self._flag}: the owner of {self._shown!r} can't be set: {reason}"
                ) from None

    def _opened(self) -> int:
        try:
            if self._user is not None and os.geteuid() == 0:
                descriptor = foreign_folders.opened(self._path, _FLAGS, 0o666, user=self._user)
            else:
                descriptor = os.open(self._path, _FLAGS, 0o666)
        except OSError as error:
            reason = _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
            raise OSError(error.errno, f"{self._flag}: {self._shown!r} can't be opened: {reason}") from None
        os.set_blocking(descriptor, True)
        return descriptor


@contextmanager
def opened(options: Logs, user: int | None = None) -> Generator[list[LogFile]]:
    """Keep the files of these options open, for all logs that name them. OSError with a message that names the option.

    This is for the time before privileges are dropped; `user` is the one that the processes become, if that is another.
    """
    held: list[LogFile] = []
    try:
        for option in _OPTIONS:
            path = getattr(options, option)
            if is_file(path):
                held.append(acquire(option, path, user))
        yield held
    finally:
        for file in held:
            release(file)


def is_file(path: str | None) -> bool:
    """Return whether the value of an option is a file, and not a standard stream."""
    return path is not None and path != STANDARD and path not in STREAMS


def acquire(option: str, path: str, user: int | None = None) -> LogFile:
    """Return the open file of this path, to be released later. OSError as that of `LogFile`."""
    with _lock:
        key = str(Path(path).absolute())
        file = _files.get(key)
        if file is None:
            file = _files[key] = LogFile(option, path, user)
        file._users += 1
        return file


def release(file: LogFile, *, is_written: bool = True) -> None:
    """Close the file if nobody uses it. Not `is_written`: a thread still waits to write to it."""
    with _lock:
        file._users -= 1
        if not is_written and file not in _stuck:
            _stuck.append(file)
        if file._users:
            return
        _files.pop(file._path, None)
        if file not in _stuck:
            file.stream.close()


def give_to(user: int, group: int) -> None:
    """Make all files those of a user and a group (-1: as it is), who may then open them anew. OSError if not permitted.

    This is for a process with privileges that other processes, or it itself, do not have later.
    """
    with _lock:
        for file in _files.values():
            file.give_to(user, group)


def reopen() -> list[str]:
    """Open all files anew, and return what is to be said about those that stay as they were."""
    with _lock:
        files = list(_files.values())
    problems: list[str] = []
    for file in files:
        try:
            file.reopen()
        except OSError as error:
            problems.append(error.strerror or str(error))
    return problems
