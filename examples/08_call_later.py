"""A callback after a delay: `loop.call_later` counts from now and returns a handle that can be cancelled.

Deadlines decide, not the order of the calls, and a cancelled callback never runs. The program runs on any loop.
"""

import asyncio


async def main() -> None:
    """Schedule four callbacks, cancel one, and wait for the latest."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(0.03, over.set_result, "over")
    loop.call_later(0.02, print, "after 20 ms")
    loop.call_later(0.01, print, "after 10 ms")
    cancelled = loop.call_later(0.015, print, "never printed")
    cancelled.cancel()
    print("asked; cancelled:", cancelled.cancelled())
    print(await over)


asyncio.run(main())
