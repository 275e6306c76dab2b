"""Accepting where asyncio's own code does it, for TLS among others: errors of the listening socket, seen as natively.

asyncio reports an error for each connection that the backlog may hold, and schedules as many further attempts
(`_accept_connection`). It knows nothing of what becomes of a connection.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._hooks import report_accept_failure

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

# As in crates/python/src/listener.rs: what concerns one connection, so that the next one may be had (accept(2)).
_NAMES = ("ENETDOWN", "EPROTO", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH")
_OF_A_PEER = frozenset(getattr(errno, name, None) for name in _NAMES)
# So many of them without a connection in between, and it is no peer's doing.
_IN_A_ROW = 64
_RETRY_SECONDS = 1.0


class GuardedSocket:
    """A listening socket for asyncio's code, which sees connections and "nothing there" but no other errors.

    After an error that lasts, accepting pauses for a second: `pause()` ends it, `resume()` begins it again.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        sock: socket.socket,
        *,
        pause: Callable[[], object],
        resume: Callable[[], object],
    ) -> None:
        self._loop = loop
        self._socket = sock
        self._pause = pause
        self._resume = resume
        self._failures = 0

    def fileno(self) -> int:
        """The number of the socket; -1 once it is closed."""
        return self._socket.fileno()

    def accept(self) -> tuple[socket.socket, Any]:
        """A connection. BlockingIOError where there is none to be had now."""
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
                return accepted

    def _fail(self, error: OSError) -> None:
        """Report an error. BlockingIOError unless it was the peer's, and the next connection may be had."""
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
