"""What a parser of httptools' interface calls, as a list: of httptools' own and of ours.

The cases are not known here.
"""

import importlib
import importlib.util
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from vitok import httptools as ours

# The peer, where it is installed (the dependency groups programs and bench). Without it, cases run on ours alone.
PEER: ModuleType | None = importlib.import_module("httptools") if importlib.util.find_spec("httptools") else None
MODULES = [ours] if PEER is None else [PEER, ours]

# What is told in pieces, as the input is divided: adjacent pieces are one.
IN_PIECES = frozenset({"url", "status", "body"})


class Case(NamedTuple):
    """An input, and what both parsers make of it."""

    name: str
    data: bytes
    calls: Sequence[str]


class Recorder:
    """A protocol that writes down what it is called with, in the words of the cases."""

    def __init__(self, module: Any, *, is_response: bool) -> None:
        self.calls: list[str] = []
        self.is_response = is_response
        kind = module.HttpResponseParser if is_response else module.HttpRequestParser
        self.parser = kind(self)

    def note(self, name: str, content: bytes | None = None) -> None:
        """One call."""
        if content is None:
            self.calls.append(name)
        elif name in IN_PIECES and self.calls and self.calls[-1].startswith(f"{name} "):
            self.calls[-1] += shown(content)
        else:
            self.calls.append(f"{name} {shown(content)}")

    def on_message_begin(self) -> None:
        self.note("begin")

    def on_url(self, url: bytes) -> None:
        assert self.parser.should_upgrade() is False
        self.note("url", url)

    def on_status(self, status: bytes) -> None:
        self.note("status", status)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.note(f"{shown(name)}: {shown(value)}")

    def on_headers_complete(self) -> None:
        parser = self.parser
        what = parser.get_status_code() if self.is_response else parser.get_method().decode()
        flags = ["keep-alive"] * parser.should_keep_alive() + ["upgrade"] * parser.should_upgrade()
        self.note(" ".join(["head", str(what), parser.get_http_version(), *flags]))

    def on_body(self, body: bytes) -> None:
        self.note("body", body)

    def on_message_complete(self) -> None:
        self.note("end")

    def on_chunk_header(self) -> None:
        self.note("chunk")

    def on_chunk_complete(self) -> None:
        self.note("chunk end")


def shown(content: bytes) -> str:
    """Bytes as one line of text."""
    return content.decode("latin-1").encode("unicode_escape").decode()


def calls_of(module: Any, pieces: Iterable[bytes], *, is_response: bool) -> list[str]:
    """What the protocol is called with, and the exception that ends it. An offset counts from the first piece."""
    recorder = Recorder(module, is_response=is_response)
    position = 0
    for piece in pieces:
        try:
            recorder.parser.feed_data(piece)
        except module.HttpParserUpgrade as upgrade:
            return [*recorder.calls, f"HttpParserUpgrade {position + upgrade.args[0]}"]
        except module.HttpParserError as error:
            return [*recorder.calls, type(error).__name__]
        position += len(piece)
    return recorder.calls


def splits_of(data: bytes) -> Iterable[Sequence[bytes]]:
    """The data in two pieces, in each way; and byte by byte."""
    yield from ([data[:place], data[place:]] for place in range(1, len(data)))
    yield [data[place : place + 1] for place in range(len(data))]
