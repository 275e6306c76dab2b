"""Reading the content of a request where native code does not: from another ASGI server, and in rare encodings.

A request of this server is read natively. Both ways go through the same rules, which the native request has.
"""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

from .errors import HTTPError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ..._native import Request
    from .form import Form, FormLimits


# Names of encodings of text that is sent (WHATWG Encoding, and what other clients use). Other names are refused before
# they are looked up: Python keeps every name that it was ever asked for.
_SAME_NAME = """
    ascii us-ascii latin-1 latin1 utf-8 utf8 utf-16 utf-16le utf-16be utf-32 utf-32le utf-32be koi8-r koi8-u tis-620
    big5 gb2312 gbk gb18030 euc-jp shift_jis iso-2022-jp euc-kr
"""
_CODECS = {
    **{name: name for name in _SAME_NAME.split()},
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in range(1, 17) if part != 12},
    **{f"windows-{page}": f"cp{page}" for page in (874, *range(1250, 1259))},
    "macintosh": "mac-roman",
    "ibm866": "cp866",
}


class ClientDisconnected(ConnectionResetError):  # noqa: N818  # nobody's error
    """The client has left before all content of its request had arrived."""

    def __init__(self, text: str = "the client has left before the content of its request had arrived") -> None:
        super().__init__(text)


async def read(request: Request[Any], receive: Callable[[], Awaitable[Any]], kind: str) -> Any:
    """Return the content as a value of this kind, once all of it has arrived."""
    if not request._begin_reading(kind):
        try:
            while not request._add(await receive()):
                pass
        finally:
            request._cease_reading()
    return request._value(kind)


async def stream(request: Request[Any], receive: Callable[[], Awaitable[Any]]) -> AsyncIterator[bytes]:
    """Yield the parts of the content as they arrive."""
    is_whole = request._is_whole()
    while part := await _next_part(request, receive):
        yield part
        if is_whole:
            return


async def _next_part(request: Request[Any], receive: Callable[[], Awaitable[Any]]) -> bytes:
    part = request._begin_part()
    try:
        while part is None:
            part = request._add_part(await receive())
    finally:
        request._cease_reading()
    return part


async def is_disconnected(request: Request[Any], receive: Callable[[], Awaitable[Any]]) -> bool:
    """Return whether the client has left, without waiting for that.

    The server tells it by an event after the content. Content that arrives before is kept for its readers.
    """
    while request._takes_events() and not request._is_lost():
        event = _event_of(receive())
        if event is None:
            break
        request._keep(event)
    return request._is_lost()


def _event_of(waiting: Any) -> Any:
    """Return the event if it is there already; otherwise cease to wait for it."""
    steps = waiting.__await__()
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value
    steps.close()
    return None


async def receive_form(request: Request[Any], limits: FormLimits | None) -> Form:
    """Return a form, whose files are stored as they arrive. It is kept by the request."""
    known = request._kept_form()
    if known is None:
        # Most applications have no such forms.
        forms = importlib.import_module("vitok.http.native.forms")
        form: Form = await forms.receive_form(request, limits)
        request._keep_form(form)
        return form
    return known


def decode(content: bytes, charset: str) -> str:
    """Decode text. HTTPError 415 for an unknown encoding, UnicodeDecodeError for content that is not in it."""
    codec = _CODECS.get(charset.lower())
    if codec is None:
        raise HTTPError(415, f"the charset {charset!r} of the content is not known")
    return content.decode(codec)


def decode_json(content: bytes) -> Any:
    """Decode JSON with the standard library, as strictly as RFC 8259: UTF-8, and no NaN. ValueError says where."""
    return _DECODER.decode(content.decode())


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no value of JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
