"""Programs that ask: each is a client in the loop that is measured, of a server in another process.

Each function is an asynchronous context: it connects, and gives a function that runs so many operations. The servers
are started by `program_services.py`, which names their addresses. Rows and the measurement are not known here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from vitok_bench.program_servers import PATIENCE_S, Run

HTTP_VARIABLE: Final = "VITOK_BENCH_HTTP"
REDIS_VARIABLE: Final = "VITOK_BENCH_REDIS"
POSTGRES_VARIABLE: Final = "VITOK_BENCH_POSTGRES"
GRPC_VARIABLE: Final = "VITOK_BENCH_GRPC"
# The tasks of a client that is busy, each with one request under way.
TASKS: Final = 50
# The connections of a usual pool, where each is a process of the server.
POOL: Final = 10
# What one pipeline sends.
COMMANDS: Final = 10
KEY: Final = "vitok-bench"
VALUE: Final = b"x" * 100
BODY_BYTES: Final = 13


@asynccontextmanager
async def aiohttp_client() -> AsyncIterator[Run]:
    """GET through a session that keeps its connections."""
    import aiohttp

    url = f"http://{os.environ[HTTP_VARIABLE]}/"
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=TASKS, keepalive_timeout=PATIENCE_S)
    ) as session:

        async def get() -> None:
            async with session.get(url) as response:
                _expect(len(await response.read()) == BODY_BYTES)

        yield _in_tasks(get, TASKS)


@asynccontextmanager
async def httpx_client() -> AsyncIterator[Run]:
    """GET through a client that keeps its connections."""
    import httpx

    url = f"http://{os.environ[HTTP_VARIABLE]}/"
    limits = httpx.Limits(max_connections=POOL, max_keepalive_connections=POOL, keepalive_expiry=PATIENCE_S)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:

        async def get() -> None:
            _expect(len((await client.get(url)).content) == BODY_BYTES)

        yield _in_tasks(get, POOL)


@asynccontextmanager
async def redis_get() -> AsyncIterator[Run]:
    """GET of a short value through a pool."""
    import redis.asyncio

    address, _, port = os.environ[REDIS_VARIABLE].rpartition(":")
    async with redis.asyncio.Redis(host=address, port=int(port), max_connections=TASKS) as client:
        await client.set(KEY, VALUE)

        async def get() -> None:
            _expect(await client.get(KEY) == VALUE)

        yield _in_tasks(get, TASKS)


@asynccontextmanager
async def redis_pipeline() -> AsyncIterator[Run]:
    """A pipeline of several GETs through a pool."""
    import redis.asyncio

    address, _, port = os.environ[REDIS_VARIABLE].rpartition(":")
    async with redis.asyncio.Redis(host=address, port=int(port), max_connections=POOL) as client:
        await client.set(KEY, VALUE)

        async def get_several() -> None:
            async with client.pipeline(transaction=False) as pipeline:
                for _ in range(COMMANDS):
                    pipeline.get(KEY)
                _expect(await pipeline.execute() == [VALUE] * COMMANDS)

        yield _in_tasks(get_several, POOL)


@asynccontextmanager
async def asyncpg_query() -> AsyncIterator[Run]:
    """A prepared SELECT of one row."""
    import asyncpg

    address, _, port = os.environ[POSTGRES_VARIABLE].rpartition(":")
    options = {"host": address, "port": int(port), "user": "tester", "database": "postgres", "ssl": False}
    async with asyncpg.create_pool(min_size=POOL, max_size=POOL, **options) as pool:

        async def select() -> None:
            _expect(await pool.fetchval("SELECT $1::int + 1", 1) == 2)

        yield _in_tasks(select, POOL)


@asynccontextmanager
async def grpc_call() -> AsyncIterator[Run]:
    """A call with one message each way, by grpc's own reactor in a thread of its own."""
    import grpc.aio

    async with grpc.aio.insecure_channel(os.environ[GRPC_VARIABLE]) as channel:
        method = channel.unary_unary("/bench.Echo/Call")

        async def call() -> None:
            _expect(await method(VALUE) == VALUE)

        yield _in_tasks(call, POOL)


def _in_tasks(one: Callable[[], Awaitable[None]], tasks: int) -> Run:
    """Return what runs so many operations, so many at a time."""

    async def run(operations: int) -> None:
        left = iter(range(operations))

        async def work() -> None:
            for _ in left:
                await one()

        await asyncio.gather(*(work() for _ in range(tasks)))

    return run


def _expect(is_right: object) -> None:
    if not is_right:
        raise RuntimeError("another answer than expected")
