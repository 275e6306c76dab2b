"""A callback on the next turn: `loop.call_soon` adds it to the end of the queue; arguments follow the callback.

Callbacks run in the order in which they were scheduled, only when the coroutine waits, and a callback scheduled by
another runs a turn later. The program runs on any loop.
"""

import asyncio


def greet(name: str, over: asyncio.Future[str]) -> None:
    """Schedule another callback from a callback; it runs a turn later."""
    print("hello,", name)
    asyncio.get_running_loop().call_soon(over.set_result, f"{name} was greeted a turn ago")


async def main() -> None:
    """Schedule two callbacks, check that neither has run, then wait."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_soon(greet, "world", over)
    loop.call_soon(print, "still the same turn")
    print("asked, nothing has run yet")
    print(await over)


asyncio.run(main())
