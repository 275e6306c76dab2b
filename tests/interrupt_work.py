"""A loop that is interrupted while it works, again and again, and loses nothing.

Every callback here is a function written in C, within which no handler of a signal can run: so each interrupt meets the
loop itself, between two of them, in a poll, or in the set-up or clean-up of a run. In the end each callback has run
once, in order, and every byte has arrived.

As a program, `LOOP COUNT [SEED]` interrupts that many times and prints what was lost. The exit code is 1 if anything
was.
"""

import asyncio
import random
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Any

from support import loop_factory

# The work between two checks, in interrupts.
ROUND = 1000
# A run of a few callbacks takes about as long, and an idle one starts to sleep earlier.
LONGEST_SECONDS = 30e-6
# Repeated, for a run that sleeps and was not running yet when the timer fired.
AGAIN_SECONDS = 1e-3
BYTES = b"x" * 64


class Receiver(asyncio.Protocol):
    """Has its method as an attribute, a function written in C."""


class Work:
    """A loop with everything that it has to do, and the lists that show what was done."""

    def __init__(self, loop_name: str, seed: int) -> None:
        self.loop: Any = loop_factory(loop_name)()
        self.chance = random.Random(seed)
        self.runs = self.interrupts = 0
        self.scheduled = {"soon": 0, "threadsafe": 0, "future": 0, "later": 0, "thread": 0, "bytes": 0}
        self.ran: dict[str, list[int]] = {kind: [] for kind in self.scheduled}
        self.received = bytearray()
        ours, theirs = socket.socketpair()
        self.writer = self.connect(asyncio.Protocol(), ours)
        protocol: Any = Receiver()
        protocol.data_received = self.received.extend
        self.reader = self.connect(protocol, theirs)

    def connect(self, protocol: asyncio.Protocol, sock: socket.socket) -> Any:
        """Return the transport of a connected socket."""
        transport, _ = self.loop.run_until_complete(self.loop.create_connection(lambda: protocol, sock=sock))
        return transport

    def number(self, kind: str) -> int:
        """Return the number of the next callback of a kind."""
        self.scheduled[kind] += 1
        return self.scheduled[kind] - 1

    def schedule(self) -> None:
        """Schedule one callback of each kind, and some bytes."""
        loop, ran = self.loop, self.ran
        loop.call_soon(ran["soon"].append, self.number("soon"))
        loop.call_soon_threadsafe(ran["threadsafe"].append, self.number("threadsafe"))
        loop.call_later(0, ran["later"].append, self.number("later"))
        future = loop.create_future()
        future.add_done_callback(ran["future"].append)
        loop.call_soon(future.set_result, self.number("future"))
        loop.call_soon(self.writer.write, BYTES)
        self.scheduled["bytes"] += len(BYTES)

    def interrupted_run(self) -> None:
        """Run until the callbacks are called, or an interrupt comes; one run in sixteen sleeps until it comes."""
        self.schedule()
        self.runs += 1
        if self.chance.randrange(16):
            self.loop.call_soon(self.loop.stop)
        try:
            signal.setitimer(signal.ITIMER_REAL, self.chance.uniform(1e-6, LONGEST_SECONDS), AGAIN_SECONDS)
            self.loop.run_forever()
        except KeyboardInterrupt:
            self.interrupts += 1
        signal.setitimer(signal.ITIMER_REAL, 0)

    def on_alarm(self, number: int, frame: FrameType | None) -> None:
        """Interrupt a run; the program around it goes on."""
        if self.loop.is_running():
            raise KeyboardInterrupt

    def lost(self) -> list[str]:
        """Let the loop do the rest, and return what has not been done, or not in order."""
        until = time.monotonic() + 10
        while time.monotonic() < until and self.progress() != self.scheduled:
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
        found = [f"{kind}: {count} of {self.scheduled[kind]}" for kind, count in self.progress().items()]
        wrong = [text for text, kind in zip(found, self.scheduled, strict=True) if not self.is_complete(kind)]
        self.received.clear()
        for kind, ran in self.ran.items():
            ran.clear()
            self.scheduled[kind] = 0
        return wrong

    def progress(self) -> dict[str, int]:
        """Return how much of each kind has been done."""
        return {**{kind: len(ran) for kind, ran in self.ran.items()}, "bytes": len(self.received)}

    def is_complete(self, kind: str) -> bool:
        """Return whether everything of a kind has been done, in order."""
        if kind == "bytes":
            return len(self.received) == self.scheduled["bytes"]
        ran: list[Any] = self.ran[kind]
        numbers = [value.result() if kind == "future" else value for value in ran]
        return numbers == list(range(self.scheduled[kind]))

    def close(self) -> None:
        """Close everything."""
        for transport in (self.writer, self.reader):
            transport.abort()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


def from_thread(work: Work, over: threading.Event) -> None:
    """Schedule callbacks from another thread, until the end of a round."""
    while not over.wait(50e-6):
        work.loop.call_soon_threadsafe(work.ran["thread"].append, work.number("thread"))


def main(loop_name: str, count: str, seed: str = "1") -> int:
    """Interrupt that many times; in every tenth round another thread takes part. Print what was lost."""
    work = Work(loop_name, int(seed))
    signal.signal(signal.SIGALRM, work.on_alarm)
    rounds = lost = 0
    while work.interrupts < int(count):
        over, thread = threading.Event(), None
        if rounds % 10 == 9:
            thread = threading.Thread(target=from_thread, args=(work, over))
            thread.start()
        until = work.interrupts + min(ROUND, int(count) - work.interrupts)
        while work.interrupts < until:
            work.interrupted_run()
        over.set()
        if thread is not None:
            thread.join()
        for text in work.lost():
            lost += 1
            print(f"round {rounds}: {text}")
        rounds += 1
    work.close()
    print(f"{work.runs} runs, {work.interrupts} interrupts, {lost} losses")
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
