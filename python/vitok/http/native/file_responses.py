"""Responses from files that the native code does not send at once: large ones, and those that a thread has to open.

`_native.FileSource` says what the response is; here the file is opened in a thread, and its pieces are sent one after
the other, by `sendfile` where that is possible.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import mimetypes
import os
import stat
from typing import IO, Any

from vitok import _native

from .disposition import content_disposition
from .errors import HTTPError

# A FIFO is not waited for, and a terminal is not taken over.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)
# What means that there is no such file for a client. A socket can't be opened (ENXIO), and a link is too many (ELOOP).
_MISSING = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO, errno.EXDEV}
)
# Types that older systems do not know by these suffixes, or know by an obsolete name.
_TYPES = {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
_ANY = "application/octet-stream"
# Types of files that are compressed, which are sent as they are.
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


def content_type_of(path: str) -> str:
    """Return the media type of a file by its name. Text is in UTF-8.

    >>> content_type_of("a/index.html"), content_type_of("a.tar.gz"), content_type_of("a")
    ('text/html; charset=utf-8', 'application/gzip', 'application/octet-stream')
    """
    return _known_type_of(path)


def _type_of(path: str) -> str:
    name = path.rpartition("/")[2]
    suffixes = name[name.find(".", 1) :].lower() if "." in name[1:] else ""
    known = _TYPES.get(suffixes[suffixes.rfind(".") :] if suffixes else "")
    if known is None:
        guessed, encoding = mimetypes.guess_type("name" + suffixes)
        known = guessed or _ANY if encoding is None else _COMPRESSED.get(encoding, _ANY)
    return f"{known}; charset=utf-8" if known.startswith("text/") else known


_known_type_of = functools.lru_cache(maxsize=1024)(_type_of)


def make_source(
    path: str,
    folder: _native.Folder | None = None,
    *,
    filename: str | None = None,
    disposition: str | None = None,
    content_type: str | None = None,
    cache_control: str | None = None,
    etag: bool = True,
    last_modified: bool = True,
) -> _native.FileSource:
    """Return the source of a response from a file. ValueError for a path, a name or a field that is none."""
    shown = None
    if filename is not None or disposition is not None:
        shown = content_disposition(filename, disposition or "attachment")
    kind = content_type_of(filename or path) if content_type is None else content_type
    return _native.FileSource(path, folder, kind, shown, cache_control, etag, last_modified)


async def send(source: Any, response: _native.Response, request: Any, to: Any) -> None:
    """Send a response from a file, which is opened unless it is open. HTTPError 404 if there is no regular file."""
    loop = asyncio.get_running_loop()
    file = _taken(source)
    if file is None:
        file = await loop.run_in_executor(None, open_file, source)
    if file is None:
        raise HTTPError(404)
    try:
        await _send_open(source, file, response, request, to)
    finally:
        file.close()


async def _send_open(source: Any, file: IO[bytes], response: _native.Response, request: Any, to: Any) -> None:
    status = os.fstat(file.fileno())
    modified = divmod(status.st_mtime_ns, 10**9)
    found, fields, pieces = source.describe(response, request.method, request.headers.raw, status.st_size, modified)
    # The response belongs to the application, which may return it again.
    answer = _native.Response(None, found)
    for name, value in response.raw_headers:
        answer._add(name.decode("latin-1"), value.decode("latin-1"))
    for name, value in fields:
        answer._set(name, value)
    length = sum(len(piece) if isinstance(piece, bytes) else piece[1] for piece in pieces)
    to._begin(answer, None if found == 304 else length)
    if request.method != "HEAD":
        for piece in pieces:
            if isinstance(piece, bytes):
                await to._part(piece)
            else:
                await to._file(file, *piece)
    to._end()


def _taken(source: Any) -> IO[bytes] | None:
    """Return the file of a source that is open."""
    descriptor = source.take()
    return None if descriptor is None else os.fdopen(descriptor, "rb", buffering=0)


def open_file(source: Any) -> IO[bytes] | None:
    """Open the file of a source; None if there is no regular file. A thread of the pool calls this."""
    try:
        descriptor = _open(source.path, source.folder)
    except OSError as error:
        if error.errno in _MISSING:
            return None
        raise
    file = os.fdopen(descriptor, "rb", buffering=0) if _is_regular(descriptor) else None
    if file is None:
        os.close(descriptor)
    return file


def kind_of(source: Any) -> str:
    """Return what there is at the path of a source: "file", "folder" or "missing". A thread of the pool calls this."""
    try:
        descriptor = _open(source.path, source.folder)
    except OSError as error:
        if error.errno in _MISSING:
            return "missing"
        raise
    try:
        mode = os.fstat(descriptor).st_mode
    finally:
        os.close(descriptor)
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "missing"


def _is_regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _open(path: str, folder: _native.Folder | None) -> int:
    """Open a file by a path that leads nowhere but below the folder, if there is one.

    Each part is opened in the one before it, so nothing that happens to the names meanwhile leads out of it.
    """
    if folder is None:
        return os.open(path, _FLAGS)
    if folder.follow_symlinks:
        return os.open(path or ".", _FLAGS, dir_fd=folder.fileno())
    *folders, name = [part for part in path.split("/") if part] or ["."]
    if ".." in (*folders, name) or path.startswith("/"):
        raise FileNotFoundError(errno.ENOENT, "a path that may lead out of its folder", path)
    descriptor = os.dup(folder.fileno())
    try:
        for part in folders:
            within = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = within
        return os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=descriptor)
    finally:
        os.close(descriptor)
