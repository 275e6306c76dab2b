"""The process of one server of the stream rows: one loop, one family, until stdin ends.

It answers in one line of JSON, `{"port": N, ...}` or `{"error": REASON}`, and after that only after an error. Clients
are not known here, and nothing is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from vitok_bench import stream_servers, tls_servers
from vitok_bench.loops import LoopSpec
from vitok_bench.worker import claim_stdout, describe

# More than any loop's receive buffer, less than the size that the allocator does not learn from (32 MiB).
ONCE_HELD_BYTES: Final = 1 << 20

Answer = Callable[[dict[str, Any]], None]


def main() -> None:
    options = _parse(sys.argv[1:])
    answers = claim_stdout()

    def answer(fields: dict[str, Any]) -> None:
        print(json.dumps(fields), file=answers, flush=True)

    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    _raise_descriptors()
    _age_allocator()
    spec = LoopSpec.parse(options.loop)
    try:
        loop = spec.load()()
        loop.set_exception_handler(_handler(answer))
        port = loop.run_until_complete(_families(options)[options.family]())
        versions = [spec.version(), tls_servers.engine() if options.certificate else ""]
    except Exception as error:
        answer({"error": describe(error)})
        return
    _leave_with_parent(loop)
    answer({"port": port, "module": spec.module, "version": ", ".join(filter(None, versions))})
    loop.run_forever()


def _families(options: argparse.Namespace) -> dict[str, Callable[[], Awaitable[int]]]:
    if options.certificate is None:
        return stream_servers.FAMILIES
    return tls_servers.families(options.certificate, options.key)


def _handler(answer: Answer) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Return a handler that ends the server after an exception, for which its client would wait in vain."""

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        exception = context.get("exception")
        # A client that has left is not an error of the loop.
        if isinstance(exception, Exception) and not isinstance(exception, ConnectionError):
            answer({"error": describe(exception)})
            os._exit(1)

    return handle


def _leave_with_parent(loop: asyncio.AbstractEventLoop) -> None:
    """Exit when the parent closes stdin. Without finalizers, since the teardown of a peer is not measured."""

    def read() -> None:
        if not os.read(0, 1):
            os._exit(0)

    # If the loop can't do it, or stdin is a file, the parent ends this process by force.
    with contextlib.suppress(NotImplementedError, OSError):
        loop.add_reader(0, read)


def _age_allocator() -> None:
    """Put glibc's allocator into the state of a program that has once held a large object.

    Until then it asks the kernel for every receive buffer of 256 KiB and gives it back: three calls and as many page
    faults per read, for the loops that allocate one. Importing a large module ends that, so it says little about a
    loop.
    """
    bytes(ONCE_HELD_BYTES)


def _raise_descriptors() -> None:
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The server process of the stream rows.")
    parser.add_argument("--loop", required=True)
    parser.add_argument("--family", required=True)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--core", type=int)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
