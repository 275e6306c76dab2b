"""Twisted's own tests, which its package brings along, with its reactors on the chosen loop.

The arguments are modules of tests. The report of Twisted's runner is printed where a test failed; the last line is the
class of the loops, the number of reactors that were built on them, and the number of tests that passed.
"""

import asyncio
import io
import sys
import tempfile
from collections import Counter

from scene import chosen
from twisted.internet import asyncioreactor

LOOPS: Counter[type] = Counter()
# Tests that run the interpreter as another user, who may not be allowed to.
LEFT_OUT = ("test_changeUID", "test_changeGID")


def install() -> asyncio.AbstractEventLoop:
    """Make the chosen loop the default one, and a reactor on such a loop that of the program."""
    if chosen().__name__ == "vitok":
        chosen().install()
    count_loops()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    return loop


def count_loops() -> None:
    """Let each reactor count the class of its loop. No subclass does it, because tests tell children its module."""
    kind = asyncioreactor.AsyncioSelectorReactor
    construct = kind.__init__

    def construct_and_count(self: asyncioreactor.AsyncioSelectorReactor, *loop: asyncio.AbstractEventLoop) -> None:
        construct(self, *loop)
        LOOPS[type(self._asyncioEventloop)] += 1

    kind.__init__ = construct_and_count


def run(modules: list[str]) -> str:
    """Run tests. Gives the last line of the output."""
    from twisted.internet.test.reactormixins import ReactorBuilder
    from twisted.internet.test.test_process import ProcessTestsBuilder
    from twisted.trial.reporter import VerboseTextReporter
    from twisted.trial.runner import TestLoader, TrialRunner

    # Of the reactors that these tests are repeated for.
    ReactorBuilder._reactors = ["twisted.internet.test.reactormixins.AsyncioSelectorReactor"]
    for name in LEFT_OUT:
        getattr(ProcessTestsBuilder, name).skip = "it needs an interpreter that other users may run"
    report = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        runner = TrialRunner(VerboseTextReporter, stream=report, workingDirectory=f"{folder}/trial")
        result = runner.run(TestLoader().loadByNames(modules))
    if not result.wasSuccessful():
        sys.exit(report.getvalue())
    (loop,) = LOOPS
    return f"{loop.__module__}.{loop.__qualname__} {LOOPS[loop]} {result.successes}"


if __name__ == "__main__":
    global_loop = install()
    try:
        last_line = run(sys.argv[1:])
    finally:
        global_loop.close()
    print(last_line)
