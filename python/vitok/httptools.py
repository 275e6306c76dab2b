"""httptools' interface on vitok's parser: `from vitok import httptools`, or `import vitok.httptools as httptools`.

The parsers are native and stricter than httptools, as RFC 9112 asks; docs/reference/httptools.md lists each difference.
"""

import sys
from typing import Protocol

# For annotations, as in the stub.
from ._native import URL as URL
from ._native import HttpParser as HttpParser
from ._native import (
    HttpRequestParser,
    HttpResponseParser,
    know_httptools_errors,
    parse_url,
)

__all__ = (
    "HTTPProtocol",
    "HttpParserCallbackError",
    "HttpParserError",
    "HttpParserInvalidMethodError",
    "HttpParserInvalidStatusError",
    "HttpParserInvalidURLError",
    "HttpParserUpgrade",
    "HttpRequestParser",
    "HttpResponseParser",
    "__version__",
    "parse_url",
    "parser",
)

# The version of httptools whose interface this is.
__version__ = "0.9.0"


class HttpParserError(Exception):
    """The data breaks a rule of HTTP."""


class HttpParserCallbackError(HttpParserError):
    """A method of the protocol has raised an exception, which is the context of this one."""


class HttpParserInvalidStatusError(HttpParserError):
    """The status of a response is not valid."""


class HttpParserInvalidMethodError(HttpParserError):
    """The method of a request is not a known one."""


class HttpParserInvalidURLError(HttpParserError):
    """The target of a request, or an argument of parse_url(), is not valid."""


class HttpParserUpgrade(Exception):  # noqa: N818 - the name is httptools'
    """Another protocol follows. The only argument is the offset of its first byte in the data."""


class HTTPProtocol(Protocol):
    """What a parser calls. Each method is optional, and looked up when the parser is made."""

    def on_message_begin(self) -> None:
        """Called when a message begins."""

    def on_url(self, url: bytes) -> None:
        """Called with the target of a request."""

    def on_status(self, status: bytes) -> None:
        """Called with the reason phrase of a response."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called with each field of the head and of the trailers."""

    def on_headers_complete(self) -> None:
        """Called when the head is complete."""

    def on_body(self, body: bytes) -> None:
        """Called with each part of the content."""

    def on_message_complete(self) -> None:
        """Called when the message is complete."""

    def on_chunk_header(self) -> None:
        """Called when a chunk begins; the last one is empty."""

    def on_chunk_complete(self) -> None:
        """Called when a chunk ends; the last one ends after the trailers."""


know_httptools_errors(
    HttpParserError,
    HttpParserCallbackError,
    HttpParserInvalidStatusError,
    HttpParserInvalidMethodError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
)

# httptools has its parsers in a module of this name, too.
parser = sys.modules[__name__]
