"""`App.files`: the files of a folder, by their paths.

The folder is opened once. A path names files below it only: its parts are compared here, and opened by the kernel, or
one by one, in a way that follows no symbolic link unless it may.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from vitok import _native

from ..narrowing import pairs_of
from . import file_responses
from .errors import HTTPError
from .responses import Response

# Encodings of files that were compressed before, in the order of preference: token and suffix.
_ENCODINGS = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
# A weight (RFC 9110 section 12.4.2); anything else counts as none.
_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
# Names that are not those of a file in the folder.
_ODD = frozenset({".", ".."})


class StaticFiles:
    """The files of a folder, as an endpoint whose path parameter `path` is the rest of the path.

    Args:
        folder: The folder. It is opened at once, and stays the same one if its name comes to lead to another.
        index: The file that is sent for a folder, or None: a folder is 404 then.
        follow_symlinks: Whether symbolic links are followed, also out of the folder.
        precompressed: Whether a file with `.br`, `.zst` or `.gz` behind its name is sent to clients that accept it.
        dot_files: Whether there are files and folders whose names begin with a dot. Others are 404 then.
        cache_control: The field `Cache-Control` of all files.
        headers: Further header fields of all files.
        content_types: Media types by suffix, such as `{".glb": "model/gltf-binary"}`.

    Raises:
        OSError: The folder can't be opened, or is none.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        index: str | None = "index.html",
        follow_symlinks: bool = False,
        precompressed: bool = False,
        cache_control: str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        content_types: Mapping[str, str] | None = None,
        dot_files: bool = True,
    ) -> None:
        self._folder = _native.Folder(os.fspath(folder), follow_symlinks)
        self._index = index
        self._precompressed = precompressed
        self._dot_files = dot_files
        self._cache_control = cache_control
        self._headers = list(pairs_of(headers or ()))
        self._content_types = {suffix.lower(): kind for suffix, kind in (content_types or {}).items()}

    def __call__(self, request: Any) -> Response | Coroutine[Any, Any, Response]:
        """Answer a request, at once if the kernel knows without looking at a disk. HTTPError 404."""
        path = request.path_params.get("path")
        if path is None:
            return _to_folder(request)
        _check(path, request.raw_path)
        if not self._dot_files and ("/." in path or path.startswith(".")):
            raise HTTPError(404)
        response = self._find(request, path, _native.FileSource.open)
        return self._find_in_thread(request, path) if response is None else response

    async def _find_in_thread(self, request: Any, path: str) -> Response:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(None, self._find, request, path, file_responses.kind_of)
        if found is None:
            raise HTTPError(404)
        return found

    def _find(self, request: Any, path: str, look: Callable[[_native.FileSource], str | None]) -> Response | None:
        """Return the response, or None if `look` can't tell what there is at a path."""
        source = self._source(path)
        kind = look(source)
        if kind == "folder" and self._index is not None:
            if path and not path.endswith("/"):
                return _to_folder(request)
            path += self._index
            source = self._source(path)
            kind = look(source)
        if kind is None:
            return None
        if kind != "file" or path.endswith("/"):
            raise HTTPError(404)
        if not self._precompressed:
            return Response(None, 200, self._headers, None, source)
        return self._smallest(request, path, source, look)

    def _smallest(
        self, request: Any, path: str, source: _native.FileSource, look: Callable[[_native.FileSource], str | None]
    ) -> Response | None:
        """Return the response with the file, or with one that was compressed before and that the client accepts."""
        headers = [*self._headers, ("vary", "accept-encoding")]
        for token in preferred_encodings(request.headers.get("accept-encoding", "")):
            compressed = self._source(path + _ENCODINGS[token], path)
            kind = look(compressed)
            if kind is None:
                return None
            if kind == "file":
                return Response(None, 200, [*headers, ("content-encoding", token)], None, compressed)
        return Response(None, 200, headers, None, source)

    def _source(self, path: str, named: str | None = None) -> _native.FileSource:
        """Return the source of a file, with the type that its name, or another one, says."""
        named = named or path
        kind = self._content_types.get(PurePosixPath(named).suffix.lower()) if self._content_types else None
        kind = kind or file_responses.content_type_of(named)
        return _native.FileSource(path or ".", self._folder, kind, None, self._cache_control, True, True)


def preferred_encodings(field: str) -> list[str]:
    """Return which of br, zstd and gzip a field `Accept-Encoding` prefers to none, the best first (RFC 9110, 12.5.3).

    Equal weights are in this order. Wildcards are left out: what a client does not name, it may not know.

    >>> preferred_encodings("gzip, br;q=0.5, zstd;q=0, *")
    ['gzip', 'br']
    """
    weights: dict[str, float] = {}
    for part in field.lower().split(","):
        token, _, parameters = part.partition(";")
        weight = _WEIGHT.fullmatch(parameters.replace(" ", "").replace("\t", ""))
        weights[token.strip()] = float(weight[1]) if weight else 1.0
    least = weights.get("identity", 0.0)
    accepted = [token for token in _ENCODINGS if weights.get(token, 0.0) > 0 and weights[token] >= least]
    return sorted(accepted, key=lambda token: -weights[token])


def _check(path: str, raw_path: bytes) -> None:
    """Check that a path names a file below the folder: HTTPError 404 if not.

    A slash that was encoded is a part of a name for the router, and no name of a file has one.
    """
    # Most paths have nothing of what makes a closer look necessary.
    if "/." in path or "//" in path or path.startswith(("/", ".")) or "\0" in path:
        *folders, name = path.split("/")
        if "" in folders or not _ODD.isdisjoint((*folders, name)) or "\0" in path:
            raise HTTPError(404)
    if b"%2" in raw_path and b"%2f" in raw_path.lower():
        raise HTTPError(404)


def _to_folder(request: Any) -> Response:
    """Return a redirect to the same path with a slash at its end, relative to it: the server may be behind a prefix."""
    name = request.raw_path.rpartition(b"/")[2].decode("latin-1")
    query = request.query_string.decode("latin-1")
    return Response.redirect(f"./{name}/?{query}" if query else f"./{name}/", 307)
