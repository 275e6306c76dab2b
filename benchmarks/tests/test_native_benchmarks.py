"""Tests of the rows of native applications: the table, and that each application answers each row.

Run by `pytest benchmarks`. Speed is not tested.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final

import pytest
from vitok_bench import http_cell, native_asgi, native_peers, native_rsgi
from vitok_bench.http_rows import HttpRow
from vitok_bench.http_servers import SERVERS, ServerSpec
from vitok_bench.native_rows import FILE, FILE_BYTES, FILES, contents, rows
from vitok_bench.server_process import ServerProcess
from vitok_bench.suite_native import SUITE

ROWS: Final = {row.name: row for row in rows()}
NATIVE: Final = [name for name in SERVERS if ServerSpec.parse(name).has_native]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the load generator and the kernel's figures are Linux's"
)
each_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())


def test_rows_have_names_of_their_own() -> None:
    assert len(ROWS) == len(rows()) == len(SUITE.entries())
    assert all("64 " in row.title for row in rows())


def test_the_file_has_the_contents_of_its_row() -> None:
    assert (FILES / FILE).read_bytes() == contents()
    assert len(contents()) == FILE_BYTES


def test_servers_of_this_suite_are_in_no_other() -> None:
    specs = [ServerSpec.parse(name) for name in NATIVE]
    assert {"vitok", "vitok.async", "vitok.routes", "vitok.asgi", "fastpysgi", "robyn"} <= {spec.name for spec in specs}
    assert {spec.name for spec in specs if spec.has_http} == {"vitok", "granian-rsgi", "fastpysgi"}
    assert {spec.name for spec in specs if spec.has_websocket or spec.has_tls} == {"vitok", "granian-rsgi"}


@pytest.mark.parametrize("name", [name for name in NATIVE if ServerSpec.parse(name).is_installed()])
def test_a_server_answers_as_the_rows_ask(name: str) -> None:
    server = ServerProcess(ServerSpec.parse(name).native_command, core=None)
    try:
        server.start()
        for row in rows():
            http_cell.check(row, server.port, is_raw=False)
    finally:
        server.close()


@each_row
def test_the_application_of_wsgi(row: HttpRow) -> None:
    began: list[tuple[str, list[tuple[str, str]]]] = []
    environ = {"PATH_INFO": row.path, "wsgi.input": _Content(row.body)}
    answer = native_peers.wsgi(environ, lambda status, headers: began.append((status, headers)))
    assert b"".join(answer) == row.answer
    assert began[0][0] == "200 OK"


class _Content:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self) -> bytes:
        return self._content


@each_row
def test_the_application_of_asgi(row: HttpRow) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": row.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(native_asgi.app({"type": "http", "path": row.path}, receive, send))
    assert [message.get("status") for message in sent] == [200, None]
    assert sent[1]["body"] == row.answer


@each_row
def test_the_application_of_rsgi(row: HttpRow) -> None:
    answer = _Answer(row.body)
    asyncio.run(native_rsgi.app(_Scope(row.path), answer))
    # Its server answers for files.
    expected = (404, b"") if row.name == "native_file" else (200, row.answer)
    assert answer.sent == [expected]


class _Scope:
    def __init__(self, path: str) -> None:
        self.path = path


class _Answer:
    """The object by which an application of RSGI answers."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.sent: list[tuple[int, bytes]] = []

    async def __call__(self) -> bytes:
        return self._content

    def response_str(self, status: int, _: object, text: str) -> None:
        self.sent.append((status, text.encode()))

    def response_bytes(self, status: int, _: object, content: bytes) -> None:
        self.sent.append((status, content))

    def response_empty(self, status: int, _: object) -> None:
        self.sent.append((status, b""))
