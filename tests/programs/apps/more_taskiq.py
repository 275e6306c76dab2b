"""Tasks of taskiq: a client and a receiver in one program, with dependencies, retries and results.

It knows nothing of who runs it.
"""

import asyncio
import logging
from typing import Annotated

from scene import chosen, loop_name
from taskiq import Context, InMemoryBroker, SimpleRetryMiddleware, TaskiqDepends

TASKS = 50

broker = InMemoryBroker().with_middlewares(SimpleRetryMiddleware(default_retry_count=3))
failures = iter([ZeroDivisionError, ZeroDivisionError])


@broker.task
async def square(number: int, context: Annotated[Context, TaskiqDepends()]) -> int:
    """A task that waits, and looks at its own message."""
    await asyncio.sleep(0)
    assert context.message.task_name == square.task_name
    return number**2


@broker.task
def in_thread() -> bool:
    """A function that is no coroutine runs in a thread, without a loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


@broker.task(retry_on_error=True)
async def unlucky() -> str:
    """A task that fails twice."""
    for failure in failures:
        raise failure
    return loop_name()


async def main() -> None:
    """The program, and the last word."""
    # A task that fails is an error in the log.
    logging.getLogger("taskiq").setLevel(logging.CRITICAL)
    await broker.startup()
    kicked = await asyncio.gather(*(square.kiq(number) for number in range(TASKS)))
    results = await asyncio.gather(*(task.wait_result(check_interval=0.01) for task in kicked))
    assert [result.return_value for result in results] == [number**2 for number in range(TASKS)]
    assert (await (await in_thread.kiq()).wait_result()).return_value
    last = await (await unlucky.kiq()).wait_result()
    await broker.shutdown()
    print(last.return_value)


if __name__ == "__main__":
    chosen().run(main())
