"""A PostgreSQL server, by a pool of connections of asyncpg. Notes are not known here."""

import asyncpg

CONNECTIONS_AT_MOST = 10
PREPARING = 0x766974  # A lock of this number makes processes that start at once create the table one after the other.


class Postgres:
    """A pool of connections."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.read = self.write = pool.fetch
        self.close = pool.close

    @classmethod
    async def connect(cls, url: str, schema: str) -> "Postgres":
        """Connect to the server of a URL."""
        pool = await asyncpg.create_pool(url, min_size=1, max_size=CONNECTIONS_AT_MOST)
        identity = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", PREPARING)
            await connection.execute(schema.format(identity=identity))
        return cls(pool)
