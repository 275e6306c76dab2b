"""A FastStream application on a Redis server: it answers messages of one channel on another, and stops by itself.

Its argument is the address of a Redis server. It knows nothing of who runs it.
"""

import asyncio
import sys

from faststream import FastStream
from faststream.redis import RedisBroker
from scene import chosen, loop_name

MESSAGES = 50

broker = RedisBroker(sys.argv[1], logger=None)
app = FastStream(broker, logger=None)
heard: asyncio.Queue[int] = asyncio.Queue()


@broker.subscriber("questions")
@broker.publisher("answers")
async def answer(number: int) -> int:
    """Answer a message by another."""
    await asyncio.sleep(0)
    return number + 1


@broker.subscriber("answers")
async def hear(number: int) -> None:
    """Take an answer."""
    heard.put_nowait(number)


@broker.subscriber("name")
async def name(message: str) -> str:
    """Answer whoever asks."""
    return loop_name()


@app.after_startup
async def ask() -> None:
    """Ask, and stop the application."""
    await asyncio.gather(*(broker.publish(number, "questions") for number in range(MESSAGES)))
    answers = [await heard.get() for _ in range(MESSAGES)]
    assert sorted(answers) == list(range(1, MESSAGES + 1))
    answered = await broker.request("who", "name")
    print(await answered.decode())
    app.exit()


if __name__ == "__main__":
    chosen().run(app.run())
