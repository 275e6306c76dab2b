"""vitok.httptools' parsers as objects: protocols, exceptions of their methods, leniencies, limits, life.

Each test runs on httptools too, where both agree.
"""

import gc
import sys
import weakref
from array import array
from typing import Any

import pytest
from httptools_support import MODULES, Recorder, calls_of, ours

REQUEST = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
METHODS = ["on_message_begin", "on_header", "on_headers_complete", "on_body", "on_message_complete"]
REQUEST_METHODS = [*METHODS, "on_url", "on_chunk_header", "on_chunk_complete"]
CASES = [(name, False) for name in REQUEST_METHODS] + [(name, True) for name in [*METHODS, "on_status"]]

each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)


def parser_of(module: Any, protocol: Any, *, is_response: bool) -> Any:
    """A parser of one kind."""
    return (module.HttpResponseParser if is_response else module.HttpRequestParser)(protocol)


class Raising:
    """A protocol one method of which raises."""

    def __init__(self, name: str, error: BaseException) -> None:
        def method(*_: object) -> None:
            raise error

        setattr(self, name, method)


@each_module
@pytest.mark.parametrize(("name", "is_response"), CASES)
@pytest.mark.parametrize("error", [ValueError("a"), KeyboardInterrupt()], ids=lambda error: type(error).__name__)
def test_an_exception_of_a_method_is_the_context(
    module: Any, name: str, error: BaseException, *, is_response: bool
) -> None:
    parser = parser_of(module, Raising(name, error), is_response=is_response)
    with pytest.raises(module.HttpParserCallbackError, match="callback error") as raised:
        parser.feed_data(RESPONSE if is_response else REQUEST)
    assert raised.value.__context__ is error
    # The parser is of no use from here on.
    with pytest.raises(module.HttpParserCallbackError):
        parser.feed_data(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(("name", "is_response"), CASES)
def test_the_error_names_the_method(name: str, *, is_response: bool) -> None:
    parser = parser_of(ours, Raising(name, ValueError()), is_response=is_response)
    with pytest.raises(ours.HttpParserCallbackError, match=f"^`{name}` callback error$"):
        parser.feed_data(RESPONSE if is_response else REQUEST)


@each_module
def test_each_method_is_optional(module: Any) -> None:
    class Nothing:
        on_body = on_url = on_status = on_header = None

    for protocol in (None, object(), Nothing()):
        for is_response in (False, True):
            parser = parser_of(module, protocol, is_response=is_response)
            parser.feed_data(RESPONSE if is_response else REQUEST)
    assert (parser.get_status_code(), parser.get_http_version()) == (200, "1.1")


@each_module
def test_methods_are_looked_up_once(module: Any) -> None:
    class Protocol:
        def on_url(self, url: bytes) -> None:
            seen.append(url)

    seen: list[bytes] = []
    protocol = Protocol()
    parser = module.HttpRequestParser(protocol)
    protocol.on_url = None  # type: ignore[method-assign, assignment]
    parser.feed_data(REQUEST)
    assert seen == [b"/a"]


@each_module
def test_any_bytes_are_data(module: Any) -> None:
    for data in (bytearray(REQUEST), memoryview(REQUEST), memoryview(bytearray(REQUEST)), array("B", REQUEST)):
        recorder = Recorder(module, is_response=False)
        recorder.parser.feed_data(data)
        assert recorder.calls == calls_of(module, [REQUEST], is_response=False)
    with pytest.raises(TypeError, match="a bytes-like object"):
        recorder.parser.feed_data("GET")
    with pytest.raises(TypeError):
        recorder.parser.feed_data()


def test_data_may_change_while_a_method_runs() -> None:
    """A bytearray is copied, so that what a method does to it changes nothing."""
    data = bytearray(REQUEST)

    class Protocol(Recorder):
        def on_url(self, url: bytes) -> None:
            data[:] = b"x" * 7
            super().on_url(url)

    recorder = Protocol(ours, is_response=False)
    recorder.parser.feed_data(data)
    assert recorder.calls == calls_of(ours, [REQUEST], is_response=False)


def test_feeding_within_a_method_is_refused() -> None:
    class Protocol:
        def on_url(self, url: bytes) -> None:
            parser.feed_data(url)

    parser: Any = ours.HttpRequestParser(Protocol())
    with pytest.raises(ours.HttpParserCallbackError) as raised:
        parser.feed_data(REQUEST)
    assert "within a call" in str(raised.value.__context__)


@each_module
def test_a_class_may_inherit_and_take_arguments_of_its_own(module: Any) -> None:
    class Own(module.HttpRequestParser):  # type: ignore[misc]
        def __init__(self, *, color: str) -> None:
            super().__init__(self)
            self.color = color
            self.urls: list[bytes] = []

        def on_url(self, url: bytes) -> None:
            self.urls.append(url)

    parser = Own(color="blue")
    parser.feed_data(REQUEST)
    assert (parser.urls or [b"/a"], parser.color, parser.get_method()) == ([b"/a"], "blue", b"POST")


def test_a_parser_without_init_calls_nothing() -> None:
    parser = ours.HttpRequestParser.__new__(ours.HttpRequestParser)
    parser.feed_data(REQUEST)
    assert parser.get_method() == b"POST"
    with pytest.raises(TypeError, match="protocol"):
        parser.__init__()  # type: ignore[call-arg, misc]


def test_init_begins_anew() -> None:
    recorder = Recorder(ours, is_response=False)
    recorder.parser.feed_data(b"GET")
    recorder.parser.__init__(recorder)
    assert (recorder.parser.get_method(), recorder.parser.get_http_version()) == (b"", "0.0")
    recorder.parser.feed_data(REQUEST)
    assert recorder.calls == ["begin", *calls_of(ours, [REQUEST], is_response=False)]


def test_a_protocol_and_its_parser_are_collected() -> None:
    class Protocol:
        def __init__(self) -> None:
            self.parser = ours.HttpRequestParser(self)

        def on_url(self, url: bytes) -> None: ...

    protocol = Protocol()
    protocol.parser.feed_data(REQUEST)
    gone = weakref.ref(protocol), weakref.ref(protocol.parser)
    del protocol
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_no_reference_is_leaked() -> None:
    class Protocol:
        on_header = on_url = on_body = on_status = print

    for data, is_response in ((REQUEST, False), (b"GET / HTTP/1.1\r\nHost", False), (RESPONSE, True), (b"x", True)):
        before = sys.getrefcount(data), sys.getrefcount(Protocol)
        for _ in range(20):
            parser = parser_of(ours, None, is_response=is_response)
            try:
                parser.feed_data(data)
            except ours.HttpParserError as error:
                del error
        del parser
        gc.collect()
        assert (sys.getrefcount(data), sys.getrefcount(Protocol)) == before


@each_module
def test_folded_lines_are_a_leniency(module: Any) -> None:
    folded = b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n  c\r\n\td\r\nE: f\r\n\r\n"
    for pieces in ([folded], [folded[:30], folded[30:]], [folded[:33], folded[33:35], folded[35:]]):
        recorder = Recorder(module, is_response=False)
        recorder.parser.set_dangerous_leniencies(lenient_headers=True)
        for piece in pieces:
            recorder.parser.feed_data(piece)
        assert recorder.calls[3:5] == ["A: b  c\\td", "E: f"]


@each_module
@pytest.mark.parametrize(("leniency", "ends"), [("lenient_data_after_close", 1), ("lenient_keep_alive", 2)])
def test_data_after_the_last_message_is_a_leniency(module: Any, leniency: str, ends: int) -> None:
    """One discards it, and one reads it."""
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    for pieces in ([last * 2], [last, last], [last + last[:9], last[9:]]):
        recorder = Recorder(module, is_response=False)
        recorder.parser.set_dangerous_leniencies(**{leniency: True})
        for piece in pieces:
            recorder.parser.feed_data(piece)
        assert recorder.calls.count("end") == ends


def test_a_leniency_that_allows_smuggling_is_refused() -> None:
    parser = ours.HttpRequestParser(None)
    parser.set_dangerous_leniencies(lenient_chunked_length=False, lenient_keep_alive=True)
    with pytest.raises(ValueError, match="lenient_transfer_encoding is not supported"):
        parser.set_dangerous_leniencies(lenient_transfer_encoding=True)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", ours.HttpParserInvalidURLError),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 256 + b"\r\n", ours.HttpParserError),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 270_000 + b"\r\n\r\n", ours.HttpParserError),
        (REQUEST.replace(b"1\r\n", b"1;a=" + b"b" * 5000 + b"\r\n"), ours.HttpParserError),
        (REQUEST[:-2] + b"A: b\r\n" * 257 + b"\r\n", ours.HttpParserError),
        (REQUEST[:-2] + b"A: " + b"b" * 270_000 + b"\r\n\r\n", ours.HttpParserError),
    ],
    ids=["target", "fields", "head", "extension", "trailer fields", "trailers"],
)
def test_each_size_has_a_limit(data: bytes, error: type[Exception]) -> None:
    for size in (len(data), 4096, 777):
        parser = ours.HttpRequestParser(None)
        with pytest.raises(error):
            for start in range(0, len(data), size):
                parser.feed_data(data[start : start + size])


def test_what_is_within_the_limits_is_read() -> None:
    fields = b"A: b\r\n" * 255
    data = b"GET /" + b"a" * 65_000 + b" HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"
    for size in (len(data), 4096):
        recorder = Recorder(ours, is_response=False)
        for start in range(0, len(data), size):
            recorder.parser.feed_data(data[start : start + size])
        assert len(recorder.calls) == 2 + 256 + 2


def test_names_are_those_of_httptools() -> None:
    for module in MODULES:
        assert set(ours.__all__) >= set(module.__all__)
        assert module.parser.HttpRequestParser is module.HttpRequestParser
    errors = [name for name in ours.__all__ if name.endswith("Error")]
    assert all(issubclass(getattr(ours, name), ours.HttpParserError) for name in errors)
    assert not issubclass(ours.HttpParserUpgrade, ours.HttpParserError)
