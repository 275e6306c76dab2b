"""Two worker processes by dask count primes, and the loops of the scheduler and of the workers are vitok's.

A worker is a new process that imports this file, so it runs the two statements below, too. Over several machines, every
process is started by a command instead, with DASK_DISTRIBUTED__ADMIN__EVENT_LOOP=uvloop in the environment of each:

    vitok run --as-uvloop -m distributed.cli.dask_scheduler                   # on one machine
    vitok run --as-uvloop -m distributed.cli.dask_worker tcp://FIRST:8786     # on each of the others

and the program connects with `Client("tcp://FIRST:8786")` in place of the cluster below.
"""

import asyncio
import math
import os

import dask
import vitok
from distributed import Client, LocalCluster

# dask chooses its loop by name, and has no name for others than asyncio's and uvloop's.
vitok.as_uvloop()
dask.config.set({"distributed.admin.event-loop": "uvloop"})

PARTS = [range(begin, begin + 5_000) for begin in range(0, 50_000, 5_000)]


def count_primes(numbers: range) -> int:
    """Count the primes among some numbers."""
    return sum(number > 1 and all(number % d for d in range(2, math.isqrt(number) + 1)) for number in numbers)


async def loop_name() -> str:
    """Name the class of the loop that runs a process."""
    kind = type(asyncio.get_running_loop())
    return f"{kind.__module__}.{kind.__qualname__}"


def main() -> None:
    """Start a cluster, compute, and show where it was computed."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        print("primes:", sum(client.gather(client.map(count_primes, PARTS))))
        print("scheduler:", client.sync(loop_name))
        processes = client.run(os.getpid)
        for address, name in client.run(loop_name).items():
            print("worker:", name, "in a process of its own:", processes[address] != os.getpid())


if __name__ == "__main__":
    main()
