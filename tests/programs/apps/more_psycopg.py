"""psycopg's asynchronous connections: queries, a pipeline, rows as they come, COPY, a notification, a cancelled query.

Its arguments are addresses of a PostgreSQL server. It knows nothing of who runs it.
"""

import asyncio
import sys

import psycopg
from scene import chosen, loop_name

ROWS = 10_000


async def use(connection: psycopg.AsyncConnection[tuple[int]]) -> None:
    """What programs do with a connection."""
    async with connection.transaction(), connection.cursor() as cursor:
        await cursor.execute("CREATE TEMPORARY TABLE numbers (number integer)")
        async with cursor.copy("COPY numbers FROM STDIN") as copy:
            for number in range(ROWS):
                await copy.write_row((number,))
        await cursor.execute("SELECT sum(number) FROM numbers")
        assert await cursor.fetchone() == (sum(range(ROWS)),)
        rows = [row async for (row,) in cursor.stream("SELECT number FROM numbers ORDER BY number")]
        assert rows == list(range(ROWS))
    async with connection.pipeline():
        cursors = [await connection.execute("SELECT %s + 1", (number,)) for number in range(10)]
    assert [await cursor.fetchone() for cursor in cursors] == [(number + 1,) for number in range(10)]


async def hear(address: str) -> None:
    """One connection hears what another says."""
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as listener:
        await listener.execute("LISTEN news")
        async with await psycopg.AsyncConnection.connect(address, autocommit=True) as speaker:
            await speaker.execute("NOTIFY news, 'none'")
        async for notification in listener.notifies():
            assert notification.payload == "none"
            break


async def give_up(address: str) -> None:
    """A query whose task is cancelled leaves a connection that can be used."""
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        try:
            async with asyncio.timeout(0.05):
                await connection.execute("SELECT pg_sleep(60)")
        except TimeoutError:
            answer = await (await connection.execute("SELECT 1")).fetchone()
        else:
            answer = None
        assert answer == (1,)


async def main(addresses: list[str]) -> None:
    """The program, and the last word."""
    for address in addresses:
        async with await psycopg.AsyncConnection.connect(address) as connection:
            await use(connection)
        await hear(address)
        await give_up(address)
    print(loop_name())


if __name__ == "__main__":
    chosen().run(main(sys.argv[1:]))
