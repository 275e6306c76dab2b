"""The requests of a test: URL, fields and content, made from what a test gives. Sending them is not known here."""

from __future__ import annotations

import json
import mimetypes
import secrets
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import IO, Any
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlencode, urljoin, urlsplit

from ..narrowing import is_list, is_tuple

Pairs = Mapping[str, Any] | Sequence[tuple[str, Any]]
"""Names and values; a value that is a list or a tuple stands for several of the same name."""
Fields = Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
Content = bytes | str | Iterable[bytes] | AsyncIterable[bytes]
FileContent = bytes | str | IO[bytes]
File = FileContent | tuple[str, FileContent] | tuple[str, FileContent, str]
"""A file of a form: its content, or its name and content, or its name, content and media type."""
Files = Mapping[str, File] | Sequence[tuple[str, File]]

# What may stand in a path or a query without being encoded (RFC 3986, section 3.3), and the percent sign of what is
# encoded already.
_PATH = "/%:@!$&'()*+,;=~"
_QUERY = _PATH + "?"
# Methods of requests that have a length even without content (RFC 9110, section 8.6).
_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a test, ready to be sent. Iterable content can be sent once."""

    method: str
    url: SplitResult
    fields: tuple[tuple[bytes, bytes], ...]
    content: bytes | Iterable[bytes] | AsyncIterable[bytes] = b""
    kept: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    """The fields that were given, without those that follow from the content and the URL."""

    def scope(self) -> dict[str, Any]:
        """Return what a scope has of a request."""
        host, port = self.url.hostname or "", self.url.port
        raw_path = self.url.path.encode("ascii")
        return {
            "method": self.method,
            "scheme": self.url.scheme,
            "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
            "raw_path": raw_path,
            "query_string": self.url.query.encode("ascii"),
            "headers": [(name.lower(), value) for name, value in self.fields],
            "server": (host, port or (443 if self.url.scheme in ("https", "wss") else 80)),
        }

    def redirected(self, status: int, location: str) -> Request:
        """Return the request that follows from a redirect (RFC 9110, section 15.4)."""
        url = split(urljoin(self.url.geturl(), location))
        if not url.fragment:
            url = url._replace(fragment=self.url.fragment)
        drops_content = status == 303 or (status in (301, 302) and self.method == "POST")
        if drops_content and self.method != "HEAD":
            kept = tuple(pair for pair in self.kept if not pair[0].lower().startswith(b"content-"))
            return Request("GET", url, (*_host(url, kept), *kept), b"", kept)
        if not isinstance(self.content, bytes):
            raise RuntimeError(f"a redirect by {status} repeats the content, which was an iterator")
        rest = tuple(pair for pair in self.fields if pair[0].lower() != b"host")
        return replace(self, url=url, fields=(*_host(url, self.kept), *rest))


def make(
    method: str,
    url: str,
    *,
    params: Pairs | None = None,
    headers: Fields | None = None,
    json: Any = None,
    data: Pairs | None = None,
    files: Files | None = None,
    content: Content | None = None,
) -> Request:
    """Make a request. TypeError if its content is given in two ways."""
    given = [name for name, value in (("json", json), ("content", content)) if value is not None]
    if data is not None or files is not None:
        given.append("data or files")
    if len(given) > 1:
        raise TypeError(f"the content of a request is given once, not by {' and '.join(given)}")
    kept = tuple(pairs_of(headers or ()))
    where = split(url)
    if params is not None:
        query = "&".join(filter(None, (where.query, urlencode(_pairs(params), doseq=True))))
        where = where._replace(query=query)
    body, media_type = _content(json, data, files, content)
    own = {name.lower() for name, _ in kept}
    derived = [pair for pair in _framing(method, body, media_type) if pair[0] not in own]
    defaults = [(b"accept", b"*/*"), (b"user-agent", b"vitok.http.testing")]
    derived += [pair for pair in defaults if pair[0] not in own]
    return Request(method.upper(), where, (*_host(where, kept), *derived, *kept), body, kept)


def split(url: str) -> SplitResult:
    """Split an absolute URL, with everything encoded that has to be."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.hostname:
        raise ValueError(f"{url!r} is not an absolute URL")
    return parts._replace(path=quote(parts.path or "/", safe=_PATH), query=quote(parts.query, safe=_QUERY))


def origin(url: SplitResult) -> tuple[str, str, int]:
    """Return the origin of a URL (RFC 6454, section 4)."""
    default = 443 if url.scheme in ("https", "wss") else 80
    return url.scheme, url.hostname or "", default if url.port is None else url.port


def pairs_of(fields: Fields) -> list[tuple[bytes, bytes]]:
    """Return header fields as they are sent."""
    return [(_bytes(name), _bytes(value)) for name, value in _pairs(fields)]


def _host(url: SplitResult, kept: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    if any(name.lower() == b"host" for name, _ in kept):
        return []
    return [(b"host", url.netloc.rpartition("@")[2].encode("idna" if not url.netloc.isascii() else "ascii"))]


def _framing(method: str, body: Any, media_type: str | None) -> list[tuple[bytes, bytes]]:
    """Return the fields that describe the content."""
    found = [(b"content-type", media_type.encode())] if media_type else []
    if not isinstance(body, bytes):
        return [*found, (b"transfer-encoding", b"chunked")]
    if body or method.upper() in _WITH_CONTENT:
        found.append((b"content-length", b"%d" % len(body)))
    return found


def _content(
    value: Any, data: Pairs | None, files: Files | None, content: Content | None
) -> tuple[bytes | Iterable[bytes] | AsyncIterable[bytes], str | None]:
    """Return the content in the form in which it is sent, and its media type."""
    if value is not None:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode(), "application/json"
    if files is not None:
        return _multipart(data or (), files)
    if data is not None:
        return urlencode(_pairs(data), doseq=True).encode(), "application/x-www-form-urlencoded"
    if isinstance(content, str):
        return content.encode(), "text/plain; charset=utf-8"
    if isinstance(content, bytearray | memoryview):
        return bytes(content), None
    return b"" if content is None else content, None


def _multipart(data: Pairs, files: Files) -> tuple[bytes, str]:
    """Return a form with files (RFC 7578) and its media type, as browsers write it (WHATWG, "multipart/form-data")."""
    boundary = secrets.token_hex(16)
    parts: list[bytes] = []
    for name, value in _pairs(data):
        for one in value if is_list(value) or is_tuple(value) else (value,):
            parts.append(_part(boundary, f'name="{_quoted(name)}"', None, _bytes_of(one)))
    for name, file in _pairs(files):
        file_name, body, media_type = _file(name, file)
        facts = f'name="{_quoted(name)}"; filename="{_quoted(file_name)}"'
        parts.append(_part(boundary, facts, media_type, body))
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _part(boundary: str, facts: str, media_type: str | None, body: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {facts}\r\n"
    if media_type:
        head += f"Content-Type: {media_type}\r\n"
    return head.encode() + b"\r\n" + body + b"\r\n"


def _file(name: str, file: File) -> tuple[str, bytes, str]:
    """Return name, content and media type of a file."""
    file_name, body, *rest = file if isinstance(file, tuple) else (_file_name(file, name), file)
    media_type = str(rest[0]) if rest else mimetypes.guess_type(str(file_name))[0] or "application/octet-stream"
    return str(file_name), _bytes_of(body), media_type


def _file_name(file: Any, name: str) -> str:
    path = getattr(file, "name", None)
    return PurePath(path).name if isinstance(path, str) else name


def _bytes_of(value: Any) -> bytes:
    if hasattr(value, "read"):
        value = value.read()
    return value if isinstance(value, bytes) else str(value).encode()


def _quoted(name: str) -> str:
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _pairs(given: Any) -> list[tuple[Any, Any]]:
    pairs: Any = given
    return list(pairs.items() if isinstance(given, Mapping) else pairs)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
