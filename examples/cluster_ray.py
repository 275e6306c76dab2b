"""Two worker processes by Ray count primes; their asynchronous actors, and the driver, run on vitok's loop.

Ray starts its workers by a program of its own, so each is told by the runtime environment to make vitok's loop the
default before the first task. Over several machines, vitok is installed on all, `ray start --head` runs on one and
`ray start --address=FIRST:6379` on each of the others, and the program begins with
`ray.init("auto", runtime_env=ENVIRONMENT)`.
"""

import asyncio
import math
import os

import ray
import vitok

PARTS = [range(begin, begin + 5_000) for begin in range(0, 50_000, 5_000)]
# The function is called in each new worker. Without the variable Ray would take uvloop, where that is installed.
ENVIRONMENT = {"worker_process_setup_hook": vitok.install, "env_vars": {"RAY_USE_UVLOOP": "0"}}


def loop_name() -> str:
    """Name the class of the loop that runs this process."""
    kind = type(asyncio.get_running_loop())
    return f"{kind.__module__}.{kind.__qualname__}"


@ray.remote(num_cpus=1)
class Counter:
    """An actor whose methods are coroutines, which run on the loop of its process."""

    async def count_primes(self, numbers: range) -> int:
        """Count the primes among some numbers; other calls of the actor are served in between."""
        count = 0
        for number in numbers:
            count += number > 1 and all(number % d for d in range(2, math.isqrt(number) + 1))
            if number % 1000 == 0:
                await asyncio.sleep(0)
        return count

    async def place(self) -> tuple[str, int]:
        """Name the class of the loop, and the process."""
        return loop_name(), os.getpid()


async def main() -> None:
    """Compute in two actors, and show where it was computed."""
    actors = [Counter.remote() for _ in range(2)]
    counts = await asyncio.gather(*(actors[n % 2].count_primes.remote(part) for n, part in enumerate(PARTS)))
    print("primes:", sum(counts))
    places = await asyncio.gather(*(actor.place.remote() for actor in actors))
    print("driver:", loop_name())
    for name, process in places:
        print("worker:", name, "in a process of its own:", process != os.getpid())


if __name__ == "__main__":
    with ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=ENVIRONMENT):
        vitok.run(main())
