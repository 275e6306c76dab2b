"""The rows of real programs: a server or a client of a well-known package, on the loop that is measured.

A program is started once for a loop and runs for all of its samples. This module has the table, and what each row
needs; the programs are in `program_servers.py` and `program_clients.py`.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from vitok_bench import program_clients as clients
from vitok_bench import program_servers as servers
from vitok_bench.program_servers import Run
from vitok_bench.row import Row

Loop = asyncio.AbstractEventLoop
Start = Callable[[], AbstractAsyncContextManager[Run]]

# Every task and every connection of a program takes part in a sample.
BATCH: Final = 100


@dataclass(frozen=True, kw_only=True)
class Program:
    """A row: what runs, and what it needs."""

    name: str
    title: str
    start: Start
    packages: tuple[str, ...]
    # The name of a service in `program_services.py`.
    service: str

    def lacks(self) -> str:
        """Return what is not installed, or nothing."""
        missing = [package for package in self.packages if importlib.util.find_spec(package) is None]
        return f"not installed: {', '.join(missing)}" if missing else ""


PROGRAMS: Final = (
    Program(
        name="aiohttp_server",
        title="aiohttp's server: GET, answered by 13 bytes; 50 connections",
        start=servers.aiohttp_server,
        packages=("aiohttp",),
        service="load",
    ),
    Program(
        name="aiohttp_client",
        title="aiohttp's client: GET, in 50 tasks",
        start=clients.aiohttp_client,
        packages=("aiohttp",),
        service="http",
    ),
    Program(
        name="httpx",
        title="httpx: GET, in 10 tasks",
        start=clients.httpx_client,
        packages=("httpx",),
        service="http",
    ),
    Program(
        name="fastapi",
        title="FastAPI under uvicorn: GET, answered by JSON; 50 connections",
        start=servers.fastapi_server,
        packages=("fastapi", "uvicorn"),
        service="load",
    ),
    Program(
        name="websockets",
        title="websockets' server: echo of 64 bytes of text; 50 connections",
        start=servers.websockets_server,
        packages=("websockets",),
        service="load",
    ),
    Program(
        name="redis_get",
        title="redis-py: GET, in 50 tasks",
        start=clients.redis_get,
        packages=("redis",),
        service="redis",
    ),
    Program(
        name="redis_pipeline",
        title="redis-py: a pipeline of 10 GETs, in 10 tasks",
        start=clients.redis_pipeline,
        packages=("redis",),
        service="redis",
    ),
    Program(
        name="asyncpg",
        title="asyncpg: SELECT of a row, in 10 tasks",
        start=clients.asyncpg_query,
        packages=("asyncpg",),
        service="postgres",
    ),
    Program(
        name="grpc",
        title="grpc.aio's client: a call, in 10 tasks",
        start=clients.grpc_call,
        packages=("grpc",),
        service="grpc",
    ),
)


def rows() -> tuple[Row, ...]:
    """Every row, in the order of the table."""
    return tuple(_row(program) for program in PROGRAMS)


def _row(program: Program) -> Row:
    running = _Running(program.start)
    return Row(name=program.name, title=program.title, body=running.run, close=running.close, batch=BATCH)


class _Running:
    """A program on one loop, started by its first sample."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._program: AbstractAsyncContextManager[Run] | None = None
        self._operate: Run | None = None

    def run(self, loop: Loop, operations: int) -> None:
        if self._operate is None:
            self._program = self._start()
            self._operate = loop.run_until_complete(self._program.__aenter__())
        loop.run_until_complete(self._operate(operations))

    def close(self, loop: Loop) -> None:
        program, self._program, self._operate = self._program, None, None
        if program is not None:
            loop.run_until_complete(program.__aexit__(None, None, None))
