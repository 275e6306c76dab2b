"""systemd's side of a service: the sockets that it opened (LISTEN_FDS), and what it is told of the state (sd_notify).

The protocols are those of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3). Everything is by variables, which
are removed, so that the application's own children do not take them for theirs. What a service does is not known here.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping

from .option_parsing import OptionError

# The number of the first descriptor (SD_LISTEN_FDS_START).
FIRST_DESCRIPTOR = 3
_LISTEN = ("LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES")
_NOTIFY = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
# The time until a message is sent again for which the socket had no room.
_RETRY_SECONDS = 0.1
# So many messages wait at most: the oldest ones are out of date.
_MOST_WAITING = 8
# The kernel's errors for a message that has no room at the moment.
_FULL = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


def take_descriptors(environment: MutableMapping[str, str]) -> tuple[int, ...]:
    """Return the numbers of the sockets that systemd opened for this process, and remove the variables.

    Processes that this one starts do not inherit them. OptionError for a number of sockets that is none.
    """
    pid, _, number, _ = (environment.pop(name, None) for name in _LISTEN)
    if number is None or pid != str(os.getpid()):
        return ()
    if not (number.isascii() and number.isdigit() and len(number) < 5):
        raise OptionError(f"LISTEN_FDS: {number!r} is not a number of sockets")
    found = tuple(range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(number)))
    for descriptor in found:
        try:
            os.set_inheritable(descriptor, False)
        except OSError:
            raise OptionError(f"LISTEN_FDS: {number}, but there is no descriptor {descriptor}") from None
    return found


class Notifier:
    """Tells systemd, or whoever made NOTIFY_SOCKET, about the state of this process.

    Nothing here blocks or raises. Without a socket nothing is told.
    """

    def __init__(self, address: str = "", *, watchdog_seconds: float | None = None) -> None:
        """`address` is the path of a socket, or `@` and a name. `watchdog_seconds` is the silence that is allowed."""
        # Other kinds of addresses are those of virtual machines.
        self._address = address if address.startswith(("/", "@")) else ""
        self._watchdog_seconds = watchdog_seconds
        self._waiting: list[bytes] = []
        self._retry: asyncio.TimerHandle | None = None
        self._is_stopping = False

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str]) -> Notifier:
        """Return a notifier as these variables say, and remove them."""
        address, pid, microseconds = (environment.pop(name, "") for name in _NOTIFY)
        is_watched = microseconds.isascii() and microseconds.isdigit() and pid in ("", str(os.getpid()))
        seconds = int(microseconds[:15]) / 1e6 if is_watched else 0.0
        return cls(address, watchdog_seconds=seconds or None)

    def ready(self, urls: Iterable[str], *, workers: int = 1) -> None:
        """Tell that requests are served, for the first time or after `reloading`."""
        if self._is_stopping:
            return
        by = f" by {workers} workers" if workers > 1 else ""
        self._send(READY="1", MAINPID=str(os.getpid()), STATUS=f"serving {' '.join(urls)}{by}")

    def reloading(self) -> None:
        """Tell that something is loaded again. `ready` follows, also if that fails."""
        if not self._is_stopping:
            # The time tells systemd which reload this answers (Type=notify-reload).
            microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self._send(RELOADING="1", MONOTONIC_USEC=str(microseconds), STATUS="reloading")

    def stopping(self) -> None:
        """Tell that the end has begun. Nothing but that counts afterwards."""
        if not self._is_stopping:
            self._is_stopping = True
            self._send(STOPPING="1", STATUS="shutting down")

    async def watched(
        self, work: Callable[[], Awaitable[None]], answers: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Do the work, and meanwhile tell twice in the time of the watchdog that this loop runs, and those which
        `answers` waits for.
        """
        pinging = None
        if self._address and self._watchdog_seconds is not None:
            pinging = asyncio.create_task(self._ping(self._watchdog_seconds / 2, answers))
        try:
            await work()
        finally:
            if pinging is not None:
                pinging.cancel()
            if self._retry is not None:
                self._retry.cancel()

    async def _ping(self, seconds: float, answers: Callable[[], Awaitable[None]] | None) -> None:
        while True:
            if answers is not None:
                await answers()
            # Not kept: a sign of life is no use later.
            self._sent(b"WATCHDOG=1")
            await asyncio.sleep(max(seconds, 0.001))

    def _send(self, **facts: str) -> None:
        """Send these facts, after all that waits. They wait themselves if there is no room."""
        self._waiting.append("\n".join(f"{name}={value}" for name, value in facts.items()).encode("utf-8", "replace"))
        del self._waiting[:-_MOST_WAITING]
        self._send_waiting()

    def _send_waiting(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        while self._waiting and self._sent(self._waiting[0]):
            del self._waiting[0]
        if self._waiting:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            self._retry = loop.call_later(_RETRY_SECONDS, self._send_waiting)

    def _sent(self, message: bytes) -> bool:
        """Send a message. Return False if it can be sent later: a socket that is missing is not waited for."""
        if not self._address:
            return True
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
                sock.sendto(message, address)
        except OSError as error:
            return error.errno not in _FULL
        return True
