"""Tests of the HTTP/2 rows: the table, the check of an answer, each row on the raw server, and servers that fail.

Run by `pytest benchmarks`. Speed is not tested. Tests that need the load generator are skipped if it is not built.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from vitok_bench import http2_check, load_generator, suite_http, suite_http2
from vitok_bench.child import ChildError
from vitok_bench.http2_rows import rows
from vitok_bench.http_cell import HttpCell, RawServer
from vitok_bench.http_rows import HttpRow
from vitok_bench.http_servers import SERVERS, ServerSpec
from vitok_bench.suites import Cores

BINARY: Final = load_generator.find()
ROWS: Final = {row.name: row for row in rows()}
IN_CLEAR_TEXT: Final = [row for row in rows() if not row.is_secure and not row.is_memory]
NO_CORES: Final = Cores(server=None, client=None)
FEW: Final = 40
SETTINGS: Final = b"\0\0\0\4\0\0\0\0\0"
LIMIT_S: Final = 10.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load generator is Linux's")
with_load = pytest.mark.skipif(BINARY is None, reason="vitok-load is not built")


@pytest.fixture
def raw() -> Iterator[RawServer]:
    """The raw server, with the answer of the row of GET."""
    server = RawServer([str(BINARY), "raw", *ROWS["h2_get"].raw], core=None)
    with contextlib.closing(server):
        yield server


def cell(row: HttpRow, server: RawServer) -> HttpCell:
    assert BINARY is not None
    return HttpCell(row, server, "", binary=BINARY, cores=NO_CORES)


def test_rows_are_those_of_http_in_every_form() -> None:
    names = {f"h2_{what}{one}{tls}" for what in ("get", "json", "body_out", "body_in", "stream") for one in ("", "_1")
             for tls in ("", "_tls")}  # fmt: skip
    assert names | {"h2_memory"} == ROWS.keys()
    assert ROWS["h2_get"].title == "GET, 13 bytes out, 8 connections of 16 streams"
    assert ROWS["h2_stream_1_tls"].title == "GET, 8 parts of 1024 bytes out, 64 connections of a stream, over TLS"
    assert all(("--tls" in row.client) is row.is_secure and row.is_http2 for row in rows())


def test_only_servers_of_http2_are_measured() -> None:
    known = [spec.label for spec in suite_http2.SUITE.specs(list(SERVERS))]
    assert known == ["vitok", "uvicorn+zttp", "granian", "granian-rsgi", "h2corn", "hypercorn"]
    for name in known:
        spec = ServerSpec.parse(name)
        assert spec.http2_command(54321)[: len(spec.command(54321))] == spec.command(54321)
        words = spec.secure_http2_command(54321, certificate=Path("/c.pem"), key=Path("/k.pem"))
        assert {"/c.pem", "/k.pem"} <= set(words)
    assert ServerSpec.parse("uvicorn+zttp").http2_command(54321)[-1] == "--http2"
    assert suite_http.SUITE.name != suite_http2.SUITE.name


@with_load
@pytest.mark.parametrize("row", IN_CLEAR_TEXT, ids=lambda row: row.name)
def test_the_raw_server_answers_every_row(row: HttpRow) -> None:
    """It passes the check, and the client of the row gets as many answers as it asks for."""
    with contextlib.closing(RawServer([str(BINARY), "raw", *row.raw], core=None)) as server:
        made = cell(row, server)
        made.start()
        assert made.run(f"operations {FEW}").operations == FEW


@with_load
def test_another_answer_is_wrong(raw: RawServer) -> None:
    with pytest.raises(ChildError, match="/text was answered by 13 bytes"):
        cell(replace(ROWS["h2_get"], answer=b"long"), raw).start()


@with_load
def test_memory_is_of_connections_that_are_open(raw: RawServer) -> None:
    made = cell(replace(ROWS["h2_memory"], client=("idle", "--http2", "--connections", "30"), idle=30), raw)
    made.start()
    assert made.sample(0.0).operations == 30


@with_load
def test_a_server_of_http1_has_no_row() -> None:
    with contextlib.closing(RawServer([str(BINARY), "raw", "--mode", "http", "--answer", "13"], core=None)) as server:
        made = cell(ROWS["h2_get"], server)
        with pytest.raises(ChildError) as caught:
            made.start()
        assert (caught.value.status, caught.value.reason[:31]) == ("n/a", "the server does not speak HTTP/")


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([b"\0\0\1\1\4\0\0\0\1\x88", b"\0\0\2\0\1\0\0\0\1hi"], (200, b"hi")),
        # An interim response before, a resized table, padding, priority, an empty end, and a PING between.
        (
            [
                b"\0\0\5\1\4\0\0\0\1\x08\x03103",
                b"\0\0\x0c\1\x2c\0\0\0\1\1\0\0\0\0\0\x3f\xe1\x1f\x88..",
                b"\0\0\x08\6\0\0\0\0\0pingpong",
                b"\0\0\4\0\x08\0\0\0\1\1hi.",
                b"\0\0\0\0\1\0\0\0\1",
            ],
            None,
        ),
        ([b"\0\0\5\1\5\0\0\0\1\x48\x03503"], (503, b"")),
    ],
    ids=["plain", "everything", "refused"],
)
def test_an_answer_is_read_in_every_form(frames: list[bytes], expected: tuple[int, bytes] | None) -> None:
    answer = _asked([SETTINGS, *frames])
    assert isinstance(answer, http2_check.Answer)
    assert (answer.status, answer.content) == (expected or (200, b"hi"))


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "the server does not speak HTTP/2: b'HTTP/1.1"),
        ([SETTINGS, b"\0\0\4\3\0\0\0\0\1\0\0\0\7"], "RST_STREAM with code 7"),
        ([SETTINGS, b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\x0b"], "GOAWAY with code 11"),
        ([SETTINGS], "the server closed the connection before its answer had ended"),
    ],
    ids=["http1", "reset", "goaway", "closed"],
)
def test_what_is_no_answer_is_told(frames: list[bytes], reason: str) -> None:
    answer = _asked(frames)
    assert isinstance(answer, http2_check.Http2Error)
    assert str(answer).startswith(reason)


def _asked(frames: list[bytes]) -> http2_check.Answer | http2_check.Http2Error:
    """Ask a server that sends these bytes, one by one, and ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            # The client ends the connection as soon as it knows enough.
            with connection, contextlib.suppress(ConnectionError):
                connection.recv(1 << 16)
                for byte in b"".join(frames):
                    connection.sendall(bytes([byte]))
                connection.shutdown(socket.SHUT_WR)
                # Until the client has gone: a close before would reset what it has not read.
                while connection.recv(1 << 16):
                    pass

        server = threading.Thread(target=serve)
        server.start()
        try:
            address = listener.getsockname()
            return http2_check.ask(address, "/text", b"", "", tls=False, limit_s=LIMIT_S)
        except http2_check.Http2Error as error:
            return error
        finally:
            server.join()
