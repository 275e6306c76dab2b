"""A worker as the supervisor sees it: a process of its own, and a channel on which few words are said.

The supervisor sends one line of JSON (what to serve), then `end` or `now`; the worker says `ready` when it accepts
connections and `request_limit_reached` when it has served its number of requests. A channel that closes means that
the other is gone. It knows nothing of when a worker is wanted.

A worker is a new interpreter, neither forked nor spawned by multiprocessing: nothing that the parent has opened, locked
or started as a thread goes along, its `__main__` is not imported a second time, and the memory of one worker owes
nothing to another. What forking saves, pages shared between workers, reference counts copy soon.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

# Said on the channel, a line each.
READY, REQUEST_LIMIT, END, NOW = b"ready\n", b"request_limit_reached\n", b"end\n", b"now\n"
# Flags of this interpreter that a worker has to have as well. -P: the path comes with the order, not from the folder.
_FLAGS = ("-P",)


class Process:
    """One worker. `pid` names it in the log."""

    def __init__(self, child: subprocess.Popen[bytes], channel: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.pid = child.pid
        self.began = loop.time()
        self.ready: asyncio.Future[None] = loop.create_future()
        """Done when it accepts connections."""
        self.request_limit_reached: asyncio.Future[None] = loop.create_future()
        """Done when it has served its number of requests; it goes on."""
        self.ended: asyncio.Future[int] = loop.create_future()
        """Its exit code, negative for a signal."""
        self._child = child
        self._channel = channel
        self._words = b""
        loop.add_reader(channel, self._hear)

    @classmethod
    def start(cls, order: bytes, descriptors: Sequence[int]) -> Process:
        """Start a worker, which inherits these descriptors under their numbers. OSError without a process."""
        ours, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, *_interpreter_flags(), "-m", "vitok.http.worker", str(theirs.fileno())]
            try:
                child = subprocess.Popen(words, pass_fds=[theirs.fileno(), *descriptors])
            except BaseException:
                ours.close()
                raise
        try:
            # A few KiB at the most: there is room for them, and a child that is gone already is seen elsewhere.
            ours.sendall(order)
        except OSError:
            pass
        ours.setblocking(False)
        return cls(child, ours)

    def look(self) -> None:
        """See whether it has ended (SIGCHLD says that one has, not which)."""
        if not self.ended.done() and (code := self._child.poll()) is not None:
            self._hang_up()
            self.ended.set_result(code)

    def end(self) -> None:
        """Ask it to end gracefully. One that is still starting has nothing to finish."""
        if self.ready.done() and self._channel.fileno() != -1:
            self._say(END)
        else:
            self._signal(signal.SIGTERM)

    def end_at_once(self) -> None:
        """Ask it to wait for nothing any more."""
        self._say(NOW)
        if not self.ready.done():
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without asking."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if not self.ended.done():
            self._child.send_signal(number)

    def _say(self, word: bytes) -> None:
        try:
            self._channel.send(word)
        except OSError:
            # It is gone, or has closed its end because it is going.
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
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _interpreter_flags() -> list[str]:
    """The flags under which this interpreter runs, as for a child of multiprocessing."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [*flags, *(flag for flag in _FLAGS if flag not in flags)]
