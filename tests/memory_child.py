"""A child process that refuses memory to one kind of call, at each of its allocations in turn.

Its arguments are the name of a kind, of a loop and of the way of refusing ("once": one allocation; "on": that one and
many after it). It prints a line for each kind of failure that asyncio's contract does not allow. The calls are in
`memory_kinds`.
"""

import _testcapi
import asyncio
import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any

import memory_kinds
import memory_kinds_http
import memory_kinds_io
import memory_kinds_sock
import memory_kinds_tls
import memory_kinds_websocket
from support import loop_factory

MODULES = (
    memory_kinds,
    memory_kinds_sock,
    memory_kinds_io,
    memory_kinds_http,
    memory_kinds_websocket,
    memory_kinds_tls,
)
KINDS = {kind.__name__: kind for module in MODULES for kind in module.KINDS}
# After this many successive attempts without a failure, there are no further allocations.
CALM = 8
MOST = 3000
# The number of successive allocations that are refused. It is finite: CPython 3.11 tries for ever to allocate the
# number that an exception handler begins with.
MANY = 1000


class Failures:
    """Exceptions that were raised or reported while memory was refused."""

    def __init__(self) -> None:
        self.seen: list[BaseException | None] = []

    def handler(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.seen.append(context.get("exception"))

    def unraisable(self, unraisable: Any) -> None:
        self.seen.append(unraisable.exc_value)

    def wrong(self) -> list[str]:
        """Return those that are not caused by a lack of memory."""
        return [repr(error) for error in self.seen if error is not None and not is_lack_of_memory(error)]


class Hung(BaseException):
    """A run did not end."""


def interrupt(*arguments: object) -> None:
    """The signal's handler."""
    raise Hung


def is_lost(error: BaseException) -> bool:
    """Return whether the interpreter itself hides the lack of memory, for example by raising KeyError."""
    text = str(error)
    if text in ("can't allocate lock", "the client has disconnected"):
        # By `threading`; and by `send()` once a connection was lost to a lack of memory.
        return True
    return isinstance(error, SystemError) and (
        text == "error return without exception set"
        or (text.startswith("<function ") and text.endswith("returned NULL without setting an exception"))
    )


def is_lack_of_memory(error: BaseException | None) -> bool:
    """Return whether an exception is a MemoryError or was raised because of one."""
    while error is not None:
        if isinstance(error, MemoryError | Hung | asyncio.CancelledError) or is_lost(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def attempt(kind: memory_kinds.Kind, start: int, stop: int, failures: Failures) -> bool:
    """Make the call once while memory is refused; return whether it succeeded."""
    call = kind.call
    refuse, allow = _testcapi.set_nomemory, _testcapi.remove_mem_hooks
    error: BaseException | None = None
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    refuse(start, stop)
    try:
        call()
    except BaseException as raised:
        allow()
        error = raised
    finally:
        allow()
    signal.setitimer(signal.ITIMER_REAL, 0)
    if error is not None:
        failures.seen.append(error)
    return error is None


def check_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Check that the loop still works."""
    called: list[int] = []
    assert not loop.is_running(), "the loop is still running"
    if loop.is_closed():
        return
    loop.call_soon(called.append, 1)
    loop.call_soon_threadsafe(called.append, 2)
    loop.call_later(0, called.append, 3)
    while len(called) < 3:
        loop.call_soon(loop.stop)
        loop.run_forever()
    assert asyncio._get_running_loop() is None


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def one(make: Callable[[], asyncio.AbstractEventLoop], name: str, start: int, stop: int) -> tuple[bool, list[str]]:
    """Make one attempt on a new loop; return whether no failure occurred, and what went wrong."""
    failures = Failures()
    sys.unraisablehook = failures.unraisable
    before = descriptors()
    loop = make()
    loop.set_exception_handler(failures.handler)
    wrong: list[str] = []
    kind = KINDS[name](loop)
    succeeded = attempt(kind, start, stop, failures)
    if sys.version_info < (3, 12):
        # The interpreter allocates an object for this, and a second attempt had no memory either.
        asyncio._set_running_loop(None)
    try:
        check_loop(loop)
        memory_kinds.cancel_all(loop)
        kind.check(succeeded and not failures.seen)
        kind.close()
        check_loop(loop)
    except BaseException as error:
        print("WRONG", start, f"afterwards: {error!r}")
        raise
    loop.close()
    calm = succeeded and not failures.seen and not kind.met_failure
    wrong += failures.wrong()
    failures.seen.clear()
    del kind, loop
    gc.collect()
    if descriptors() != before and not KINDS[name].may_leak:
        wrong.append(f"{before} descriptors, then {descriptors()}")
    return calm, wrong


def main() -> int:
    name, loop_name, way = sys.argv[1:4]
    first = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, interrupt)
    make = loop_factory(loop_name)
    # Objects that are made at the first call of their kind are made now.
    for _ in range(2):
        calm, wrong = one(make, name, MOST * 100, 0)
        assert calm, wrong
        assert not wrong, wrong
    gc.freeze()
    bad = calm_ones = 0
    for start in range(first, MOST):
        print("at", start, flush=True)
        calm, wrong = one(make, name, start, start + (1 if way == "once" else MANY))
        calm_ones = calm_ones + 1 if calm else 0
        for what in wrong:
            bad += 1
            print("WRONG", start, what, flush=True)
        if calm_ones == CALM or bad > 20:
            break
    print("end", start, bad, flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
