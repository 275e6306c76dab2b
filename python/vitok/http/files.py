"""Responses from files: `loop.sendfile` sends the content, the native request cycle everything around it.

A stream of HTTP/2 has no transport of its own: it gets the content in parts, read by the threads of the loop.

This implements ASGI's "Path Send" and "Zero Copy Send" extensions. Heads and framing are not known here.
"""

from __future__ import annotations

import asyncio
import errno
import io
import os
import stat
from collections.abc import Coroutine, Mapping
from typing import Any

# The bytes sent at a time: a peer that reads fewer within the time limit of a body counts as one that does not read.
_BLOCK = 256 * 1024
_GONE = "the client has disconnected"


def send(cycle: Any, message: Mapping[str, Any]) -> Coroutine[Any, Any, None]:
    """Return a coroutine that sends the file of a message. TypeError for a message that names none.

    The native server calls this.
    """
    is_path = message["type"] == "http.response.pathsend"
    file = message.get("path" if is_path else "file")
    if file is None:
        raise TypeError(f"the ASGI message {message['type']} has no valid {'path' if is_path else 'file'}")
    if is_path:
        return send_path(cycle, file)
    return send_file(cycle, file, message.get("offset"), message.get("count"), bool(message.get("more_body")))


async def send_path(cycle: Any, path: str | os.PathLike[str]) -> None:
    """Send a file by its name as the whole content. OSError if it can't be opened or is not a regular file."""
    with open(path, "rb", opener=_open_at_once) as file:
        await send_file(cycle, file, None, None, False)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for the other end of a FIFO, or taking over a terminal."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


async def send_file(cycle: Any, file: Any, offset: int | None, count: int | None, more_body: bool) -> None:
    """Send `count` bytes of a file object or descriptor from `offset` on, or from its position to its end.

    OSError for a descriptor that is not a regular file: the length of its content, and when that comes, are unknown.
    """
    opened = os.fdopen(file, "rb", closefd=False) if isinstance(file, int) else file
    size = _size(opened)
    start = opened.tell() if offset is None else offset
    length = max(0, size - start) if count is None else count
    transport = cycle._begin_file(length, more_body)
    if transport is cycle:
        await _send_parts(cycle, opened, start, length)
    elif transport is not None:
        await _held(cycle, transport, asyncio.create_task(_send(cycle, transport, opened, start, length)))
    cycle._end_file(more_body)


async def _held(cycle: Any, transport: Any, task: asyncio.Task[None]) -> None:
    """Await a task that ends with the connection, and tell that from a cancellation of this task."""
    cycle._hold_file(task)
    try:
        await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if transport.is_closing() and not (current and current.cancelling()):
            raise ConnectionResetError(_GONE) from None
        raise
    finally:
        cycle._hold_file(None)


async def _send(cycle: Any, transport: Any, file: Any, start: int, count: int) -> None:
    loop = asyncio.get_running_loop()
    end = start + count
    while start < end:
        if transport.is_closing():
            raise ConnectionResetError(_GONE)
        sent = await loop.sendfile(transport, file, start, min(_BLOCK, end - start))
        if sent == 0:
            # The length was announced already, so only the end of the connection can tell the client that it is wrong.
            transport.abort()
            raise OSError("the file was truncated while it was being sent")
        start += sent
        cycle._file_goes_on()


async def _send_parts(cycle: Any, file: Any, start: int, count: int) -> None:
    loop = asyncio.get_running_loop()
    end = start + count
    while start < end:
        data = await loop.run_in_executor(None, _read, file, start, min(_BLOCK, end - start))
        if not data:
            # The length was announced already, so only the end of the stream can tell the client that it is wrong.
            raise OSError("the file was truncated while it was being sent")
        await cycle._file_part(data)
        start += len(data)
    # Where the next part of a file object begins, which `loop.sendfile` leaves there, too.
    file.seek(end)


def _read(file: Any, start: int, count: int) -> bytes:
    try:
        descriptor = file.fileno()
    except (AttributeError, io.UnsupportedOperation):
        file.seek(start)
        data: bytes = file.read(count)
        return data
    return os.pread(descriptor, count, start)


def _size(file: Any) -> int:
    try:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "only a regular file can be sent", getattr(file, "name", None))
        return facts.st_size
    except (AttributeError, io.UnsupportedOperation):
        here = file.tell()
        size: int = file.seek(0, io.SEEK_END)
        file.seek(here)
        return size
