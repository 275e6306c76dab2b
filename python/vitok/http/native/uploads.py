"""Uploaded files: in memory as long as they are small, then in a temporary file that has no name.

What may block, reading and writing the temporary file, happens in the loop's default executor. The file is closed,
and with that deleted, when its form is closed or nothing refers to it any more. Nothing here knows forms or requests.
"""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import io
import os
import secrets
import shutil
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

_T = TypeVar("_T")

# Content is read and written in parts of this size: a hand-over to a thread costs as much as copying a tenth of it.
PART_SIZE = 256 * 1024
# Deleting so many bytes takes the kernel a third of a millisecond, and 256 MiB 30: a longer file is closed in a thread.
CLOSED_AT_ONCE = 4 * 1024 * 1024


class UploadedFile:
    """A file of a form.

    The methods that are coroutines don't block the loop. A plain function in the executor (`blocking=True`) uses
    `file`, which is a binary file object.

    Attributes:
        filename: The name that the client gave the file, without the path that some send: it contains no slash and no
            backslash and is neither "." nor "..". Empty for a control of a form in which nothing was chosen.
        content_type: The media type that the client sent, or "application/octet-stream" if it sent none.
        size: The length of the content in bytes.
        file: The content as a file object: an `io.BytesIO`, or a temporary file.
    """

    __slots__ = ("__weakref__", "_calls", "_head", "_is_closing", "_lock", "content_type", "file", "filename", "size")

    def __init__(
        self,
        filename: str,
        content_type: str | None = None,
        *,
        content: bytes = b"",
        head: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self.filename: str = filename
        self.content_type: str = content_type or "application/octet-stream"
        self.size: int = len(content)
        self.file: IO[bytes] = io.BytesIO(content)
        self._head = head
        # Calls in the executor, which use the file; it is closed behind the last of them.
        self._calls = 0
        self._is_closing = False
        # Each call in the executor has the file, with its position, for itself.
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Return the name, the type and the size."""
        return f"<UploadedFile {self.filename!r} {self.content_type} of {self.size} bytes>"

    def __del__(self) -> None:
        """Delete the temporary file, if there is one."""
        # An object whose constructor failed has no file.
        if not getattr(self, "_is_closing", True):
            self.close()

    @property
    def headers(self) -> dict[str, str]:
        """The fields of the part by their names in lower case: Content-Disposition has the name as it was sent."""
        return {name.decode("ascii"): value.decode("utf-8", "replace") for name, value in self._head}

    @property
    def in_memory(self) -> bool:
        """Whether the content is in memory, so that `file` can be read without blocking."""
        return isinstance(self.file, io.BytesIO)

    async def read(self, size: int = -1) -> bytes:
        """Return so many bytes from the current position, fewer at the end; all that is left if `size` is negative."""
        return await self._call(self.file.read, size)

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Change the position, as `io.IOBase.seek()` does, and return the new one."""
        return await self._call(self.file.seek, offset, whence)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Read from the current position to the end, in parts."""
        while part := await self.read(PART_SIZE):
            yield part

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Write the whole content to a file, which appears when it is complete and replaces one of the same name.

        Cancelling the call does not stop the thread that writes: the file may still appear.

        Raises:
            OSError: The file can't be written. Nothing is left of it.
        """
        # Also from memory: the other file may be slow.
        await self._call_in_thread(_save, self.file, Path(path))

    def close(self) -> None:
        """Release the memory or delete the temporary file, once no call uses it. A second call does nothing."""
        self._is_closing = True
        if self._calls or self.file.closed:
            return
        if self.in_memory or self.size <= CLOSED_AT_ONCE:
            self.file.close()
            return
        try:
            _thread.start_new_thread(self.file.close, ())
        except RuntimeError:
            # The interpreter ends, or there are too many threads.
            self.file.close()

    async def _call(self, function: Callable[..., _T], *arguments: Any) -> _T:
        if self.in_memory:
            return function(*arguments)
        return await self._call_in_thread(function, *arguments)

    async def _call_in_thread(self, function: Callable[..., _T], *arguments: Any) -> _T:
        if self._is_closing:
            raise ValueError("the uploaded file is closed")
        future = asyncio.get_running_loop().run_in_executor(None, self._locked, function, *arguments)
        # The file must not be closed under the thread: the number of its descriptor could be another file's then.
        # Without the GIL the thread may have finished already, and awaiting what is done does not let callbacks run.
        if not future.done():
            self._calls += 1
            future.add_done_callback(self._end_call)
        return await asyncio.shield(future)

    def _locked(self, function: Callable[..., _T], *arguments: Any) -> _T:
        with self._lock:
            return function(*arguments)

    def _end_call(self, _: asyncio.Future[Any]) -> None:
        self._calls -= 1
        if self._is_closing:
            self.close()


class Spool:
    """A file of a form while it arrives: parts in memory, which are written to a temporary file when there are many."""

    def __init__(self, upload: UploadedFile, *, folder: str | None) -> None:
        self.upload = upload
        # The number of bytes that are in memory, and whether there are others.
        self.pending: int = 0
        self.has_written: bool = False
        self._parts: list[bytes] = []
        self._folder = folder

    def add(self, part: bytes) -> None:
        """Add content behind what has arrived."""
        self._parts.append(part)
        self.pending += len(part)
        self.upload.size += len(part)

    async def write(self) -> None:
        """Write what is in memory to the temporary file. OSError if the file can't be made or written."""
        parts, self._parts, self.pending = self._parts, [], 0
        upload, has_written, self.has_written = self.upload, self.has_written, True
        if not has_written:
            # The thread's file becomes the upload's in the thread: a cancelled call would lose it.
            await upload._call_in_thread(self._begin, parts)
        else:
            await upload._call_in_thread(_write, upload.file, parts)

    def end_in_memory(self) -> None:
        """Give the file its content, none of which was written."""
        self.upload.file = io.BytesIO(b"".join(self._parts))

    async def end(self) -> None:
        """Write what is left, and go to the beginning of the file."""
        await self.write()
        await self.upload.seek(0)

    def _begin(self, parts: list[bytes]) -> None:
        file = open_temporary(self._folder)
        self.upload.file = file
        _write(file, parts)


def open_temporary(folder: str | None) -> IO[bytes]:
    """Open a file without a name in a folder, or in the one that `tempfile` chooses."""
    return tempfile.TemporaryFile(dir=folder)


def _write(file: IO[bytes], parts: list[bytes]) -> None:
    """Write all parts, and let the kernel have them, so that a full disk is an error of this call."""
    file.writelines(parts)
    file.flush()


def _save(file: IO[bytes], path: Path) -> None:
    """Write the content of a file to a path, in a thread."""
    # A name beside the other, so that one call of the kernel replaces it. The file has the usual permissions.
    # A name has at most 255 bytes, and a character at most four.
    temporary = path.with_name(f".{path.name[:50]}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as copy:
            if isinstance(file, io.BytesIO):
                copy.write(file.getbuffer())
            else:
                _copy(file, copy)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise


def _copy(file: IO[bytes], copy: IO[bytes]) -> None:
    """Copy a whole file, and keep its position."""
    position = file.tell()
    try:
        file.seek(0)
        shutil.copyfileobj(file, copy, PART_SIZE)
    finally:
        file.seek(position)
