"""`Response`: what a handler returns when a plain value does not say enough.

The class is native (`_native.Response`); here are its constructors, cookies, and the one function that sends what is
not there as bytes: files, streams and events.
"""

from __future__ import annotations

import builtins
import datetime
import os
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from vitok import _native

from . import cookies, file_responses, streams, values
from .cookies import SameSite
from .disposition import Disposition
from .response_headers import ResponseHeaders
from .streams import Event, Source

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element, ElementTree

HeadersLike = Mapping[str, str] | Iterable[tuple[str, str]]

_HTML = "text/html; charset=utf-8"
_XML = "application/xml"
_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# Statuses with which a client goes on to another address (RFC 9110 section 15.4).
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Characters that stand for themselves in a URI (RFC 3986 section 2); the percent sign begins what is encoded already.
_URI = "!#$%&'()*+,/:;=?@[]~-._"


class Response(_native.Response):
    """A response: status, header fields and content.

    Args:
        content: The content: bytes, or a str, which is sent in UTF-8.
        status: The status, 200 to 999.
        headers: Header fields: a mapping, or pairs where a name comes several times.
        content_type: The field `Content-Type`. Without one it follows from the content.

    Raises:
        TypeError: The content is neither bytes nor str.
        ValueError: The status, or a name or a value of a field, can't be sent.

    >>> response = Response("<a/>", 201, {"location": "/a"}, content_type="application/xml")
    >>> response.status, response.headers["location"], response.body
    (201, '/a', b'<a/>')
    """

    @property
    def headers(self) -> ResponseHeaders:
        """The header fields, which can be changed until the response is sent."""
        return ResponseHeaders(self)

    @classmethod
    def text(cls, content: str, status: int = 200, headers: HeadersLike | None = None) -> Self:
        """Return a response with plain text."""
        return cls(content, status, headers, _TEXT)

    @classmethod
    def html(cls, content: str, status: int = 200, headers: HeadersLike | None = None) -> Self:
        """Return a response with HTML."""
        return cls(content, status, headers, _HTML)

    @classmethod
    def json(
        cls, value: Any, status: int = 200, headers: HeadersLike | None = None, *, content_type: str = values.JSON
    ) -> Self:
        """Return a response with a value as JSON. TypeError or ValueError for a value that JSON can't express."""
        return cls(values.encode_json(value), status, headers, content_type)

    @classmethod
    def xml(
        cls,
        element: Element | ElementTree[Element] | str | builtins.bytes,
        status: int = 200,
        headers: HeadersLike | None = None,
        *,
        content_type: str = _XML,
    ) -> Self:
        """Return a response with an element of `xml.etree` as a document in UTF-8, or with a document as it is.

        ValueError for an element that XML can't express, such as a text with a control character.
        """
        content = element if isinstance(element, (str, builtins.bytes)) else _native.write_xml(element)
        return cls(content, status, headers, content_type)

    @classmethod
    def bytes(
        cls,
        content: builtins.bytes,
        status: int = 200,
        headers: HeadersLike | None = None,
        *,
        content_type: str = _BYTES,
    ) -> Self:
        """Return a response with bytes."""
        return cls(content, status, headers, content_type)

    @classmethod
    def redirect(cls, url: str, status: int = 303, headers: HeadersLike | None = None) -> Self:
        """Return a response that sends the client to another address: with 303 by GET, with 307 and 308 by the same
        method. ValueError for another status.
        """
        if status not in _REDIRECTS:
            raise ValueError(f"status: expected one of {sorted(_REDIRECTS)}, not {status}")
        response = cls(b"", status, headers)
        response._set("location", quote(url, safe=_URI))
        return response

    @classmethod
    def file(
        cls,
        path: str | os.PathLike[str],
        status: int = 200,
        headers: HeadersLike | None = None,
        *,
        filename: str | None = None,
        disposition: Disposition | None = None,
        content_type: str | None = None,
        etag: bool = True,
        last_modified: bool = True,
        cache_control: str | None = None,
    ) -> Self:
        """Return a response with a file. Conditional requests and ranges are answered as RFC 9110 says.

        The file is opened when the response is sent; if it is no regular file by then, the response is 404.

        Args:
            path: The path of the file.
            status: The status; with another one than 200 there are neither conditions nor ranges.
            headers: Header fields, which come before those of the file.
            filename: A name under which browsers save it.
            disposition: Whether browsers save it ("attachment", the default with a file name) or show it ("inline").
            content_type: The media type; by default it follows from the name of the file.
            etag: Whether to send an entity tag, made of the size and the time of the last change.
            last_modified: Whether to send the time of the last change.
            cache_control: The field `Cache-Control`.
        """
        source = file_responses.make_source(
            os.fspath(path),
            filename=filename,
            disposition=disposition,
            content_type=content_type,
            cache_control=cache_control,
            etag=etag,
            last_modified=last_modified,
        )
        return cls(None, status, headers, None, source)

    @classmethod
    def stream(
        cls,
        parts: AsyncIterable[builtins.bytes | str] | Iterable[builtins.bytes | str],
        status: int = 200,
        headers: HeadersLike | None = None,
        *,
        content_type: str = _BYTES,
        blocking: bool = True,
    ) -> Self:
        """Return a response whose parts are sent while they are made.

        No further part is asked for while the client does not read. The iterator is closed at the end, also if the
        client leaves. An exception in the middle ends the connection, which tells the client that the content is not
        complete.

        Args:
            parts: An iterable, asynchronous or not. A str is sent in UTF-8.
            status: The status.
            headers: Header fields. With a `content-length` the content is sent without chunks.
            content_type: The media type.
            blocking: Whether an iterable that is not asynchronous is iterated in threads of the loop's executor, as
                one that reads files must be. With False it is iterated in the thread of the loop.
        """
        return cls(None, status, headers, content_type, streams.stream(parts, blocking=blocking))

    @classmethod
    def events(
        cls,
        events: AsyncIterable[Event | str | dict[str, Any]],
        status: int = 200,
        headers: HeadersLike | None = None,
        *,
        keep_alive: float | None = 15.0,
    ) -> Self:
        """Return a response with server-sent events (WHATWG HTML, "Server-sent events").

        A str or a dict is an event with that data, a dict as JSON. The iterator is closed when the client leaves, or
        when the server begins to end: clients connect again, with the field `Last-Event-ID`.

        Args:
            events: An asynchronous iterable.
            status: The status.
            headers: Header fields.
            keep_alive: The seconds without an event after which a comment is sent, so that nothing between client and
                server ends the connection. None sends no comments.
        """
        response = cls(None, status, headers, "text/event-stream", streams.events(events, keep_alive))
        if "cache-control" not in response.headers:
            response._set("cache-control", "no-cache")
        return response

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: int | datetime.timedelta | None = None,
        expires: datetime.datetime | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Add a cookie (RFC 6265bis).

        Args:
            name: The name. One with the prefix `__Secure-` or `__Host-` has to be as the prefix says.
            value: The value: visible ASCII without quotes, commas, semicolons and backslashes.
            max_age: The seconds for which the client keeps it; without `max_age` and `expires` until it is closed.
            expires: The time until which the client keeps it, with a time zone.
            path: The path to which, and below which, it is sent back. None: that of the request.
            domain: The domain to which it is sent back, with all below it. None: only to this host.
            secure: Whether it is sent back only over TLS.
            httponly: Whether scripts can't read it.
            samesite: Whether it is sent with requests from other sites: "strict", "lax", "none" or None for the
                browser's own choice.
            partitioned: Whether each site that embeds this one has a cookie of its own.

        Raises:
            ValueError: Something can't be in a cookie, or browsers refuse it.
        """
        value = cookies.set_cookie(
            name,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        self._add("set-cookie", value)

    def delete_cookie(
        self,
        name: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool | None = None,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Add a cookie that makes the client forget the one of this name, path and domain.

        `secure` is by default what the name, `samesite` and `partitioned` require.
        """
        needs = cookies.is_prefixed(name) or samesite == "none" or partitioned
        self.set_cookie(
            name,
            max_age=0,
            expires=_EPOCH,
            path=path,
            domain=domain,
            secure=needs if secure is None else secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )


async def send(response: _native.Response, request: Any, to: Any) -> None:
    """Send a response that has a source: a file, a stream or events.

    Args:
        response: The response.
        request: The request that it answers, for its conditions and ranges.
        to: Where it goes: a native request, or an object with the same methods (`_begin`, `_part`, `_file`, `_end`,
            `_hold`).
    """
    source = response.source
    if isinstance(source, Source):
        await streams.send(source, response, request, to)
    else:
        await file_responses.send(source, response, request, to)
