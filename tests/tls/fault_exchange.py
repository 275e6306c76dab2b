"""An exchange over TLS with a faulty peer or an impatient application, and everything that both ends see of it.

The peer acts only inside a call and the clock is the test's, so an exchange is the same in every run, and that of one
implementation can be compared with that of another.
"""

import asyncio
import select
import socket
import ssl
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fault_peer import DELIVERY_MILLISECONDS, Fault, FaultyPeer, describe
from fault_ways import WAYS, End, Log, Seen
from net_support import tcp_pair, unix_pair
from support import private, turn, turn_until
from tls_certificates import SERVER, Contexts

# After so many turns without a change, an end waits for bytes that do not come, or for a timeout.
QUIET_TURNS = 6
# asyncio's limits are 60 seconds for a handshake and 30 for a shutdown.
STEP_SECONDS = 31.0
STEPS = 3


@dataclass(frozen=True, slots=True)
class Act:
    """What the application does at the beginning of a turn: "cancel" its task, or "close" or "abort" its transport."""

    name: str
    turn: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is particular to an exchange.

    `way` is one of WAYS with `options` of its call, `inside` has hooks of the protocol, and a slow peer sends byte by
    byte.
    """

    fault: Fault | None = None
    act: Act | None = None
    way: str = "create"
    options: Mapping[str, Any] | None = None
    inside: Mapping[str, Callable[[Log], object]] | None = None
    is_slow: bool = False


class Clock:
    """The time of a loop, which moves only when the test says so."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time()
        private(loop).time = lambda: self.now


class Exchanges:
    """Runs exchanges on one loop, whose clock is the test's, and keeps weak references to their protocols."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, contexts: Contexts, *, side: str, version: str = "TLSv1_3"
    ) -> None:
        self.loop = loop
        self.side = side
        self.clock = Clock(loop)
        self.protocols: list[weakref.ref[Log]] = []
        self.server, self.client = contexts.server(), contexts.client()
        for context in (self.server, self.client):
            context.minimum_version = context.maximum_version = ssl.TLSVersion[version]

    def run(self, plan: Plan) -> "Course":
        """Run one exchange to the end of its connection."""
        course = Course(self, plan)
        self.protocols.append(weakref.ref(course.log))
        course.run()
        return course


class Course:
    """The course of one exchange: both ends act until nothing changes, then time passes, then the end is closed.

    `seen` has what the application saw, and at its end what the peer did.
    """

    def __init__(self, exchanges: Exchanges, plan: Plan) -> None:
        self.exchanges = exchanges
        self.loop = exchanges.loop
        self.plan = plan
        self.seen: Seen = []
        self.turns = 0
        self.has_acted = False
        # Whether the connection did not end by itself, by its timeouts or by close().
        self.outlived = False
        self.log = Log(self.seen, plan.inside)
        is_server = exchanges.side == "server"
        has_reset = plan.fault is not None and "reset" in (plan.fault.action, plan.fault.afterwards)
        # Only TCP has a reset; its sockets take longer to make, and the kernel may take its time to deliver.
        self.has_delay = has_reset
        self.sock, theirs = (tcp_pair if has_reset else unix_pair)()
        if has_reset:
            # Otherwise a record waits until the one before is acknowledged, and is dropped by a reset until then.
            theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        contexts = (exchanges.server, exchanges.client)
        context, other = contexts if is_server else reversed(contexts)
        name = SERVER if is_server else None
        self.peer = FaultyPeer(self.loop, theirs, other, server_side=not is_server, server_hostname=name)
        self.peer.start(plan.fault, is_slow=plan.is_slow, other=self.sock)
        end = End(self.loop, self.sock, context, is_server)
        self.loop.set_exception_handler(self.report)
        self.task = self.loop.create_task(WAYS[plan.way](end, self.log, **(plan.options or {})))

    def run(self) -> None:
        """Run to the end of the connection, which comes within the timeouts."""
        with self.peer.sock:
            self.settle()
            self.wait()
            if not self.is_over:
                self.end()
            if not self.is_over:
                self.give_up()
            turn(self.loop, QUIET_TURNS)
            assert not self.outlived, f"{self.plan} outlives every timeout on {self.loop}: {self.seen}"
            self.peer.drain()
            self.seen += [("result", self.result()), self.peer.summary()]
        self.log.transport = None
        self.sock.close()
        self.loop.set_exception_handler(None)

    def end(self) -> None:
        """End a connection that is idle."""
        if self.log.transport is not None:
            self.seen.append(("closed by the test",))
            self.log.transport.close()
        elif not self.task.done():
            self.seen.append(("cancelled by the test",))
            self.task.cancel()
        self.settle()
        self.wait()

    def give_up(self) -> None:
        """End what outlives every timeout, which fails the test."""
        self.outlived = True
        self.seen.append(("given up", self.task.done(), self.log.is_lost, self.sock.fileno() == -1))
        if self.log.transport is not None and self.sock.fileno() != -1:
            self.log.transport.abort()
        self.task.cancel()
        turn_until(self.loop, self.task.done)
        turn(self.loop, QUIET_TURNS)
        self.sock.close()

    def wait(self) -> None:
        """Let time pass, which ends what has a timeout."""
        for _ in range(STEPS):
            if self.is_over:
                break
            self.exchanges.clock.now += STEP_SECONDS
            self.seen.append(("later",))
            self.settle()

    def settle(self) -> None:
        """Let both ends act until nothing changes."""
        quiet = 0
        while not self.is_over:
            if quiet == QUIET_TURNS:
                if not self.is_delivered_late():
                    break
                quiet = 0
            before = len(self.seen)
            self.act()
            self.turn()
            has_changed = self.log.is_ready and self.peer.advance()
            quiet = 0 if has_changed or len(self.seen) != before else quiet + 1

    def is_delivered_late(self) -> bool:
        """Whether something arrives after both ends have been quiet for some turns."""
        if not self.has_delay:
            return False
        poll = select.poll()
        for sock in (self.sock, self.peer.sock):
            if sock.fileno() != -1:
                poll.register(sock, select.POLLIN)
        return bool(poll.poll(DELIVERY_MILLISECONDS))

    def turn(self) -> None:
        """Run a turn of the loop, which an interrupt may leave."""
        self.turns += 1
        try:
            turn(self.loop)
        except KeyboardInterrupt:
            self.seen.append(("interrupted",))
            # What was to run in this turn runs in the next one.
            turn(self.loop)

    def act(self) -> None:
        """Do what the application does in this turn."""
        act = self.plan.act
        if act is None or act.turn != self.turns:
            return
        self.has_acted = True
        if act.name == "cancel":
            self.task.cancel()
        elif self.log.transport is not None:
            getattr(self.log.transport, act.name)()

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, the application was told of the end, and the socket is closed.

        A call that failed tells of the end itself, and a cancelled one that has not taken the socket leaves it open.
        """
        if not self.task.done():
            return False
        # asyncio's start_tls() returns None for a connection that was lost in the handshake, ours a closed transport.
        transport = self.log.transport
        is_told = self.log.is_lost or transport is None or self.has_failed
        is_told = is_told or (not self.plan.inside and transport.is_closing())
        return is_told and (self.sock.fileno() == -1 or self.is_untouched)

    @property
    def has_failed(self) -> bool:
        """Whether the call has ended with an exception."""
        return self.task.cancelled() or self.task.exception() is not None

    @property
    def is_untouched(self) -> bool:
        """Whether the task was cancelled before it began."""
        return self.plan.act == Act("cancel", 0)

    def result(self) -> Any:
        """What the call that made the connection gave."""
        if self.task.cancelled():
            return "cancelled"
        error = self.task.exception()
        return "returned" if error is None else describe(error)

    def report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Record what the loop's exception handler is told, without the transports in it."""
        message = context["message"].partition("(<")[0]
        self.seen.append(("exception handler", message, describe(context.get("exception"))))
