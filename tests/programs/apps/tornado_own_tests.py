"""Tornado's own tests, which its package brings along, on the chosen loop.

The arguments are modules of tests. The report of the runner is printed where a test failed; the last line is the class
of most loops, the number of Tornado's loops that were made on them, and the number of tests that ran.
"""

import asyncio
import io
import logging
import sys
import unittest
from collections import Counter
from typing import Any

from scene import chosen
from tornado.httpclient import AsyncHTTPClient
from tornado.platform.asyncio import BaseAsyncIOLoop

LOOPS: Counter[type] = Counter()


def count_loops() -> None:
    """Let each of Tornado's loops count the class of asyncio's loop below it."""
    initialize = BaseAsyncIOLoop.initialize

    def initialize_and_count(self: BaseAsyncIOLoop, asyncio_loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        LOOPS[type(asyncio_loop)] += 1
        initialize(self, asyncio_loop, **options)

    BaseAsyncIOLoop.initialize = initialize_and_count


def run(modules: list[str]) -> str:
    """Run tests as Tornado's own runner does. Gives the last line of the output."""
    # Tests fail if more is logged than they expect.
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.INFO)
    AsyncHTTPClient.configure(None, defaults={"allow_ipv6": False})
    report = io.StringIO()
    runner = unittest.TextTestRunner(report, verbosity=2, warnings=False)
    result = runner.run(unittest.defaultTestLoader.loadTestsFromNames(modules))
    if not result.wasSuccessful():
        sys.exit(report.getvalue())
    # A few tests ask for a class of asyncio's.
    ((loop, count),) = LOOPS.most_common(1)
    return f"{loop.__module__}.{loop.__qualname__} {count} {result.testsRun - len(result.skipped)}"


if __name__ == "__main__":
    if chosen().__name__ == "vitok":
        chosen().install()
    count_loops()
    print(run(sys.argv[1:]))
