"""Tests of the HTTP rows: the table, the application, servers that fail, and the usage of their processes.

Run by `pytest benchmarks`. Speed is not tested. Tests that need the load generator are skipped if it is not built. The
server is `test_stand_in.py`, which fails as requested.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from vitok_bench import (
    http_app,
    http_cell,
    http_servers,
    load_generator,
    machine,
    options,
    page,
    results,
    server_process,
    suite_http,
    usage,
)
from vitok_bench.child import ChildError
from vitok_bench.http_cell import HttpCell, RawServer
from vitok_bench.http_harness import FULL
from vitok_bench.http_rows import HttpRow, rows
from vitok_bench.http_servers import SERVERS, ServerSpec
from vitok_bench.results import Column, Row, Run, SuiteResult
from vitok_bench.server_process import ServerProcess
from vitok_bench.suite_threads_http import SUITE as THREADS
from vitok_bench.suites import Cores, Effort, Settings

BINARY: Final = load_generator.find()
ROWS: Final = {row.name: row for row in rows()}
ASKED: Final = [row for row in rows() if not row.is_memory]
NO_CORES: Final = Cores(server=None, client=None)
FEW: Final = 40
# Enough connections to cost more than an interpreter has to spare.
MANY: Final = 500

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the load generator and the kernel's figures are Linux's"
)
with_load = pytest.mark.skipif(BINARY is None, reason="vitok-load is not built")


@pytest.fixture
def servers() -> Iterator[Any]:
    """Make stand-in servers by their fault, and end them."""
    made: list[ServerProcess] = []

    def make(fault: str = "") -> ServerProcess:
        made.append(ServerProcess(lambda port: [sys.executable, "-m", "test_stand_in", str(port), fault], core=None))
        return made[-1]

    yield make
    for server in made:
        server.close()


def cell(row: HttpRow, server: Any) -> HttpCell:  # noqa: ANN401 (either kind)
    assert BINARY is not None
    return HttpCell(row, server, "1.0", binary=BINARY, cores=NO_CORES)


def test_rows_have_names_of_their_own() -> None:
    """Names are keys, and the rows that the issue asks for are all there."""
    assert len(ROWS) == len(rows())
    wanted = {"plaintext", "json", "body_out", "body_in", "stream", "pipelined", "connection", "idle_memory"}
    assert wanted <= ROWS.keys()
    assert all("64 " in row.title for row in ASKED)


@pytest.mark.parametrize("row", ASKED, ids=lambda row: row.name)
def test_the_application_answers_what_the_row_wants(row: HttpRow) -> None:
    """Both interfaces of the application give the answer that the check compares with."""
    assert asyncio.run(_by_asgi(row)) == row.answer
    assert asyncio.run(_by_rsgi(row)) == row.answer


def test_the_application_lives_and_ends_with_its_server() -> None:
    """Startup and shutdown are each confirmed, and then it returns (ASGI, lifespan 2.0)."""
    said: list[str] = []
    asked = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(asked)}

    async def send(message: dict[str, Any]) -> None:
        said.append(message["type"])

    asyncio.run(http_app.app({"type": "lifespan"}, receive, send))
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_server_is_started_as_its_users_do() -> None:
    """Every command runs the module of its package on the given port, for the application of the benchmarks."""
    for name in (name for name in SERVERS if ServerSpec.parse(name).has_http):
        words = ServerSpec.parse(name).command(54321)
        assert words[:2] == [sys.executable, "-m"]
        assert any(word.endswith("54321") for word in words)
        assert any(word.startswith(("vitok_bench.http_app:", "vitok_bench.fastpysgi_server")) for word in words)
    with pytest.raises(ValueError, match="unknown server 'nobody'"):
        ServerSpec.parse("nobody")
    assert ServerSpec.parse("vitok@/somewhere/deep/old").label == "vitok@deep/old"


def test_servers_in_threads_are_in_no_other_suite() -> None:
    """They are compared with servers of one thread, which are those of the suite `http`."""
    in_threads = {name: ServerSpec.parse(name) for name in SERVERS if ServerSpec.parse(name).has_threads}
    assert set(in_threads) == {"vitok", "uvicorn", "uvicorn+zuvloop", "granian", "vitok.threads", "granian.threads"}
    assert {name for name, spec in in_threads.items() if not spec.has_http} == {"vitok.threads", "granian.threads"}
    assert not any(in_threads[name].has_http2 or in_threads[name].has_tls for name in in_threads if "." in name)
    assert in_threads["vitok.threads"].command(1)[-2:] == ["--threads", "2"]
    assert in_threads["granian.threads"].command(1)[-3:-1] == ["--workers", "2"]


def test_threads_have_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the GIL a line says why the suite has no figures; without it nothing is bound to a core."""
    settings = Settings(effort=FULL, cores=Cores(server=0, client=1), load=Path(sys.executable))
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    assert "without the GIL" in (THREADS.lacks(settings) or "")
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False)
    assert THREADS.lacks(settings) is None
    assert THREADS.method(settings).endswith("one process each, unpinned")
    assert [entry.name for entry in THREADS.entries()] == ["threads_plaintext", "threads_json"]


def test_only_what_is_installed_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without one of its packages is left out; if somebody asks for it by name, a line says so."""
    present = {"uvicorn": "1.0", "uvloop": "2.0", "httptools": "3.0"}
    monkeypatch.setattr(http_servers, "_version", present.get)
    assert [spec.text for spec in http_servers.specs(None)] == ["uvicorn"]
    assert [spec.text for spec in http_servers.specs(["granian"])] == ["granian"]
    assert ServerSpec.parse("uvicorn").version() == "1.0 (httptools 3.0, uvloop 2.0)"


@pytest.mark.parametrize("name", ["python", "a) R 99 (b", "spaces in it"])
def test_the_parent_is_read_behind_the_name(name: str) -> None:
    """The name of a process may contain what stands around it."""
    assert usage.parent_of(f"17 ({name}) S 4 17 17 0 -1") == 4


def test_all_processes_of_a_server_count(servers: Any) -> None:  # noqa: ANN401 (a fixture)
    """Those that it starts are of the family, their CPU time and memory are taken, and they end with it."""
    server = servers("helper")
    server.start()
    family = server.family()
    assert len(family) == 2
    assert usage.family_cpu_ns(family).keys() == set(family)
    assert usage.own_bytes(family) > usage.own_bytes(family[:1]) > 0
    helper = os.pidfd_open(family[1])
    try:
        server.end()
        assert select.select([helper], [], [], 5)[0] == [helper]
    finally:
        os.close(helper)


def test_the_last_words_of_a_server_are_its_reason() -> None:
    """A traceback has it at its end, and a dump of a fatal error at its beginning."""
    traceback = "INFO: started\nTraceback (most recent call last):\n  File x\nOSError: no such port\n"
    dump = "INFO: started\nFatal Python error: Aborted\n\nThread 1:\n  File x\nExtension modules: y (total: 1)"
    assert server_process.last_words(traceback) == ["OSError: no such port"]
    assert server_process.last_words(dump) == ["Fatal Python error: Aborted"]
    assert server_process.last_words("") == []


def test_a_server_is_pinned_and_has_all_descriptors() -> None:
    """What the launcher becomes has its core and its limit."""
    core = max(os.sched_getaffinity(0))
    said = "import os, resource; print(os.sched_getaffinity(0), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    command = [
        sys.executable,
        "-I",
        "-S",
        str(server_process.LAUNCHER),
        "--core",
        str(core),
        sys.executable,
        "-c",
        said,
    ]
    words = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.split()
    assert words[0] == f"{{{core}}}"
    assert words[1] == words[2]


@with_load
@pytest.mark.parametrize("row", ASKED, ids=lambda row: row.name)
def test_the_raw_server_answers_every_row(row: HttpRow) -> None:
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
@pytest.mark.parametrize("row", ASKED, ids=lambda row: row.name)
def test_a_server_answers_every_row(row: HttpRow, servers: Any) -> None:  # noqa: ANN401 (a fixture)
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
        ("status", "plaintext", "wrong", "/text was answered by status 500"),
        ("body", "json", "wrong", "/json was answered by 8 bytes: b'Good bye'"),
        ("whole", "stream", "wrong", "/stream was not answered in chunks"),
        ("dies", "plaintext", "crash", "exit status 1: the stand-in has had enough"),
        ("mute", "plaintext", "hang", "no answer in 0.3 s"),
        ("silent", "plaintext", "hang", "did not listen within 0.3 s"),
    ],
)
def test_what_is_wrong_with_a_server_is_told(
    fault: str,
    row_name: str,
    status: str,
    reason: str,
    servers: Any,  # noqa: ANN401 (a fixture)
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong answer, a crash and a silence each have their word and their reason, before anything is measured."""
    if status == "hang":
        monkeypatch.setattr(http_cell, "CHECK_LIMIT_S", 0.3)
    if fault == "silent":
        monkeypatch.setattr(server_process, "START_LIMIT_S", 0.3)
    server = servers(fault)
    with pytest.raises(ChildError) as caught:
        cell(ROWS[row_name], server).start()
    assert caught.value.status == status
    assert reason in caught.value.reason
    assert not server.is_running


@with_load
def test_a_server_that_does_not_keep_connections_is_told(
    servers: Any,  # noqa: ANN401 (a fixture)
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first answer is right, and the client finds out what is wrong with the rest."""
    monkeypatch.setattr(http_cell, "DYING_S", 0.0)
    made = cell(ROWS["plaintext"], servers("forgets"))
    made.start()
    with pytest.raises(ChildError, match="closed every connection"):
        made.run("operations 500")


@with_load
def test_memory_is_of_a_fresh_server_and_of_open_connections(servers: Any) -> None:  # noqa: ANN401 (a fixture)
    """Every sample has a process of its own; connections that were closed meanwhile are no memory."""
    row = replace(ROWS["idle_memory"], client=("idle", "--connections", str(MANY)), idle=MANY)
    server = servers()
    made = cell(row, server)
    made.start()
    first = server.family()
    sample = made.sample(0.0)
    # A stream of asyncio's has a reader, a writer and a task; what it had to spare was less.
    assert sample.operations == MANY
    assert sample.per_operation > 1000
    assert not server.is_running and not (Path("/proc") / str(first[0]) / "exe").exists()
    made = cell(row, servers("forgets"))
    made.start()
    with pytest.raises(ChildError, match=f"{MANY} of {MANY} connections were closed"):
        made.sample(0.0)


@with_load
def test_a_row_has_rounds_of_every_server_and_a_line_for_each_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that got through have a cost for each round; the fleet goes on without the others."""
    assert BINARY is not None

    def command(self: ServerSpec, port: int) -> list[str]:
        return [sys.executable, "-m", "test_stand_in", str(port), "" if self.name == "uvicorn" else "dies"]

    monkeypatch.setattr(ServerSpec, "command", command)
    specs = [ServerSpec.parse("uvicorn"), ServerSpec.parse("granian")]
    settings = Settings(effort=Effort(rounds=2, sample_s=0.02), cores=NO_CORES, load=BINARY)
    rounds: list[int] = []
    with suite_http.SUITE.session(specs, settings) as session:
        row = session.measure("plaintext", (), lambda: rounds.append(1))
        wait = session.measure("latency_1000", ("granian",), lambda: None)
    assert len(rounds) == 3
    assert row.measured.keys() == {"raw", "uvicorn"}
    assert len(row.columns["uvicorn"].costs) == len(row.columns["uvicorn"].walls_ns) == 2
    assert row.columns["uvicorn"].notes["client_ns"] > 0
    assert row.columns["granian"].status == "crash"
    assert wait.kind == "wait" and wait.columns["uvicorn"].notes["p99_ns"] > 0
    assert session.versions.keys() == {"raw", "uvicorn"}


def test_loops_and_servers_are_named_by_options_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Who names only loops measures no servers, and the other way round; a name that is not known is refused."""
    parsed = options.parse(["--loop", "asyncio"])
    assert options.specs(suite_http.SUITE, parsed) == []
    parsed = options.parse(["--server", "raw,uvicorn"])
    assert [spec.label for spec in options.specs(suite_http.SUITE, parsed)] == ["uvicorn"]
    with pytest.raises(SystemExit):
        options.parse(["--server", "nobody"])
    assert "unknown server 'nobody'" in capsys.readouterr().err


def test_many_servers_have_a_line_each_the_cheapest_first() -> None:
    """The table of many columns is in units of uvicorn and names the rows that are lost."""
    costs = {"raw": 1.0, "vitok": 4.0, "uvicorn": 8.0, "granian": 3.0, **{f"peer{number}": 9.0 for number in range(6)}}
    columns = {name: Column(costs=(cost, cost), walls_ns=(cost, cost)) for name, cost in costs.items()}
    failed = {"hypercorn": Column(status="hang", reason="no answer")}
    row = Row(name="plaintext", title="a row", operation="request", columns=columns | failed)
    suite = SuiteResult(name="http", title="", method="made up", rounds=2, floor="raw", base="uvicorn", rows=(row,))
    described = machine.describe(command="vitok bench", core=None)
    run = Run(
        machine=described,
        subject="vitok",
        versions=dict.fromkeys([*list(columns)[1:], "hypercorn"], "1"),
        suites=(suite,),
    )
    lines = list(page.lines(run))
    first = lines.index("plaintext: a row") + 1
    assert [line.split()[0] for line in lines[first : first + 4]] == ["raw", "granian", "vitok", "uvicorn"]
    [ours] = [line for line in lines if line.startswith("  vitok ")]
    assert "0.50" in ours and "1.33" in ours and ours.endswith("LOST")
    assert "hypercorn, plaintext: hang (no answer)" in lines
    assert results.SuiteResult(name="", title="", method="", rounds=1).base == "asyncio"


async def _by_asgi(row: HttpRow) -> bytes:
    halves = iter([(row.body[:5000], True), (row.body[5000:], False)])
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        body, more = next(halves)
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            assert (b"content-length" in dict(message["headers"])) is not row.is_chunked
        else:
            sent.append(message["body"])

    scope = {"type": "http", "method": "POST" if row.body else "GET", "path": row.path}
    await http_app.app(scope, receive, send)
    return b"".join(sent)


async def _by_rsgi(row: HttpRow) -> bytes:
    sent: list[bytes] = []

    async def send_bytes(part: bytes) -> None:
        sent.append(part)

    class Protocol:
        async def __call__(self) -> bytes:
            return row.body

        def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            assert (status, dict(headers)["content-length"]) == (200, str(len(body)))
            sent.append(body)

        def response_stream(self, status: int, headers: list[tuple[str, str]]) -> SimpleNamespace:
            assert (status, len(headers)) == (200, 1)
            return SimpleNamespace(send_bytes=send_bytes)

    scope = SimpleNamespace(method="POST" if row.body else "GET", path=row.path)
    await http_app.rsgi(scope, Protocol())
    return b"".join(sent)


def test_json_is_what_the_title_says() -> None:
    """The answer of the row is the message, encoded."""
    assert json.loads(ROWS["json"].answer) == http_app.MESSAGE
