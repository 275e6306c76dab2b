"""What a process holds, counted after each round: descriptors, threads, objects by their types, memory.

Descriptors and threads are the same after each round. Objects and memory may grow for a while, for there are caches
everywhere; they are compared over the whole run, and have to level off. What was counted is kept in a file, so that it
counts for nothing itself.
"""

import gc
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .context import collect

# The rounds that fill caches, as a part of all rounds.
_WARM_UP = 3
# Fewer rounds than this tell nothing of growth: a third of them has to run every scenario once.
LEAST_ROUNDS = 80
_MIB = 1024 * 1024
# Allocators keep pages, and threads that have ended leave some of theirs.
_BYTES = 24 * _MIB
# Without the GIL a function has its bytecode once for each thread that runs it, up to the most threads at once.
_BLOCKS = 5000
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Held:
    """What the process holds at one moment; descriptors with what each is."""

    descriptors: dict[int, str]
    threads: int
    types: dict[str, int]
    blocks: int
    resident: int


def count(*, patience: float) -> Held:
    """Count, once all threads but this one have ended and the collector has found nothing more."""
    deadline = time.monotonic() + patience
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.001)
    collect()
    types = Counter(f"{type(held).__module__}.{type(held).__qualname__}" for held in gc.get_objects())
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    return Held(_descriptors(), threading.active_count(), dict(types), sys.getallocatedblocks(), resident)


def _descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            # The one by which the folder was read.
            continue
    return found


def left_by_a_round(before: Held, after: Held) -> list[str]:
    """Return what a round left that it should not have: descriptors and threads."""
    found = []
    for number in sorted(after.descriptors.keys() - before.descriptors.keys()):
        found.append(f"descriptor {number} is left open: {after.descriptors[number]}")
    if after.threads > before.threads:
        names = ", ".join(thread.name for thread in threading.enumerate())
        found.append(f"{after.threads - before.threads} threads are left: {names}")
    return found


def keep(held: Held, history: Path) -> None:
    """Add what was counted to the file of a run."""
    with history.open("a") as file:
        json.dump([held.types, held.blocks, held.resident], file)
        file.write("\n")


def growth_in(history: Path) -> list[str]:
    """Return what grew in the run of this file."""
    lines = history.read_text().splitlines()
    return growth([Held({}, 0, *json.loads(line)) for line in lines])


def growth(history: Sequence[Held]) -> list[str]:
    """Return what grew from round to round, after the first ones, by at least one object in every second round."""
    if len(history) < LEAST_ROUNDS:
        return []
    steady = history[len(history) // _WARM_UP :]
    third = max(1, len(steady) // 3)
    first, last = steady[:third], steady[-third:]
    rounds = len(steady) - third
    found = []
    for name in last[-1].types:
        least, most = min(held.types.get(name, 0) for held in last), max(held.types.get(name, 0) for held in first)
        if least - most >= max(10, rounds / 2):
            found.append(f"objects of {name} grew from {most} to {least} in {rounds} rounds")
    blocks, before = min(held.blocks for held in last), max(held.blocks for held in first)
    if blocks - before > _BLOCKS + rounds * 100:
        found.append(f"allocated blocks grew from {before} to {blocks} in {rounds} rounds")
    resident, before = min(held.resident for held in last), max(held.resident for held in first)
    if resident - before > _BYTES:
        found.append(f"memory grew from {before // _MIB} to {resident // _MIB} MiB in {rounds} rounds")
    return found
