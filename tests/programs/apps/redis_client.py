"""A program on redis.asyncio: a pool, pipelines, pub/sub, blocking commands, transactions, and cancelled commands.

Its arguments are URLs of one Redis server, which it uses one after the other. It may change the database as it likes.
"""

import asyncio
import sys

import redis.asyncio as redis
from scene import LARGE_BODY, chosen, loop_name

# Fewer than there are commands at once, so that some wait for a connection.
CONNECTIONS = 10
# Each of them fails and begins again whenever another was first, so that their work grows by the square.
RIVALS = 8
COMMANDS = 50
MESSAGES = 50
# Redis counts the time of a blocking command in seconds and takes fractions: this is a wait, and short for a test.
BLOCK_SECONDS = 0.1


async def main(*urls: str) -> None:
    """Everything, by each of the ways to the server."""
    for url in urls:
        pool = redis.BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS)
        async with redis.Redis.from_pool(pool) as client:
            await client.flushdb()
            for use in (store, count, count_in_transactions, block, publish, give_up):
                await use(client)
    print(loop_name())


async def store(client: redis.Redis) -> None:
    """A large value up and down, and many small ones in one pipeline."""
    await client.set("large", LARGE_BODY)
    assert await client.get("large") == LARGE_BODY
    async with client.pipeline(transaction=False) as pipeline:
        for number in range(COMMANDS):
            pipeline.set(f"small:{number}", number)
            pipeline.get(f"small:{number}")
        answers = await pipeline.execute()
    assert answers[1::2] == [str(number).encode() for number in range(COMMANDS)]


async def count(client: redis.Redis) -> None:
    """More tasks than connections."""
    await asyncio.gather(*(client.incr("counter") for _ in range(COMMANDS)))
    assert await client.get("counter") == str(COMMANDS).encode()


async def count_in_transactions(client: redis.Redis) -> None:
    """A counter that is read and written by each task, and is watched so that no count is lost."""

    async def add(pipeline: redis.client.Pipeline) -> None:
        seen = int(await pipeline.get("watched") or 0)
        pipeline.multi()
        pipeline.set("watched", seen + 1)

    await asyncio.gather(*(client.transaction(add, "watched") for _ in range(RIVALS)))
    assert await client.get("watched") == str(RIVALS).encode()


async def block(client: redis.Redis) -> None:
    """BLPOP: it waits for a value that comes, and ends when none comes in time."""
    waiting = asyncio.create_task(client.blpop(["list"], timeout=0))
    await until_blocked(client, 1)
    await client.rpush("list", b"value")
    assert await waiting == (b"list", b"value")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert await client.blpop(["list"], timeout=BLOCK_SECONDS) is None
    assert loop.time() - begun >= BLOCK_SECONDS


async def publish(client: redis.Redis) -> None:
    """Messages on a channel, in their order, to a subscriber who reads meanwhile."""
    async with client.pubsub(ignore_subscribe_messages=True) as subscriber:
        await subscriber.subscribe("channel")
        # The first thing to be read says that the subscription holds.
        assert await subscriber.get_message(timeout=None) is None
        reading = asyncio.create_task(read_messages(subscriber))
        for number in range(MESSAGES):
            assert await client.publish("channel", number) == 1
        assert await reading == [str(number).encode() for number in range(MESSAGES)]


async def read_messages(subscriber: redis.client.PubSub) -> list[bytes]:
    """As many messages as are published."""
    messages: list[bytes] = []
    async for message in subscriber.listen():
        messages.append(message["data"])
        if len(messages) == MESSAGES:
            break
    return messages


async def give_up(client: redis.Redis) -> None:
    """Commands that are cancelled while they wait give their connections back, and nobody else gets their answers."""
    # One connection is left to ask the server whether the others wait.
    waiting = [asyncio.create_task(client.blpop(["nothing"], timeout=0)) for _ in range(CONNECTIONS - 1)]
    await until_blocked(client, len(waiting))
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert all(task.cancelled() for task in waiting)
    await asyncio.gather(*(client.set(f"key:{number}", number) for number in range(COMMANDS)))
    values = await asyncio.gather(*(client.get(f"key:{number}") for number in range(COMMANDS)))
    assert values == [str(number).encode() for number in range(COMMANDS)]


async def until_blocked(client: redis.Redis, clients: int) -> None:
    """Ask again and again until this many commands wait in the server: no clock says when they have arrived."""
    while (await client.info("clients"))["blocked_clients"] < clients:
        await asyncio.sleep(0)


if __name__ == "__main__":
    # On asyncio this is what `asyncio.run` does; on ours it is the way to a loop that needs nothing but its factory.
    with asyncio.Runner(loop_factory=chosen().new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
