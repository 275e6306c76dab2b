"""Tests of the stream rows: the table, each server on asyncio's loop, cells that fail.

Run by `pytest benchmarks`. Speed is not tested. Tests that need the load generator are skipped if it is not built. The
factories at the end are loops that a server process imports by `test_stream_benchmarks:FACTORY`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from dataclasses import replace
from typing import Any, Final

import pytest
from vitok_bench import load_generator, suite_streams, syscalls, usage
from vitok_bench.cell import Commands
from vitok_bench.child import Child, ChildError
from vitok_bench.loops import LoopSpec
from vitok_bench.stream_harness import RAW, Bench
from vitok_bench.stream_rows import StreamRow, rows
from vitok_bench.stream_servers import FAMILIES
from vitok_bench.suites import Cores, Effort

BINARY: Final = load_generator.find()
ROWS: Final = {row.name: row for row in rows()}
ECHO: Final = ROWS["echo_protocol_1k_1"]
# Every server with every client, but with few connections.
FEW_OF_EACH: Final = [row for row in rows() if not row.is_memory and not row.name.endswith(("_100", "_500"))]
EFFORT: Final = Effort(rounds=2, sample_s=0.005)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's figures are Linux's")
with_load = pytest.mark.skipif(BINARY is None, reason="vitok-load is not built")


def test_rows_have_names_of_their_own_and_servers() -> None:
    assert len(ROWS) == len(rows())
    assert {row.family for row in rows()} == FAMILIES.keys() - {"http"}


def test_quick_rows_are_those_with_figures_to_reach() -> None:
    quick = {row.name for row in rows() if row.is_quick}
    echoes = {f"echo_{kind}_1k_100" for kind in ("protocol", "buffered", "streams", "sock")}
    assert quick == echoes | {"small_writes", "connect"}


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
    result = _bench("asyncio").measure(ECHO, EFFORT)
    assert {column: len(samples) for column, samples in result.samples.items()} == {RAW: 2, "asyncio": 2}
    assert result.failures == {}
    assert all(sample.cost > 0 and sample.operations > 0 for sample in result.samples["asyncio"])
    column = suite_streams.as_row(result).columns["asyncio"]
    assert len(column.costs) == len(column.walls_ns) == 2
    assert 0 < column.notes["utilisation"] < 2


@with_load
def test_memory_is_of_a_fresh_server_each_time() -> None:
    client = ("idle", "--connections", "60", "--greet", "10")
    row = replace(ROWS["memory_used"], client=client, idle=60)
    samples = _bench("asyncio").measure(row, EFFORT).samples["asyncio"]
    assert [sample.operations for sample in samples] == [60, 60]
    assert all(sample.cost > 0 for sample in samples)


@with_load
def test_failures_are_lines_and_the_rest_goes_on() -> None:
    here = "test_stream_benchmarks"
    factories = [f"{here}:{name}" for name in ("crashing", "lacking", "raising")]
    result = _bench("asyncio", *factories, "no_such_module:loop").measure(ECHO, EFFORT)
    assert result.samples.keys() == {RAW, "asyncio"}
    found = {name: (error.status, error.reason) for name, error in result.failures.items()}
    assert found == {
        f"{here}:crashing": ("crash", "SIGABRT"),
        f"{here}:lacking": ("n/a", "NotImplementedError: no create_server"),
        f"{here}:raising": ("n/a", "LookupError: lost"),
        "no_such_module:loop": ("n/a", "ModuleNotFoundError: No module named 'no_such_module'"),
    }


def test_a_failure_that_comes_with_the_first_answer_is_heard() -> None:
    said = """print('{"port": 1}\\n{"error": "lost"}', flush=True); input()"""
    child = Child([sys.executable, "-c", said])
    try:
        assert child.start() == {"port": 1}
        with pytest.raises(ChildError, match="lost"):
            child.raise_if_failed()
    finally:
        child.close()


@with_load
def test_what_a_task_of_the_server_lacks_is_said() -> None:
    column = "test_stream_benchmarks:lacking"
    result = _bench(column).measure(ROWS["echo_sock_1k_1"], EFFORT)
    assert (result.failures[column].status, result.failures[column].reason) == (
        "n/a",
        "NotImplementedError: no sock_accept",
    )


def _bench(*loops: str) -> Bench:
    assert BINARY is not None
    cores = Cores(server=None, client=None)
    return Bench([LoopSpec.parse(loop) for loop in loops], commands=Commands.of(BINARY), cores=cores)


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
