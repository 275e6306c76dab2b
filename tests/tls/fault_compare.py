"""Compares what exchanges with faults come to on a loop of ours and on asyncio's, whose results are kept."""

import asyncio
import gc
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from fault_exchange import Exchanges, Fault, FaultyPeer, Seen
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
        return self.ours.run(None)[1]

    def all(self, faults: Iterable[Fault | None], **options: Any) -> None:
        """Run an exchange with each of these faults."""
        for fault in faults:
            self.one(fault, **options)

    def one(self, fault: Fault | None, name: Hashable = None, **options: Any) -> None:
        """Run one exchange; `name` tells apart those that differ by their options."""
        key = (self.key, fault, name)
        if key not in self.known:
            self.known[key] = self.oracle.run(fault, **options)[0]
        seen = self.ours.run(fault, **options)[0]
        if seen != self.known[key]:
            self.differences.append(f"{name or fault}\n  asyncio: {self.known[key]}\n  ours:    {seen}")

    def check(self) -> None:
        """Check that there was no difference, and that nothing is left of the exchanges."""
        shown = "\n".join(self.differences[:SHOWN])
        assert not self.differences, f"{len(self.differences)} differences:\n{shown}"
        gc.collect()
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
