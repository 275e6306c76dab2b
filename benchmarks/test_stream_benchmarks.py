"""The tests of the stream benchmarks: the arithmetic above the raw server, the table of rows, cells that fail.

Run by `pytest benchmarks`. Says nothing about how fast anything is. What needs the load generator is skipped where it
is not built. The factories at the end are loops that a server process imports by `test_stream_benchmarks:FACTORY`.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import cell
import machine
import page
import pytest
import stream_summary as summary
import streams
import syscalls
import usage
from cell import Cores, StreamSample
from child import ChildError
from loops import LoopSpec
from stream_harness import RAW, Bench, StreamResult, StreamSettings
from stream_report import StreamReport
from stream_rows import StreamRow, rows
from stream_servers import FAMILIES

HERE: Final = Path(__file__).parent
BINARY: Final = cell.load_generator()
ROWS: Final = {row.name: row for row in rows()}
ECHO: Final = ROWS["echo_protocol_1k_1"]
# Every server with every client, but not with as many connections as there may be.
FEW_OF_EACH: Final = [row for row in rows() if not row.is_memory and not row.name.endswith(("_100", "_500"))]
SETTINGS: Final = StreamSettings(rounds=2, sample_s=0.005)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's figures are Linux's")
with_load = pytest.mark.skipif(BINARY is None, reason="vitok-load is not built")


def test_what_a_loop_adds_is_taken_within_each_round() -> None:
    # The machine is twice as slow in the second round.
    result = _result(raw=[100, 200, 100], one=[150, 300, 160])
    assert summary.above_raw(result, "one") == [50, 100, 60]
    assert summary.above_raw(result, RAW) is None


def test_ratios_are_taken_within_each_round() -> None:
    result = _result(raw=[100, 200, 100], one=[150, 300, 150], other=[200, 400, 200])
    total, above = summary.ratio(result, "one", "other"), summary.ratio_above_raw(result, "one", "other")
    assert total is not None and total.median == 0.75
    assert above is not None and (above.median, above.distance) == (0.5, 0)


def test_a_loop_that_adds_nothing_is_no_unit() -> None:
    result = _result(raw=[100, 100], one=[150, 150], other=[90, 100])
    assert summary.ratio_above_raw(result, "one", "other") is None


def test_without_the_raw_server_there_is_nothing_above_it() -> None:
    result = _result(one=[1, 2], other=[1, 1])
    assert summary.above_raw(result, "one") is None
    assert summary.ratio_above_raw(result, "one", "other") is None


def test_best_peer_is_neither_the_subject_nor_the_raw_server() -> None:
    assert summary.best_peer(_result(raw=[1], vitok=[2], slow=[9], fast=[5]), "vitok") == "fast"


def test_report_has_costs_ratios_and_failures() -> None:
    result = _result(raw=[100], vitok=[110], uvloop=[150], asyncio=[900])
    result.failures["zuvloop"] = ChildError("wrong", "the server sent back other bytes")
    text = "\n".join(_report(result).lines())
    assert "150   0%   50.0" in text
    assert "0.73   0%   0.20   0%  uvloop" in text
    assert f"zuvloop, {ECHO.name}: wrong (the server sent back other bytes)" in text


def test_report_without_the_subject_has_no_ratios() -> None:
    assert "in units of" not in "\n".join(_report(_result(raw=[100], uvloop=[150])).lines())


def test_a_failure_of_every_row_is_one_line() -> None:
    errors = {name: {"peer": ChildError("n/a", "no such module")} for name in ("one", "two")}
    assert list(page.failures({}, errors)) == ["", "peer, every row: n/a (no such module)"]


def test_rows_have_names_of_their_own_and_servers() -> None:
    assert len(ROWS) == len(rows())
    assert {row.family for row in rows()} == FAMILIES.keys()


def test_quick_rows_are_those_with_figures_to_reach() -> None:
    quick = {row.name for row in rows() if row.is_quick}
    echoes = {f"echo_{kind}_1k_100" for kind in ("protocol", "buffered", "streams", "sock")}
    assert quick == echoes | {"small_writes", "connect"}


def test_naming_the_raw_server_is_no_mistake() -> None:
    assert [spec.text for spec in streams.parse(["--loops", "raw,asyncio"]).loops] == ["asyncio"]
    assert streams.parse(["--loops", "raw"]).loops == []


def test_calls_are_read_out_of_the_table_of_strace() -> None:
    table = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           2       200           sendto
 30.00    0.000300           1       210        10 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.000900           1       410        10 total
"""
    assert syscalls.parse(table) == {"recvfrom": 210, "sendto": 200}


@on_linux
def test_the_clock_of_a_process_is_what_it_says_itself() -> None:
    before_ns = time.process_time_ns()
    seen_ns = usage.cpu_ns(os.getpid())
    assert before_ns <= seen_ns <= time.process_time_ns()
    assert usage.resident_bytes(os.getpid()) > 0
    assert not usage.is_traced(os.getpid())


@with_load
@pytest.mark.parametrize("row", FEW_OF_EACH, ids=lambda row: row.name)
def test_row_runs_on_asyncio(row: StreamRow) -> None:
    made = _bench("asyncio").cell(row, "asyncio")
    try:
        made.start()
        for _ in range(2):
            assert made.run("operations 20").operations == 20
    finally:
        made.close()


@with_load
def test_rounds_have_a_sample_of_every_column() -> None:
    result = _bench("asyncio").measure(ECHO, SETTINGS)
    assert {column: len(samples) for column, samples in result.samples.items()} == {RAW: 2, "asyncio": 2}
    assert result.failures == {}
    assert all(sample.cost > 0 and sample.operations > 0 for sample in result.samples["asyncio"])


@with_load
def test_memory_is_of_a_fresh_server_each_time() -> None:
    client = ("idle", "--connections", "60", "--greet", "10")
    row = replace(ROWS["memory_used"], client=client, idle=60)
    samples = _bench("asyncio").measure(row, SETTINGS).samples["asyncio"]
    assert [sample.operations for sample in samples] == [60, 60]
    assert all(sample.cost > 0 for sample in samples)


@with_load
def test_failures_are_lines_and_the_rest_goes_on() -> None:
    here = "test_stream_benchmarks"
    factories = [f"{here}:{name}" for name in ("crashing", "lacking", "raising")]
    result = _bench("asyncio", *factories, "no_such_module:loop").measure(ECHO, SETTINGS)
    assert result.samples.keys() == {RAW, "asyncio"}
    found = {name: (error.status, error.reason) for name, error in result.failures.items()}
    assert found == {
        f"{here}:crashing": ("crash", "SIGABRT"),
        f"{here}:lacking": ("n/a", "NotImplementedError: no create_server"),
        f"{here}:raising": ("n/a", "LookupError: lost"),
        "no_such_module:loop": ("n/a", "ModuleNotFoundError: No module named 'no_such_module'"),
    }


@with_load
def test_what_a_task_of_the_server_lacks_is_said() -> None:
    column = "test_stream_benchmarks:lacking"
    result = _bench(column).measure(ROWS["echo_sock_1k_1"], SETTINGS)
    assert (result.failures[column].status, result.failures[column].reason) == (
        "n/a",
        "NotImplementedError: no sock_accept",
    )


@with_load
def test_command_prints_tables_and_writes_json(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    arguments = ["--rows", "echo_protocol_1k_10,connect", "--loops", "asyncio,test_stream_benchmarks:plain"]
    arguments += ["--subject", "asyncio", "--rounds", "1", "--sample-ms", "5", "--json", str(path)]
    printed = subprocess.run(
        [sys.executable, str(HERE / "streams.py"), *arguments], check=True, capture_output=True, text=True
    ).stdout
    assert "CPU ns per operation" in printed
    assert "asyncio in units of a peer" in printed
    written = json.loads(path.read_text())
    assert [row["name"] for row in written["rows"]] == ["echo_protocol_1k_10", "connect"]
    assert set(written["rows"][0]["columns"]) == {RAW, "asyncio", "test_stream_benchmarks:plain"}
    assert str(tmp_path) not in path.read_text()


def _result(**costs: list[int]) -> StreamResult:
    samples = {name: [StreamSample(operations=1, cost=cost) for cost in values] for name, values in costs.items()}
    return StreamResult(row=ECHO, samples=samples)


def _report(result: StreamResult) -> StreamReport:
    return StreamReport(
        machine=machine.describe({}, script="streams.py", core=None) | {"client_core": None},
        settings=SETTINGS,
        columns=(*result.samples, *result.failures),
        subject="vitok",
        results=(result,),
    )


def _bench(*loops: str) -> Bench:
    assert BINARY is not None
    cores = Cores(server=None, client=None)
    return Bench([LoopSpec.parse(loop) for loop in loops], binary=BINARY, cores=cores)


class _LoopThatLacks(asyncio.SelectorEventLoop):
    async def create_server(self, *_: Any, **__: Any) -> asyncio.Server:  # noqa: ANN401 (whatever it is asked)
        raise NotImplementedError("no create_server")

    async def sock_accept(self, _: socket.socket) -> tuple[socket.socket, Any]:
        raise NotImplementedError("no sock_accept")


class _LoopOfFailingServers(asyncio.SelectorEventLoop):
    """Fails as soon as a client connects."""

    async def create_server(self, *_: Any, **__: Any) -> asyncio.Server:  # noqa: ANN401 (whatever it is asked)
        return await super().create_server(self.protocol, "127.0.0.1", 0)

    def protocol(self) -> asyncio.Protocol:
        raise AssertionError


class _LoopThatCrashes(_LoopOfFailingServers):
    def protocol(self) -> asyncio.Protocol:
        os.abort()


class _RaisingProtocol(asyncio.Protocol):
    def connection_made(self, _: asyncio.BaseTransport) -> None:
        raise LookupError("lost")


class _LoopThatRaises(_LoopOfFailingServers):
    def protocol(self) -> asyncio.Protocol:
        return _RaisingProtocol()


crashing, lacking, raising, plain = _LoopThatCrashes, _LoopThatLacks, _LoopThatRaises, asyncio.SelectorEventLoop
