"""Checks of a file that becomes a pipe transport: its type, and whether it shows that the reader has left.

A file that is refused stays open. `O_NONBLOCK` is not set, since it belongs to the open file, which other processes may
share: the native transport does what its kind of file needs.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import Any

# On these systems the writing end of a named FIFO is readable while it contains unread data, and nothing shows that the
# reader has left: https://github.com/python/cpython/issues/145030.
_NAMED_FIFOS_ARE_MUTE = sys.platform in {"darwin", "ios", "tvos", "watchos", "sunos5"}


def prepare_reader(pipe: Any) -> int:
    """Return the descriptor of a pipe, socket or character device. Otherwise ValueError."""
    descriptor: int = pipe.fileno()
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)):
        raise ValueError("Pipe transport is for pipes/sockets only.")
    return descriptor


def prepare_writer(pipe: Any) -> tuple[int, bool]:
    """Return that of a writer as well, and whether readability shows that the reader has left.

    It does not for terminals, which have input of their own.
    """
    descriptor: int = pipe.fileno()
    status = os.fstat(descriptor)
    is_fifo, is_socket = stat.S_ISFIFO(status.st_mode), stat.S_ISSOCK(status.st_mode)
    if not (is_fifo or is_socket or stat.S_ISCHR(status.st_mode)):
        raise ValueError("Pipe transport is only for pipes, sockets and character devices")
    is_mute = _NAMED_FIFOS_ARE_MUTE and status.st_nlink > 0
    return descriptor, is_socket or (is_fifo and not is_mute)


def extra_info(pipe: Any, extra: Any) -> Any:
    """Return what `get_extra_info` has: the given dict itself, as in asyncio, with the file in it."""
    known: Any = {} if extra is None else extra
    known["pipe"] = pipe
    return known
