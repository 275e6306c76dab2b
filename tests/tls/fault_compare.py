"""Compares what exchanges come to on a loop of ours and on asyncio's, whose results are kept."""

import asyncio
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager

from fault_exchange import Course, Exchanges, Plan
from fault_peer import Fault, FaultyPeer
from fault_ways import Seen
from support import collect
from tls_certificates import Contexts

# What asyncio's loop made of each exchange, for the second engine.
Known = dict[Hashable, Seen]
# So many differences are shown.
SHOWN = 10


class Comparison:
    """Runs the same exchanges on our loop and on asyncio's."""

    def __init__(self, ours: Exchanges, oracle: Exchanges, known: Known, key: Hashable) -> None:
        self.ours = ours
        self.oracle = oracle
        self.known = known
        self.key = key
        self.differences: list[str] = []

    def sound_peer(self) -> FaultyPeer:
        """A peer after an exchange without a fault."""
        return self.ours.run(Plan()).peer

    def faults(self, faults: Iterable[Fault]) -> None:
        """Run an exchange with each of these faults."""
        for fault in faults:
            self.run(Plan(fault=fault), fault)

    def run(self, plan: Plan, name: Hashable) -> Course:
        """Run one exchange, whose name is its own. Return its course on our loop."""
        key = (self.key, name)
        if key not in self.known:
            self.known[key] = self.oracle.run(plan).seen
        course = self.ours.run(plan)
        if course.seen != self.known[key]:
            self.differences.append(f"{name}\n  asyncio: {self.known[key]}\n  ours:    {course.seen}")
        return course

    def check(self) -> None:
        """Check that there was no difference, and that nothing is left of the exchanges."""
        shown = "\n".join(self.differences[:SHOWN])
        assert not self.differences, f"{len(self.differences)} differences:\n{shown}"
        collect()
        left = [protocol for protocol in self.ours.protocols if protocol() is not None]
        assert not left, f"{len(left)} of {len(self.ours.protocols)} protocols are kept alive"


@contextmanager
def comparing(
    ours: asyncio.AbstractEventLoop, contexts: Contexts, known: Known, *, side: str, version: str = "TLSv1_3"
) -> Iterator[Comparison]:
    """Yield a comparison, which is checked at the end."""
    oracle = asyncio.SelectorEventLoop()
    try:
        exchanges = [Exchanges(loop, contexts, side=side, version=version) for loop in (ours, oracle)]
        comparison = Comparison(exchanges[0], exchanges[1], known, (side, version))
        yield comparison
    finally:
        oracle.close()
    comparison.check()
