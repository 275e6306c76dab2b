"""A worker as the supervisor sees it: a process of its own, and a channel with a few messages.

The supervisor sends one line of JSON (what to serve), then `end`, `end_replaced` or `now` for the end, `report` for a
report at once, and `reopen` for log files that were renamed. The worker sends `ready` when it accepts connections,
`replace` with a reason when it is due for replacement, and `report` with a JSON object in every interval, when it is
asked, and once more before it ends. A closed channel means that the other side has gone. The need for workers is
decided elsewhere, and so is what a report says.

A worker has a pipe, too, to which it writes the stacks of its threads at the signal STACKS, whatever its loop does.

A worker is a new interpreter, neither forked nor spawned by multiprocessing: it inherits no open files, locks or
threads of the parent, its `__main__` is not imported a second time, and workers share no memory. Pages that a fork
would share are soon copied, because reference counts change.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Iterable, Sequence
from typing import Any

from .leaving import first_of

# The messages on the channel, one line each. A word for the reason follows REPLACE, and then the reason as text; a JSON
# object follows REPORT of a worker.
READY, REPLACE, REPORT = b"ready", b"replace", b"report"
END, END_REPLACED, NOW, REOPEN = b"end", b"end_replaced", b"now", b"reopen"
# The signal at which a worker writes its stacks: one that applications don't use, nor glibc (the first ones) and
# valgrind (the last one). Where there are no real-time signals, the one that is made for such questions.
STACKS: int = signal.SIGRTMAX - 3 if hasattr(signal, "SIGRTMAX") else getattr(signal, "SIGINFO", signal.SIGUSR2)
# What a terminal sends to workers, too, and is left to the supervisor. A worker starts with these blocked, until it has
# handlers: Python's own would end it with a traceback.
OTHERS_SIGNALS = (signal.SIGINT, signal.SIGHUP)
# The time between two reports, at most; that of a worker that may be silent for a short time only is a part of it.
REPORT_SECONDS = 1.0
_REPORTS_PER_SILENCE = 4
# Stacks are complete when so many seconds bring no more of them.
_QUIET_SECONDS = 0.2
# As many bytes of stacks as are kept.
_MOST_STACKS = 256 * 1024
# A message of a worker has some KiB. The channel of one that sends a longer one is closed, which ends the worker: its
# application may have been taken over, and the supervisor may be root.
_LONGEST_MESSAGE = 256 * 1024
# Flags of this interpreter that a worker needs as well. -P: the path comes with the order, not from the folder.
_FLAGS = ("-P",)


class Process:
    """One worker. `pid` identifies it in the log."""

    def __init__(self, child: subprocess.Popen[bytes], channel: socket.socket, stacks: int) -> None:
        """`stacks` is the descriptor of the pipe for them. This object owns the channel and the pipe."""
        loop = asyncio.get_running_loop()
        self.pid: int = child.pid
        self.began: float = loop.time()
        self.ready: asyncio.Future[None] = loop.create_future()
        """Done when the worker accepts connections."""
        self.due: asyncio.Future[str] = loop.create_future()
        """Done when the worker is due for replacement, with the reason in words; it continues to serve."""
        self.due_label: str = ""
        """The reason in one word: requests, lifetime or memory; once `due` is done."""
        self.is_hung = False
        """Whether it was killed because its loop was silent."""
        self.ended: asyncio.Future[int] = loop.create_future()
        """The exit code of the worker, negative for a signal."""
        self.report: dict[str, Any] = {}
        """The last report of the worker; empty before the first one."""
        self.heard: float = loop.time()
        """When the worker last sent anything, in the loop's time; before that, when it was started."""
        self._fresh: asyncio.Future[None] = loop.create_future()
        self._child = child
        self._channel = channel
        self._words = b""
        self._pipe = stacks
        self._stacks = b""
        self._written: asyncio.Future[None] = loop.create_future()
        loop.add_reader(channel, self._hear)
        loop.add_reader(stacks, self._read_stacks)

    @classmethod
    def start(cls, order: bytes, descriptors: Sequence[int]) -> Process:
        """Start a worker, which inherits these descriptors with their numbers. OSError if there can be no process."""
        with contextlib.ExitStack() as ours:
            channel, theirs = socket.socketpair()
            ours.callback(channel.close)
            with theirs:
                stacks, writes = os.pipe()
                ours.callback(os.close, stacks)
                try:
                    numbers = theirs.fileno(), writes
                    words = [sys.executable, *_interpreter_flags(), "-m", "vitok.http.worker", *map(str, numbers)]
                    with _blocked(OTHERS_SIGNALS):
                        child = subprocess.Popen(words, pass_fds=[*numbers, *descriptors])
                finally:
                    os.close(writes)
            try:
                # A few KiB at most: there is room for them. A child that has ended already is noticed elsewhere.
                channel.sendall(order)
            except OSError:
                pass
            channel.setblocking(False)
            os.set_blocking(stacks, False)
            ours.pop_all()
        return cls(child, channel, stacks)

    @property
    def is_talking(self) -> bool:
        """Whether the loop of the worker should run: it was ready, and has not closed its channel."""
        return self.ready.done() and self._channel.fileno() != -1

    def look(self) -> None:
        """Check whether the worker has ended: SIGCHLD says that one has, but not which."""
        if not self.ended.done() and (code := self._child.poll()) is not None:
            # What the worker sent before it ended, its last report above all.
            while self._channel.fileno() != -1 and self._hear():
                pass
            self._hang_up()
            while self._pipe != -1 and self._read_stacks():
                pass
            self._close_pipe()
            self.ended.set_result(code)

    async def fresh_report(self, seconds: float) -> dict[str, Any]:
        """Ask the worker for a report, and return it; after so many seconds, or at its end, the last one.

        A worker that is not ready is not asked.
        """
        if self.ready.done() and not self.ended.done():
            self._say(REPORT)
            await first_of(self._fresh, self.ended, seconds=seconds)
        return self.report

    def reopen_logs(self) -> None:
        """Make the worker open its log files anew; once it runs, if it is still starting."""
        if not self.ended.done():
            self._say(REOPEN)

    async def ask_for_stacks(self, seconds: float) -> None:
        """Make the worker write the stacks of its threads, and wait for them, at most this long."""
        self._signal(STACKS)
        deadline = asyncio.get_running_loop().time() + seconds
        await first_of(self._written, self.ended, seconds=seconds)
        while (written := self._stacks) and not self.ended.done() and asyncio.get_running_loop().time() < deadline:
            await first_of(self._written, self.ended, seconds=_QUIET_SECONDS)
            if self._stacks == written:
                return

    def take_stacks(self) -> str:
        """Return the stacks that the worker has written since the last call."""
        stacks, self._stacks = self._stacks, b""
        return stacks.decode(errors="backslashreplace").rstrip()

    def end(self, *, is_replaced: bool) -> None:
        """Ask the worker to end gracefully, and tell it whether another one serves in its place.

        A worker that is still starting has nothing to finish.
        """
        if self.ready.done() and self._channel.fileno() != -1:
            self._say(END_REPLACED if is_replaced else END)
        else:
            self._signal(signal.SIGTERM)

    def end_at_once(self) -> None:
        """Ask the worker to end without waiting for anything."""
        self._say(NOW)
        if not self.ready.done():
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the worker."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if not self.ended.done():
            self._child.send_signal(number)

    def _say(self, word: bytes) -> None:
        try:
            self._channel.send(word + b"\n")
        except OSError:
            # The worker has ended, or has closed its side because it is ending.
            return

    def _hear(self) -> bool:
        """Take what the worker has sent. Return whether there may be more."""
        try:
            said = self._channel.recv(65536)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            said = b""
        if not said:
            self._hang_up()
            return False
        self.heard = asyncio.get_running_loop().time()
        *lines, self._words = (self._words + said).split(b"\n")
        for line in lines:
            self._take(*line.partition(b" ")[::2])
        if len(self._words) > _LONGEST_MESSAGE:
            self._words = b""
            self._hang_up()
            return False
        return True

    def _take(self, word: bytes, rest: bytes) -> None:
        """Take one message, unless it is none."""
        if word == READY and not self.ready.done():
            self.ready.set_result(None)
        elif word == REPLACE and not self.due.done():
            self.due_label, _, reason = rest.decode(errors="replace").partition(" ")
            self.due.set_result(reason if reason.isprintable() else ascii(reason))
        elif word == REPORT:
            try:
                report = json.loads(rest)
            except (ValueError, RecursionError):
                return
            if not isinstance(report, dict):
                return
            self.report = report
            self._fresh.set_result(None)
            self._fresh = asyncio.get_running_loop().create_future()

    def _hang_up(self) -> None:
        if self._channel.fileno() != -1:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()

    def _read_stacks(self) -> bool:
        """Take a part of the stacks. Return whether there may be more."""
        try:
            block = os.read(self._pipe, 65536)
        except (BlockingIOError, InterruptedError):
            return False
        if not block:
            self._close_pipe()
            return False
        self._stacks = (self._stacks + block)[-_MOST_STACKS:]
        self._written.set_result(None)
        self._written = asyncio.get_running_loop().create_future()
        return True

    def _close_pipe(self) -> None:
        if self._pipe != -1:
            asyncio.get_running_loop().remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1


def report_interval(silence: float | None) -> float:
    """Return the time between two reports of a worker, and between two looks for them, for this longest silence."""
    return REPORT_SECONDS if silence is None else min(REPORT_SECONDS, silence / _REPORTS_PER_SILENCE)


def description(code: int) -> str:
    """Describe an exit code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


@contextlib.contextmanager
def _blocked(numbers: Iterable[signal.Signals]) -> Generator[None]:
    """Block these signals in this thread, and in a process that is started within."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interpreter_flags() -> list[str]:
    """Return the flags with which this interpreter runs, as for a child of multiprocessing."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [*flags, *(flag for flag in _FLAGS if flag not in flags)]
