"""What is looked at before a file becomes a pipe transport: what kind it is, and what can be learned of its other end.

A file that is refused stays its caller's, open and as it was.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import Any

# On these systems the writing end of a named FIFO is readable while unread data is in it, and nothing tells that the
# reader has left: https://github.com/python/cpython/issues/145030.
_NAMED_FIFOS_ARE_MUTE = sys.platform in {"darwin", "ios", "tvos", "watchos", "sunos5"}


def prepare_reader(pipe: Any) -> int:
    """Make a file non-blocking; its descriptor. ValueError unless it is a pipe, a socket or a character device."""
    descriptor: int = pipe.fileno()
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)):
        raise ValueError("Pipe transport is for pipes/sockets only.")
    os.set_blocking(descriptor, False)
    return descriptor


def prepare_writer(pipe: Any) -> tuple[int, bool]:
    """The same, and whether readiness for reading says that the reader has left: not for terminals, where one types."""
    descriptor: int = pipe.fileno()
    facts = os.fstat(descriptor)
    is_fifo, is_socket = stat.S_ISFIFO(facts.st_mode), stat.S_ISSOCK(facts.st_mode)
    if not (is_fifo or is_socket or stat.S_ISCHR(facts.st_mode)):
        raise ValueError("Pipe transport is only for pipes, sockets and character devices")
    os.set_blocking(descriptor, False)
    is_mute = _NAMED_FIFOS_ARE_MUTE and facts.st_nlink > 0
    return descriptor, is_socket or (is_fifo and not is_mute)


def facts(pipe: Any, extra: Any) -> Any:
    """What `get_extra_info` tells: the given dict itself, as in asyncio, with the file in it."""
    known = {} if extra is None else extra
    known["pipe"] = pipe
    return known
