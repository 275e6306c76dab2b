"""httptools' interface on vitok's parser. `parser` is this module too: httptools has its parsers in one."""

from types import ModuleType
from typing import Final, Protocol, final

from _typeshed import ReadableBuffer
from typing_extensions import disjoint_base

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

__version__: Final[str]
"""The version of httptools whose interface this is."""
parser: Final[ModuleType]
"""This module: httptools has its parsers in a module of this name, too."""

class HttpParserError(Exception): ...
class HttpParserCallbackError(HttpParserError): ...
class HttpParserInvalidStatusError(HttpParserError): ...
class HttpParserInvalidMethodError(HttpParserError): ...
class HttpParserInvalidURLError(HttpParserError): ...
class HttpParserUpgrade(Exception): ...  # noqa: N818 - the name is httptools'

class HTTPProtocol(Protocol):
    def on_message_begin(self) -> None: ...
    def on_url(self, url: bytes) -> None: ...
    def on_status(self, status: bytes) -> None: ...
    def on_header(self, name: bytes, value: bytes) -> None: ...
    def on_headers_complete(self) -> None: ...
    def on_body(self, body: bytes) -> None: ...
    def on_message_complete(self) -> None: ...
    def on_chunk_header(self) -> None: ...
    def on_chunk_complete(self) -> None: ...

@disjoint_base
class HttpParser:
    def __init__(self, protocol: HTTPProtocol | object) -> None: ...
    def set_dangerous_leniencies(
        self,
        lenient_headers: bool | None = None,
        lenient_chunked_length: bool | None = None,
        lenient_keep_alive: bool | None = None,
        lenient_transfer_encoding: bool | None = None,
        lenient_version: bool | None = None,
        lenient_data_after_close: bool | None = None,
        lenient_optional_lf_after_cr: bool | None = None,
        lenient_optional_cr_before_lf: bool | None = None,
        lenient_optional_crlf_after_chunk: bool | None = None,
        lenient_spaces_after_chunk_size: bool | None = None,
    ) -> None: ...
    def feed_data(self, data: ReadableBuffer) -> None: ...
    def get_http_version(self) -> str: ...
    def should_keep_alive(self) -> bool: ...
    def should_upgrade(self) -> bool: ...

class HttpRequestParser(HttpParser):
    def get_method(self) -> bytes: ...

class HttpResponseParser(HttpParser):
    def get_status_code(self) -> int: ...

@final
class URL:
    @property
    def schema(self) -> bytes | None:
        """The scheme, such as `b"https"`, or None."""

    @property
    def host(self) -> bytes | None:
        """The host without its port, of an IPv6 address without brackets, or None."""

    @property
    def port(self) -> int | None:
        """The port, or None."""

    @property
    def path(self) -> bytes | None:
        """The path, or None."""

    @property
    def query(self) -> bytes | None:
        """The query without `?`, or None."""

    @property
    def fragment(self) -> bytes | None:
        """The fragment without `#`, or None."""

    @property
    def userinfo(self) -> bytes | None:
        """The name and the password before `@`, or None."""

def parse_url(url: ReadableBuffer) -> URL: ...
def know_httptools_errors(
    error: type[Exception],
    callback: type[Exception],
    status: type[Exception],
    method: type[Exception],
    url: type[Exception],
    upgrade: type[Exception],
    /,
) -> None: ...
