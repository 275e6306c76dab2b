"""A program on asyncpg: a pool, transactions, COPY, LISTEN and NOTIFY, cursors, and a query that is cancelled.

Its arguments are addresses of one PostgreSQL server, which it uses one after the other. It may change the database as
it likes.
"""

import asyncio
import io
import sys

import asyncpg
from scene import LARGE_BODY, chosen, loop_name

CONNECTIONS = 10
QUERIES = 200
ROWS = 2_000
NOTIFICATIONS = 50
# Far longer than any test: a query of this length ends only by being cancelled.
FOR_EVER_SECONDS = 3600
PATIENCE_SECONDS = 0.1
IS_ASLEEP = "SELECT coalesce(wait_event = 'PgSleep', false) FROM pg_stat_activity WHERE pid = $1"


async def main(*addresses: str) -> None:
    """Everything, by each of the ways to the server."""
    for address in addresses:
        async with asyncpg.create_pool(address, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
            for use in (move_bodies, copy, transact, listen):
                async with pool.acquire() as connection:
                    await use(connection)
            for use_all in (ask_often, give_up, lose_connection):
                await use_all(pool)
    print(loop_name())


async def ask_often(pool: asyncpg.Pool) -> None:
    """More queries at once than connections."""
    answers = await asyncio.gather(*(pool.fetchval("SELECT $1::int + 1", number) for number in range(QUERIES)))
    assert answers == [number + 1 for number in range(QUERIES)]


async def move_bodies(connection: asyncpg.Connection) -> None:
    """A large value up and down, and many rows in the pieces that a cursor takes."""
    assert await connection.fetchval("SELECT $1::bytea", LARGE_BODY) == LARGE_BODY
    total = 0
    async with connection.transaction():
        async for row in connection.cursor("SELECT generate_series(1, $1)", ROWS):
            total += row[0]
    assert total == ROWS * (ROWS + 1) // 2


async def copy(connection: asyncpg.Connection) -> None:
    """COPY of records in, and out as text."""
    await connection.execute("CREATE TEMPORARY TABLE copied (number int, word text) ON COMMIT PRESERVE ROWS")
    records = [(number, f"word {number}") for number in range(ROWS)]
    assert await connection.copy_records_to_table("copied", records=records) == f"COPY {ROWS}"
    text = io.BytesIO()
    await connection.copy_from_query("SELECT * FROM copied ORDER BY number", output=text)
    assert text.getvalue() == b"".join(f"{number}\t{word}\n".encode() for number, word in records)
    await connection.execute("DROP TABLE copied")


async def transact(connection: asyncpg.Connection) -> None:
    """A transaction that is kept, around one that is taken back."""
    await connection.execute("CREATE TEMPORARY TABLE kept (number int)")
    async with connection.transaction():
        await connection.execute("INSERT INTO kept VALUES (1)")
        try:
            async with connection.transaction():
                await connection.execute("INSERT INTO kept VALUES (2)")
                await connection.execute("SELECT 1 / 0")
        except asyncpg.DivisionByZeroError:
            await connection.execute("INSERT INTO kept VALUES (3)")
    assert [row["number"] for row in await connection.fetch("SELECT number FROM kept ORDER BY 1")] == [1, 3]
    await connection.execute("DROP TABLE kept")


async def listen(connection: asyncpg.Connection) -> None:
    """Notifications, which come without being asked for."""
    heard: list[str] = []
    all_heard = asyncio.Event()

    def hear(_connection: object, _process: int, _channel: str, payload: object) -> None:
        heard.append(str(payload))
        if len(heard) == NOTIFICATIONS:
            all_heard.set()

    await connection.add_listener("channel", hear)
    for number in range(NOTIFICATIONS):
        await connection.execute("SELECT pg_notify('channel', $1)", str(number))
    await all_heard.wait()
    assert heard == [str(number) for number in range(NOTIFICATIONS)]
    await connection.remove_listener("channel", hear)


async def give_up(pool: asyncpg.Pool) -> None:
    """A query that is cancelled, or takes too long, ends in the server too, and its connection is good for the next."""
    async with pool.acquire() as connection, pool.acquire() as watcher:
        query = asyncio.create_task(connection.fetch("SELECT pg_sleep($1)", FOR_EVER_SECONDS))
        await until(watcher, connection, is_asleep=True)
        query.cancel()
        await asyncio.wait([query])
        assert query.cancelled()
        await until(watcher, connection, is_asleep=False)
        assert await connection.fetchval("SELECT 42") == 42
        try:
            await connection.fetch("SELECT pg_sleep($1)", FOR_EVER_SECONDS, timeout=PATIENCE_SECONDS)
        except TimeoutError:
            assert await connection.fetchval("SELECT 43") == 43
        else:
            raise AssertionError("a query for ever has ended")


async def until(watcher: asyncpg.Connection, connection: asyncpg.Connection, *, is_asleep: bool) -> None:
    """Ask on one connection again and again until the server says that the other's query sleeps, or does not."""
    process = connection.get_server_pid()
    while await watcher.fetchval(IS_ASLEEP, process) is not is_asleep:
        await asyncio.sleep(0)


async def lose_connection(pool: asyncpg.Pool) -> None:
    """A connection that the server ends is an error for its query, and the pool replaces it."""
    async with pool.acquire() as connection, pool.acquire() as killer:
        query = asyncio.create_task(connection.fetch("SELECT pg_sleep($1)", FOR_EVER_SECONDS))
        await until(killer, connection, is_asleep=True)
        assert await killer.fetchval("SELECT pg_terminate_backend($1)", connection.get_server_pid())
        await asyncio.wait([query])
        assert isinstance(query.exception(), asyncpg.PostgresConnectionError | asyncpg.AdminShutdownError)
    await ask_often(pool)


if __name__ == "__main__":
    chosen().run(main(*sys.argv[1:]))
