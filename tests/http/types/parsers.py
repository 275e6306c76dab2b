"""What type checkers know of `vitok.httptools`. It is checked, and never run.

A line with `type: ignore` has a mistake that both checkers find; each complains where there is none.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

from vitok import httptools
from vitok.httptools import HttpParserError, HttpRequestParser, HttpResponseParser, parse_url


class Calls:
    """A protocol with some of the methods."""

    def on_url(self, url: bytes) -> None:
        """Take the target."""


class Named(HttpRequestParser):
    """A parser with an argument of its own."""

    def __init__(self, protocol: object, name: str) -> None:
        """Keep the name."""
        super().__init__(protocol)
        self.name = name


assert_type(HttpRequestParser(Calls()), HttpRequestParser)
assert_type(HttpRequestParser(Calls()).get_method(), bytes)
assert_type(HttpResponseParser(Calls()), HttpResponseParser)
assert_type(HttpResponseParser(Calls()).get_status_code(), int)
assert_type(Named(Calls(), "one"), Named)
assert_type(Named(Calls(), "one").name, str)
assert_type(parse_url(b"/a?b").path, bytes | None)
assert_type(httptools.__version__, str)
try:
    HttpRequestParser(Calls()).feed_data(bytearray(b"GET"))
except HttpParserError as error:
    print(error)
HttpRequestParser()  # type: ignore[call-arg]
HttpRequestParser(Calls()).feed_data("GET")  # type: ignore[arg-type]
print(httptools.HttpRequest)  # type: ignore[attr-defined]
