"""Tests of the suite of WebSocket: rows, servers, application, and what is said of a server that fails.

The servers are stand-ins (`test_websocket_stand_in.py`) and the raw server, so no peer has to be installed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
from vitok_bench import (
    bench,
    figures,
    http_cell,
    http_servers,
    load_generator,
    suite_http,
    suite_https,
    suite_websocket,
    websocket_app,
)
from vitok_bench.child import ChildError
from vitok_bench.http_cell import HttpCell, RawServer
from vitok_bench.http_rows import HttpRow
from vitok_bench.http_servers import SERVERS, ServerSpec
from vitok_bench.results import Column, Row
from vitok_bench.server_process import ServerProcess
from vitok_bench.suites import Cores, Effort, Settings
from vitok_bench.websocket_rows import rows

BINARY: Final = load_generator.find()
ROWS: Final = {row.name: row for row in rows()}
SENT: Final = [row for row in rows() if not row.is_memory]
HELD: Final = [row for row in rows() if row.is_memory]
NO_CORES: Final = Cores(server=None, client=None)
FEW: Final = 40
MANY: Final = 300

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the load generator and the kernel's figures are Linux's"
)
with_load = pytest.mark.skipif(BINARY is None, reason="vitok-load is not built")


@pytest.fixture
def servers() -> Iterator[Any]:
    """Make stand-in servers by their fault, and end them."""
    made: list[ServerProcess] = []

    def make(fault: str = "") -> ServerProcess:
        words = [sys.executable, "-m", "test_websocket_stand_in"]
        made.append(ServerProcess(lambda port: [*words, str(port), fault], core=None))
        return made[-1]

    yield make
    for server in made:
        server.close()


def cell(row: HttpRow, server: Any) -> HttpCell:  # noqa: ANN401 (either kind)
    assert BINARY is not None
    return HttpCell(row, server, "1.0", binary=BINARY, cores=NO_CORES)


def test_rows_are_those_that_are_wanted() -> None:
    """Names are keys; sizes, broadcasts, and memory are there, with and without compression."""
    assert len(ROWS) == len(rows())
    echoes = {f"ws_text_{size}" for size in ("64", "256", "1k", "16k")} | {"ws_deflate_1k", "ws_deflate_16k"}
    others = {"ws_broadcast_256", "ws_broadcast_deflate_1k", "ws_memory", "ws_memory_deflate"}
    assert echoes | others <= ROWS.keys()
    assert [row.name for row in rows() if row.is_quick] == ["ws_text_256"]
    assert all(("--deflate" in row.client) == ("deflate" in row.name) for row in rows())


def test_a_server_is_started_for_the_application_of_websocket() -> None:
    """Each column has the command of HTTP with the other application; some are only in this suite."""
    specs = {name: ServerSpec.parse(name) for name in SERVERS}
    measured = {name for name, spec in specs.items() if spec.has_websocket}
    assert measured >= {
        "vitok",
        "vitok.uvicorn",
        "uvicorn",
        "uvicorn+wsproto",
        "granian",
        "h2corn",
        "hypercorn",
        "picows",
    }
    for name in measured - {"picows"}:
        words = specs[name].websocket_command(54321)
        assert "vitok_bench.websocket_app:app" in words and "vitok_bench.http_app:app" not in words
        assert any(word.endswith("54321") for word in words)
    assert specs["uvicorn+wsproto"].websocket_command(1)[-2:] == ["--ws", "wsproto"]
    assert specs["picows"].websocket_command(54321)[-1] == "54321"
    for suite in (suite_http.SUITE, suite_https.SUITE):
        assert suite.specs(["picows", "uvicorn+wsproto"]) == []
    assert [spec.name for spec in suite_websocket.SUITE.specs(["granian-rsgi", "vitok.memory", "picows"])] == ["picows"]


def test_only_what_is_installed_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn has its package for WebSocket named where it is installed."""
    present = {"uvicorn": "1.0", "uvloop": "2.0", "httptools": "3.0", "websockets": "4.0"}
    monkeypatch.setattr(http_servers, "_version", present.get)
    assert [spec.text for spec in suite_websocket.SUITE.specs(None)] == ["uvicorn"]
    assert ServerSpec.parse("uvicorn").version() == "1.0 (httptools 3.0, uvloop 2.0, websockets 4.0)"


def test_a_limit_is_no_peer() -> None:
    """What does less than the others have to is never the best peer."""
    columns = {name: Column(costs=(cost,)) for name, cost in (("picows", 1.0), ("vitok", 2.0), ("uvicorn", 3.0))}
    row = suite_websocket._with_limits(Row(name="ws_text_64", title="", columns=columns), ["picows"])
    assert figures.best_peer(row, "vitok", floor="raw") == "uvicorn"
    standing = figures.standing(row, "vitok", floor="raw")
    assert standing is not None and not standing.is_lost


def test_the_application_sends_each_message_back() -> None:
    """Text comes back as text, and bytes as bytes; servers may leave out the other key or not."""
    received: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "a", "bytes": None},
        {"type": "websocket.receive", "bytes": b""},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    sent = asyncio.run(_served(received, "/echo"))
    assert sent == [
        {"type": "websocket.accept"},
        {"type": "websocket.send", "text": "a"},
        {"type": "websocket.send", "bytes": b""},
    ]


def test_the_application_sends_a_broadcast_to_those_who_are_there() -> None:
    """A connection that has left does not keep the others from theirs."""

    async def gone(_message: dict[str, Any]) -> None:
        raise RuntimeError("it has left")

    websocket_app.members.add(gone)
    received: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "a"},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    sent = asyncio.run(_served(received, "/broadcast"))
    assert sent == [{"type": "websocket.accept"}, {"type": "websocket.send", "text": "a"}]
    assert not websocket_app.members


@with_load
@pytest.mark.parametrize("row", SENT, ids=lambda row: row.name)
def test_the_raw_server_answers_every_row_of_websocket(row: HttpRow) -> None:
    """It passes the check, and the client of the row gets as many answers as it asks for."""
    assert BINARY is not None
    server = RawServer([str(BINARY), "raw", *row.raw], core=None)
    try:
        made = cell(row, server)
        made.start()
        assert made.run(f"operations {FEW}").operations == FEW
    finally:
        server.close()


@with_load
@pytest.mark.parametrize("row", SENT, ids=lambda row: row.name)
def test_a_server_answers_every_row_of_websocket(row: HttpRow, servers: Any) -> None:  # noqa: ANN401 (a fixture)
    """One that does as the application does passes every check and costs something in every row."""
    made = cell(row, servers())
    made.start()
    sample = made.run(f"operations {FEW}")
    assert sample.operations == FEW
    assert sample.cost > 0
    assert sample.p99_ns >= sample.p50_ns > 0


@with_load
@pytest.mark.parametrize(
    ("fault", "row_name", "status", "reason"),
    [
        ("status", "ws_text_64", "wrong", "the handshake was answered by"),
        ("reverses", "ws_text_64", "wrong", "another message than it was sent"),
        ("closes", "ws_text_64", "wrong", "the server closed a connection: 1011 oops"),
        ("plain", "ws_deflate_1k", "n/a", "did not accept permessage-deflate"),
        ("plain", "ws_memory_deflate", "n/a", "did not accept permessage-deflate"),
        ("reverses", "ws_memory_used", "wrong", "another message than it was sent"),
        ("dies", "ws_text_64", "crash", "exit status 1: the stand-in has had enough"),
        ("mute", "ws_text_64", "hang", "no answer in 0.3 s"),
    ],
)
def test_what_is_wrong_with_a_server_of_websocket_is_told(
    fault: str,
    row_name: str,
    status: str,
    reason: str,
    servers: Any,  # noqa: ANN401 (a fixture)
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each fault has its word and its reason, before anything is measured."""
    if status == "hang":
        monkeypatch.setattr(http_cell, "CHECK_LIMIT_S", 0.3)
    if status != "crash":
        monkeypatch.setattr(http_cell, "DYING_S", 0.0)
    server = servers(fault)
    with pytest.raises(ChildError) as caught:
        cell(ROWS[row_name], server).start()
    assert caught.value.status == status
    assert reason in caught.value.reason
    assert not server.is_running


@with_load
@pytest.mark.parametrize("row", HELD, ids=lambda row: row.name)
def test_memory_is_of_open_websockets(row: HttpRow, servers: Any) -> None:  # noqa: ANN401 (a fixture)
    """Every sample has a new server, which holds a stream of asyncio's for each connection."""
    client = tuple(str(MANY) if word == str(row.idle) else word for word in row.client)
    made = cell(replace(row, client=client, idle=MANY), servers())
    made.start()
    sample = made.sample(0.0)
    assert sample.operations == MANY
    assert sample.per_operation > 1000


@with_load
def test_a_row_of_websocket_has_rounds_of_every_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite measures those that get through, and names the others; a limit is marked."""
    assert BINARY is not None

    def command(self: ServerSpec, port: int) -> list[str]:
        fault = "status" if self.name == "granian" else ""
        return [sys.executable, "-m", "test_websocket_stand_in", str(port), fault]

    monkeypatch.setattr(ServerSpec, "websocket_command", command)
    monkeypatch.setattr(http_cell, "DYING_S", 0.0)
    specs = [ServerSpec.parse(name) for name in ("uvicorn", "picows", "granian")]
    settings = Settings(effort=Effort(rounds=2, sample_s=0.02), cores=NO_CORES, load=BINARY)
    with suite_websocket.SUITE.session(specs, settings) as session:
        row = session.measure("ws_text_256", (), lambda: None)
    assert row.measured.keys() == {"raw", "uvicorn", "picows"}
    assert row.operation == "echo"
    assert row.columns["granian"].status == "wrong"
    assert row.columns["picows"].notes["limit"] and not row.columns["uvicorn"].notes.get("limit")
    assert session.versions.keys() == {"raw", "uvicorn", "picows"}


def test_the_suite_of_websocket_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`--list` has its rows and the columns that only it has."""
    bench.main(["--list", "--suite", "websocket"])
    said = capsys.readouterr().out
    assert "ws_broadcast_256" in said
    assert "picows" in said


async def _served(received: list[dict[str, Any]], path: str) -> list[dict[str, Any]]:
    messages = iter(received)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await websocket_app.app({"type": "websocket", "path": path}, receive, send)
    return sent
