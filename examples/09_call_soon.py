"""A callback on the next turn: `loop.call_soon` queues it behind what is queued already; arguments are given beside it.

Shows that callbacks run in the order they were asked for, only when the coroutine waits, and that what a callback asks
for waits for the turn after. It knows nothing of which loop runs it.
"""

import asyncio


def greet(name: str, over: asyncio.Future[str]) -> None:
    """Ask from a callback for another one, which then runs a turn later."""
    print("hello,", name)
    asyncio.get_running_loop().call_soon(over.set_result, f"{name} was greeted a turn ago")


async def main() -> None:
    """Queue two callbacks, see that neither has run, then wait."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_soon(greet, "world", over)
    loop.call_soon(print, "still the same turn")
    print("asked, nothing has run yet")
    print(await over)


asyncio.run(main())
