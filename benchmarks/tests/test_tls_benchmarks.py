"""Tests of the rows over TLS: the tables, each row on asyncio's loop and on the raw server, what is missing or fails.

Run by `pytest benchmarks`. Speed is not tested. Tests that need the load generator, the `openssl` program or the raw
server in C are skipped where it can't be had. The factories at the end are loops that a server process imports by
`test_tls_benchmarks:FACTORY`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from vitok_bench import (
    figures,
    load_generator,
    suite_http,
    suite_https,
    suite_scheduling,
    suite_streams,
    suite_tls,
    tls_files,
    tls_servers,
)
from vitok_bench.cell import Commands
from vitok_bench.child import Child, ChildError
from vitok_bench.http_cell import HttpCell, RawServer
from vitok_bench.http_rows import HttpRow, secure_rows
from vitok_bench.http_servers import SERVERS, ServerSpec
from vitok_bench.loops import LoopSpec
from vitok_bench.results import Column, Row
from vitok_bench.stream_harness import Bench
from vitok_bench.stream_rows import StreamRow
from vitok_bench.suites import Cores, Effort, suites
from vitok_bench.tls_files import RAW, TlsFiles
from vitok_bench.tls_rows import rows

BINARY: Final = load_generator.find()
ROWS: Final = {row.name: row for row in rows()}
FEW_OF_EACH: Final = [row for row in rows() if not row.is_memory and not row.name.endswith("_100")]
NO_CORES: Final = Cores(server=None, client=None)
EFFORT: Final = Effort(rounds=2, sample_s=0.005)
FEW: Final = 40
HERE: Final = "test_tls_benchmarks"

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the load generator and the kernel's figures are Linux's"),
    pytest.mark.skipif(tls_files.lacks() is not None, reason=str(tls_files.lacks())),
]
with_load = pytest.mark.skipif(BINARY is None, reason="vitok-load is not built")


@pytest.fixture(scope="module")
def files() -> Iterator[TlsFiles]:
    with tls_files.made() as made:
        yield made


@pytest.fixture
def raw(files: TlsFiles) -> tuple[str, ...]:
    """The command of the raw server."""
    command = files.raw_command()
    if command is None:
        pytest.skip(files.lacks_raw)
    return command


@pytest.fixture
def run(files: TlsFiles) -> Any:  # noqa: ANN401 (a function)
    """Measure a row on loops, beside the raw server if it can be compiled."""

    def measure(row: StreamRow, *loops: str) -> Any:  # noqa: ANN401 (of the harness)
        specs = [LoopSpec.parse(loop) for loop in loops]
        return Bench(specs, commands=_commands(files), cores=NO_CORES, raw=RAW).measure(row, EFFORT)

    return measure


def test_rows_have_servers_and_names_of_their_own(files: TlsFiles) -> None:
    """A row is named without its suite, so no name is in two of them."""
    names = [entry.name for suite in suites() for entry in suite.entries()]
    assert len(names) == len(set(names))
    assert {row.family for row in rows()} == tls_servers.families(files.certificate, files.key).keys()
    echoes = {f"tls_echo_{size}_{count}" for size in ("64", "1k", "16k", "64k") for count in (8, 100)}
    assert echoes | {"tls_handshake", "tls_resumption", "tls_memory", "tls_memory_used"} == ROWS.keys()
    assert [entry.name for entry in suite_https.SUITE.entries()] == ["https_get", "https_body_out"]


@with_load
@pytest.mark.parametrize("row", FEW_OF_EACH, ids=lambda row: row.name)
def test_a_row_runs_on_asyncio_and_on_the_raw_server(row: StreamRow, files: TlsFiles, raw: tuple[str, ...]) -> None:
    assert raw
    bench = Bench([LoopSpec.parse("asyncio")], commands=_commands(files), cores=NO_CORES, raw=RAW)
    for column in (RAW, "asyncio"):
        with contextlib.closing(bench.cell(row, column)) as cell:
            cell.start()
            for _ in range(2):
                assert cell.run(f"operations {FEW}").operations == FEW


@with_load
def test_rounds_have_a_sample_of_every_column(run: Any, raw: tuple[str, ...]) -> None:  # noqa: ANN401 (a fixture)
    assert raw
    result = run(ROWS["tls_echo_1k_8"], "asyncio")
    assert {column: len(samples) for column, samples in result.samples.items()} == {RAW: 2, "asyncio": 2}
    assert result.failures == {}


@with_load
@pytest.mark.parametrize("name", ["tls_memory", "tls_memory_used"])
def test_memory_is_of_connections_that_are_open(name: str, run: Any) -> None:  # noqa: ANN401 (a fixture)
    client = ("idle", "--tls", "--connections", "60", *ROWS[name].client[-2:])
    samples = run(replace(ROWS[name], client=client, idle=60), "asyncio").samples["asyncio"]
    assert all(sample.operations == 60 and sample.cost > 0 for sample in samples)


@with_load
def test_messages_larger_than_any_buffer_come_back(raw: tuple[str, ...]) -> None:
    assert BINARY is not None
    with contextlib.closing(Child(raw)) as server:
        port = server.start()["port"]
        options = ("--tls", "--size", "9000000", "--connections", "2", "--operations", "6")
        with contextlib.closing(Child([str(BINARY), "echo", *options, "--connect", f"127.0.0.1:{port}"])) as client:
            assert client.start()["operations"] == 6


@with_load
def test_a_server_that_issues_no_tickets_does_not_resume(run: Any) -> None:  # noqa: ANN401 (a fixture)
    column = f"{HERE}:without_tickets"
    assert column in run(ROWS["tls_handshake"], column).samples
    error = run(ROWS["tls_resumption"], column).failures[column]
    assert (error.status, error.reason) == ("wrong", "the server did not resume a session")


@with_load
def test_a_server_without_tls_is_wrong(run: Any) -> None:  # noqa: ANN401 (a fixture)
    column = f"{HERE}:without_tls"
    error = run(ROWS["tls_echo_1k_8"], column).failures[column]
    assert error.status in ("wrong", "n/a")


def test_the_raw_server_survives_what_is_not_tls(files: TlsFiles, raw: tuple[str, ...]) -> None:
    context = ssl._create_unverified_context()
    with contextlib.closing(Child(raw)) as server:
        address = ("127.0.0.1", server.start()["port"])
        with socket.create_connection(address, timeout=10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            # An alert, and the end.
            while plain.recv(1 << 10):
                pass
        socket.create_connection(address, timeout=10).close()
        with (
            socket.create_connection(address, timeout=10) as connection,
            context.wrap_socket(connection) as secure,
        ):
            assert secure.version() == "TLSv1.3"
            secure.sendall(b"still there")
            assert secure.recv(100) == b"still there"
            secure.unwrap()
    assert files.note().startswith(f"OpenSSL {tls_files.python_openssl()}")


@with_load
@pytest.mark.parametrize("row", secure_rows(), ids=lambda row: row.name)
def test_requests_over_tls_are_checked_and_answered(row: HttpRow, raw: tuple[str, ...]) -> None:
    assert BINARY is not None
    with contextlib.closing(RawServer([*raw, *row.raw], core=None)) as server:
        cell = HttpCell(row, server, "", binary=BINARY, cores=NO_CORES)
        cell.start()
        assert cell.run(f"operations {FEW}").operations == FEW
        with pytest.raises(ChildError, match="was answered by"):
            HttpCell(replace(row, answer=b"long"), server, "", binary=BINARY, cores=NO_CORES).start()


def test_a_raw_server_that_can_not_be_compiled_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a compiler and without headers; the other columns are measured."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tls_files.compile_raw(tmp_path) == (
        None,
        "cc, which compiles the raw server, is not installed (Debian: apt install gcc)",
    )
    for said, reason in (
        ("tls_raw.c:1:10: fatal error: openssl/err.h: No such file", "needs the headers of OpenSSL, version 3"),
        ("ld: cannot find -lssl: No such file or directory", "needs the headers of OpenSSL, version 3"),
        ("cc: out of memory", "can't be compiled: cc: out of memory"),
    ):
        compiler = tmp_path / "cc"
        compiler.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
        compiler.chmod(0o755)
        found, why = tls_files.compile_raw(tmp_path)
        assert found is None
        assert reason in why
    made = TlsFiles(certificate=tmp_path, key=tmp_path, raw=None, lacks_raw="why")
    assert made.missing() == {RAW: "why"}
    assert made.note() == f"OpenSSL {tls_files.python_openssl()}"
    bench = Bench([LoopSpec.parse("asyncio")], commands=_commands(made), cores=NO_CORES, raw=RAW)
    assert list(bench.columns) == ["asyncio"]


def test_without_the_openssl_program_the_suites_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = tls_files.lacks()
    assert reason is not None
    assert "openssl" in reason


def test_the_engines_of_vitok_are_columns_of_tls_only() -> None:
    """One of them is a variable of its process. It is no peer of the other."""
    spec = LoopSpec.parse("vitok.memory@../old/python")
    assert (spec.label, spec.environment) == ("vitok.memory@../old/python", {"VITOK_TLS": "memory"})
    assert ServerSpec.parse("vitok.memory").environment == {"VITOK_TLS": "memory"}
    assert LoopSpec.parse("vitok").environment == {}
    names = ["asyncio", "vitok.memory"]
    assert [spec.text for spec in suite_tls.SUITE.specs(names)] == names
    for suite in (suite_streams.SUITE, suite_scheduling.SUITE):
        assert [spec.text for spec in suite.specs(names)] == ["asyncio"]
    assert suite_http.SUITE.specs(["vitok.memory"]) == []
    assert [spec.text for spec in suite_https.SUITE.specs(["vitok.memory", "socketify"])] == ["vitok.memory"]
    columns = {name: Column(costs=(1.0,)) for name in ("vitok", "vitok.memory", "C", "uvloop")}
    assert figures.best_peer(Row(name="row", title="", columns=columns), "vitok", floor="C") == "uvloop"
    builds = {f"{name}@old/python": Column(costs=(1.0,)) for name in ("vitok", "vitok.memory")}
    row = Row(name="row", title="", columns={"vitok": Column(costs=(2.0,)), **builds})
    assert figures.best_peer(row, "vitok", floor="C") == "vitok@old/python"
    assert figures.best_peer(row, "vitok@old/python", floor="C") == "vitok"


def test_a_server_over_tls_is_given_its_certificate() -> None:
    for name in (name for name, server in SERVERS.items() if server.tls):
        spec = ServerSpec.parse(name)
        words = spec.tls_command(54321, certificate=Path("/c.pem"), key=Path("/k.pem"))
        assert words[: -len(SERVERS[name].tls)] == spec.command(54321)
        assert {"/c.pem", "/k.pem"} <= set(words)


def _commands(files: TlsFiles) -> Commands:
    serving = ("--certificate", str(files.certificate), "--key", str(files.key))
    return Commands(client=(str(BINARY),), raw=files.raw_command(), serving=serving)


class _LoopWithoutTickets(asyncio.SelectorEventLoop):
    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:  # noqa: ANN401 (whatever it is asked)
        options["ssl"].num_tickets = 0
        return await super().create_server(*args, **options)


class _LoopWithoutTls(asyncio.SelectorEventLoop):
    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:  # noqa: ANN401 (whatever it is asked)
        return await super().create_server(*args, **options | {"ssl": None})


without_tickets, without_tls = _LoopWithoutTickets, _LoopWithoutTls
