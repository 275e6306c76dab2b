"""What the hammers of this folder share: threads that call random methods of targets while a loop runs.

asyncio forbids such calls, and promises nothing for them; here they may raise, and a connection may end, but the
process must neither crash nor hang, and no panic may come out of native code. Only exceptions that are an outcome of a
call in the wrong moment are accepted. The kinds of targets are not known here.
"""

import asyncio
import contextlib
import faulthandler
import logging
import random
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import vitok

THREADS = 4
CONNECTIONS = 4
HANG_SECONDS = 50
ACCEPTED = (
    asyncio.CancelledError,
    asyncio.InvalidStateError,
    AssertionError,
    AttributeError,
    NotImplementedError,
    OSError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)


class Echo(asyncio.Protocol):
    """Sends back what it receives."""

    transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        with contextlib.suppress(RuntimeError):
            self.transport.write(data[:100])


class Buffered(asyncio.BufferedProtocol):
    """Receives into a buffer of its own."""

    def __init__(self) -> None:
        self.buffer = bytearray(1000)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None: ...


class Datagrams(asyncio.DatagramProtocol):
    """Sends back what it receives."""

    transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


def new_stream_protocol() -> asyncio.BaseProtocol:
    """One of the kinds that are served in different ways."""
    reader = asyncio.StreamReader(loop=LOOP)
    makers: list[Callable[[], asyncio.BaseProtocol]] = [
        Echo,
        Buffered,
        lambda: asyncio.StreamReaderProtocol(reader, loop=LOOP),
    ]
    return random.choice(makers)()


LOOP: asyncio.AbstractEventLoop = vitok.new_event_loop()
failures: list[BaseException] = []
calls = 0


def note(error: BaseException) -> None:
    """Keep an exception that no call may raise."""
    failures.append(error)


def on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep what native code has reported, unless a call in the wrong moment explains it."""
    error = context.get("exception")
    if error is not None and not isinstance(error, ACCEPTED):
        note(error)


ARGUMENTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "write": lambda target: (random.choice([b"x", b"y" * 300, b"z" * 40_000, bytearray(b"a" * 20_000)]),),
    "writelines": lambda target: ([b"1", b"2" * 20_000, b"3"],),
    "sendto": lambda target: (b"datagram", target.get_extra_info("sockname") if random.random() < 0.5 else None),
    "set_protocol": lambda target: (Datagrams() if hasattr(target, "sendto") else new_stream_protocol(),),
    "set_write_buffer_limits": lambda target: (random.choice([0, 100, 65536]),),
    "set_read_buffer_limits": lambda target: (random.choice([100, 65536]),),
    "get_extra_info": lambda target: (
        random.choice(["socket", "peername", "sockname", "ssl_object", "peercert", "cipher", "pipe", "subprocess"]),
    ),
    "connection_lost": lambda target: (None,),
    "get_pipe_transport": lambda target: (random.randrange(3),),
    "send_signal": lambda target: (0,),
    "data_received": lambda target: (b"not a record",),
    "connection_made": lambda target: (target,),
}
# Called seldom, so that there is something to close; the second are the protocol's side of TLS, for its loop alone.
ENDS = {"close", "abort", "write_eof", "terminate", "kill"}
OF_A_PROTOCOL = {"connection_made", "connection_lost", "data_received", "eof_received"}


def public_methods(target: Any) -> list[str]:
    """The names of all methods that a program may call."""
    return [name for name in dir(type(target)) if not name.startswith("_") and callable(getattr(type(target), name))]


def call(target: Any, name: str) -> None:
    """Call a method once. What it raises is expected, or noted."""
    global calls
    calls += 1
    arguments = ARGUMENTS.get(name, lambda target: ())
    try:
        result = getattr(target, name)(*arguments(target))
        if asyncio.iscoroutine(result):
            result.close()
    except ACCEPTED:
        pass
    except BaseException as error:
        note(error)


def look(target: Any) -> None:
    """Read what a debugger would: the representation, the private attributes that asyncio's transports have."""
    try:
        repr(target)
        for name in ("_protocol", "_loop", "_extra", "_sock", "_closing", "_paused", "_sslobj", "_pipe", "__dict__"):
            getattr(target, name, None)
    except ACCEPTED:
        pass
    except BaseException as error:
        note(error)


def hammer(targets: list[Any], until: float, seed: int) -> None:
    """Call random methods of random targets."""
    chosen = random.Random(seed)
    while time.monotonic() < until and not failures:
        target = chosen.choice(targets)
        if target is None:
            continue
        name = chosen.choice(public_methods(target))
        if (name in ENDS and chosen.random() < 0.9) or name in OF_A_PROTOCOL:
            name = "is_closing" if hasattr(target, "is_closing") else "get_pid"
        if hasattr(target, name):
            call(target, name)
        if chosen.random() < 0.1:
            look(target)


async def keep_open(targets: list[Any], make: Callable[[], Awaitable[Any]], until: float) -> None:
    """Replace targets that were closed by new ones, while the threads work."""
    while time.monotonic() < until and not failures:
        for place, target in enumerate(targets):
            if target is None or target.is_closing():
                with contextlib.suppress(*ACCEPTED):
                    targets[place] = await asyncio.wait_for(make(), 5)
        await asyncio.sleep(0.001)


async def run_threads(targets: list[Any], make: Callable[[], Awaitable[Any]], seconds: float) -> None:
    """Let threads call the methods of the targets for so long."""
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=hammer, args=(targets, until, seed)) for seed in range(THREADS)]
    for place in range(len(targets)):
        targets[place] = await make()
    for thread in threads:
        thread.start()
    await keep_open(targets, make, until)
    for thread in threads:
        while thread.is_alive():
            await asyncio.sleep(0.01)
    for target in targets:
        if target is not None:
            getattr(target, "abort", getattr(target, "close", int))()
    await asyncio.sleep(0.05)


def run_kind(kinds: dict[str, Callable[[float], Awaitable[None]]]) -> None:
    """Run the kind that the command line names, and fail with the first exception that was not expected."""
    faulthandler.enable()
    logging.disable()
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
    sys.setswitchinterval(0.0001)
    LOOP.set_exception_handler(on_loop_error)
    asyncio.set_event_loop(LOOP)
    LOOP.run_until_complete(kinds[sys.argv[1]](float(sys.argv[2])))
    LOOP.close()
    if failures:
        raise failures[0]
    print(calls)
