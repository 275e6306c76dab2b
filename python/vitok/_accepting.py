"""Accepting in asyncio's own code, as for TLS, with the error handling of the native listener.

asyncio reports an error for each connection that the backlog may hold, and schedules as many further attempts
(`_accept_connection`). Accepted connections are not known here.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._hooks import report_accept_failure

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

# As in crates/python/src/listener.rs: errors of one connection, after which the next can be accepted (accept(2)).
_NAMES = ("ENETDOWN", "EPROTO", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH")
_OF_A_PEER = frozenset(getattr(errno, name, None) for name in _NAMES)
# After this many such errors without a connection in between, the peers are not the cause.
_IN_A_ROW = 64
_RETRY_SECONDS = 1.0


class GuardedSocket:
    """A listening socket for asyncio's code, which sees connections and "nothing there", but no other errors.

    After an error that lasts, accepting pauses for a second: `pause()` stops it, `resume()` starts it again. It
    also does that after each connection if other processes accept from the socket as well: this process is then the
    last in the kernel's queue of those that wait for the next one.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        sock: socket.socket,
        *,
        pause: Callable[[], object],
        resume: Callable[[], object],
        is_shared: bool = False,
    ) -> None:
        self._loop = loop
        self._socket = sock
        self._pause = pause
        self._resume = resume
        self._is_shared = is_shared
        self._failures = 0

    def fileno(self) -> int:
        """Return the number of the socket, or -1 once it is closed."""
        return self._socket.fileno()

    def accept(self) -> tuple[socket.socket, Any]:
        """Return a connection. BlockingIOError if there is none now."""
        while True:
            try:
                accepted = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                raise
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._fail(error)
            else:
                self._failures = 0
                if self._is_shared:
                    self._resume()
                return accepted

    def _fail(self, error: OSError) -> None:
        """Report an error. BlockingIOError unless the peer caused it and the next connection can be accepted."""
        report_accept_failure(self._loop, self._socket, error)
        self._failures += 1
        if error.errno not in _OF_A_PEER or self._failures >= _IN_A_ROW:
            self._failures = 0
            self._pause()
            self._loop.call_later(_RETRY_SECONDS, self._try_again)
            raise BlockingIOError from error

    def _try_again(self) -> None:
        if self.fileno() != -1:
            self._resume()
