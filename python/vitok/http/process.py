"""A worker as the supervisor sees it: a process of its own, and a channel with a few messages.

The supervisor sends one line of JSON (what to serve), then `end`, `end_replaced` or `now`; the worker sends `ready`
when it accepts connections and `request_limit_reached` when it has served its number of requests. A closed channel
means that the other side has gone. The need for workers is decided elsewhere.

A worker is a new interpreter, neither forked nor spawned by multiprocessing: it inherits no open files, locks or
threads of the parent, its `__main__` is not imported a second time, and workers share no memory. Pages that a fork
would share are soon copied, because reference counts change.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

# The messages on the channel, one line each.
READY, REQUEST_LIMIT = b"ready\n", b"request_limit_reached\n"
END, END_REPLACED, NOW = b"end\n", b"end_replaced\n", b"now\n"
# Flags of this interpreter that a worker needs as well. -P: the path comes with the order, not from the folder.
_FLAGS = ("-P",)


class Process:
    """One worker. `pid` identifies it in the log."""

    def __init__(self, child: subprocess.Popen[bytes], channel: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.pid = child.pid
        self.began = loop.time()
        self.ready: asyncio.Future[None] = loop.create_future()
        """Done when the worker accepts connections."""
        self.request_limit_reached: asyncio.Future[None] = loop.create_future()
        """Done when the worker has served its number of requests; it continues to serve."""
        self.ended: asyncio.Future[int] = loop.create_future()
        """The exit code of the worker, negative for a signal."""
        self._child = child
        self._channel = channel
        self._words = b""
        loop.add_reader(channel, self._hear)

    @classmethod
    def start(cls, order: bytes, descriptors: Sequence[int]) -> Process:
        """Start a worker, which inherits these descriptors with their numbers. OSError if there can be no process."""
        ours, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, *_interpreter_flags(), "-m", "vitok.http.worker", str(theirs.fileno())]
            try:
                child = subprocess.Popen(words, pass_fds=[theirs.fileno(), *descriptors])
            except BaseException:
                ours.close()
                raise
        try:
            # A few KiB at most: there is room for them. A child that has ended already is noticed elsewhere.
            ours.sendall(order)
        except OSError:
            pass
        ours.setblocking(False)
        return cls(child, ours)

    def look(self) -> None:
        """Check whether the worker has ended: SIGCHLD says that one has, but not which."""
        if not self.ended.done() and (code := self._child.poll()) is not None:
            self._hang_up()
            self.ended.set_result(code)

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

    def _signal(self, number: signal.Signals) -> None:
        if not self.ended.done():
            self._child.send_signal(number)

    def _say(self, word: bytes) -> None:
        try:
            self._channel.send(word)
        except OSError:
            # The worker has ended, or has closed its side because it is ending.
            return

    def _hear(self) -> None:
        try:
            said = self._channel.recv(4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            said = b""
        if not said:
            self._hang_up()
            return
        *lines, self._words = (self._words + said).split(b"\n")
        for line in lines:
            answered = {READY: self.ready, REQUEST_LIMIT: self.request_limit_reached}.get(line + b"\n")
            if answered is not None and not answered.done():
                answered.set_result(None)

    def _hang_up(self) -> None:
        if self._channel.fileno() != -1:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()


def description(code: int) -> str:
    """Describe an exit code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _interpreter_flags() -> list[str]:
    """Return the flags with which this interpreter runs, as for a child of multiprocessing."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [*flags, *(flag for flag in _FLAGS if flag not in flags)]
