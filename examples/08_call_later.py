"""A callback after a delay: `loop.call_later` counts from now and gives a handle that can be cancelled.

Shows that deadlines decide, not the order of the calls, and that a cancelled one never runs. It knows nothing of which
loop runs it.
"""

import asyncio


async def main() -> None:
    """Ask for four callbacks, cancel one, and wait for the latest."""
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
