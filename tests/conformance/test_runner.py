"""Tests of the runner itself: a runner that cannot fail proves nothing when it passes.

Small tests with known outcomes are run through it, and lists of reasons through the verdict. Run it with `python -m
unittest tests.conformance.test_runner`; it takes a second and does not need vitok. It is not for pytest, whose watchdog
is a thread: Python warns of a fork beside threads, and the runner forks.
"""

import asyncio
import datetime
import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
import types
import unittest
import unittest.mock
from pathlib import Path

from . import catalogue, chosen_loop, counts, engines, fork_server, verdict
from .outcome import Outcome, Result
from .reasons import REASONS, Reason

CHOSEN = chosen_loop.ChosenLoop("asyncio:SelectorEventLoop", asyncio.SelectorEventLoop, asyncio.SelectorEventLoop)
# Far more than any of the small tests takes; only the one that hangs is given less.
AMPLE_SECONDS = 30.0
# Enough for a process to start and begin to wait, which the hanging test shows by what it prints.
SCANT_SECONDS = 1.0


class Small:
    """Holds the tests with known ends, where unittest's loader does not find them."""

    class Ends(unittest.TestCase):
        """One test for each way to end."""

        def passes(self) -> None:
            print("unheard")

        def skips(self) -> None:
            self.skipTest("no such machine")

        def fails(self) -> None:
            self.fail("on purpose")

        def fails_in_a_subtest(self) -> None:
            with self.subTest(number=1):
                raise KeyError("in the subtest")

        def fails_by_an_exit(self) -> None:
            sys.exit(3)

        def crashes(self) -> None:
            os.abort()

        def vanishes(self) -> None:
            os._exit(7)

        def hangs(self) -> None:
            # The write end that it inherits is how the test below learns that this process, too, is gone.
            subprocess.Popen(["sleep", "600"], close_fds=False)
            print("waiting now", flush=True)
            threading.Event().wait()

        def loses_an_exception(self) -> None:
            thread = threading.Thread(target=int, args=("not a number",))
            thread.start()
            thread.join()

        def has_a_folder_of_its_own(self) -> None:
            assert not list(Path().iterdir())

    class NoClass(Ends):
        """A class that cannot be set up."""

        @classmethod
        def setUpClass(cls) -> None:
            raise unittest.SkipTest("not this class")


def run_small(
    method: str, *, test_class: type[unittest.TestCase] = Small.Ends, timeout: float = AMPLE_SECONDS
) -> Result:
    """Run one of the small tests through the fork server."""
    case = catalogue.Case(method, "small", lambda: test_class(method))
    (result,) = fork_server.run_cases([case], CHOSEN, jobs=1, timeout=timeout)
    return result


class OutcomeTests(unittest.TestCase):
    """Each way to end is told apart from the others, with what a reader needs to know of it."""

    def check(self, method: str, outcome: Outcome, detail: str) -> None:
        result = run_small(method)
        assert (result.outcome, result.detail) == (outcome, detail), result.output

    def test_passed(self) -> None:
        self.check("passes", Outcome.PASSED, "")
        self.check("has_a_folder_of_its_own", Outcome.PASSED, "")

    def test_skipped(self) -> None:
        self.check("skips", Outcome.SKIPPED, "no such machine")
        result = run_small("passes", test_class=Small.NoClass)
        assert (result.outcome, result.detail) == (Outcome.SKIPPED, "not this class")

    def test_failed(self) -> None:
        self.check("fails", Outcome.FAILED, "AssertionError: on purpose")
        self.check("fails_in_a_subtest", Outcome.FAILED, "KeyError: 'in the subtest'")
        self.check("fails_by_an_exit", Outcome.FAILED, "SystemExit: 3")

    def test_exception_in_a_thread_fails_the_test(self) -> None:
        result = run_small("loses_an_exception")
        assert result.outcome == Outcome.FAILED
        assert "ValueError: invalid literal" in result.output

    def test_crashed(self) -> None:
        self.check("crashes", Outcome.CRASHED, "Aborted")
        self.check("vanishes", Outcome.CRASHED, "exited with 7 before it ended")

    def test_hung_with_traceback_and_nothing_left_behind(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_inheritable(writer, True)
        result = run_small("hangs", timeout=SCANT_SECONDS)
        os.close(writer)
        assert result.outcome == Outcome.HUNG
        assert "waiting now" in result.output
        assert "in hangs" in result.output
        assert os.read(reader, 1) == b"", "a process that the test started lives on"

    def test_known_to_hang_is_ended_sooner(self) -> None:
        case = catalogue.Case("hangs", "small", lambda: Small.Ends("hangs"))
        with unittest.mock.patch.object(fork_server, "IMPATIENT_SECONDS", SCANT_SECONDS):
            (result,) = fork_server.run_cases([case], CHOSEN, jobs=1, timeout=AMPLE_SECONDS, known_to_hang={case.name})
        assert result.outcome == Outcome.HUNG
        assert result.seconds < AMPLE_SECONDS

    def test_run_that_ends_early_leaves_no_test_running(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_inheritable(writer, True)
        cases = [catalogue.Case(name, "small", functools.partial(Small.Ends, name)) for name in ("hangs", "passes")]
        running = fork_server.run_cases(cases, CHOSEN, jobs=2, timeout=AMPLE_SECONDS)
        first = next(running)
        running.close()
        os.close(writer)
        assert first.case == "passes"
        assert os.read(reader, 1) == b"", "the other test lives on"


class EngineTests(unittest.TestCase):
    """Tests of TLS are listed once for each engine, on the loop that has engines."""

    def listed(self, name: str, package: str) -> list[tuple[str, str, str]]:
        case = catalogue.Case(name, "group", unittest.TestCase)
        return [(each.name, each.group, each.engine) for each in catalogue.on_each_engine([case], package)]

    def test_tests_of_tls_are_listed_for_each_engine(self) -> None:
        for name in ("test_ssl.Tests.test_one", "test_events.Tests.test_create_ssl_connection"):
            direct, memory = self.listed(name, "vitok")
            assert direct == (name, "group, direct", "direct")
            assert memory == (f"{name} (memory)", "group, memory", "memory")
            assert engines.without_engine(memory[0]) == name

    def test_other_tests_and_loops_are_listed_once(self) -> None:
        assert self.listed("test_events.Tests.test_call_soon", "vitok") == [
            ("test_events.Tests.test_call_soon", "group", "")
        ]
        assert self.listed("test_ssl.Tests.test_one", "asyncio") == [("test_ssl.Tests.test_one", "group", "")]

    def test_engine_is_chosen_in_the_environment_and_in_the_loop(self) -> None:
        module = types.ModuleType(engines.SETTING[0])
        with unittest.mock.patch.dict(sys.modules, {module.__name__: module}), unittest.mock.patch.dict(os.environ):
            engines.choose("memory")
            assert (os.environ["VITOK_TLS"], module.wanted) == ("memory", "memory")


class VerdictTests(unittest.TestCase):
    """What is forgiven, and what is not."""

    def judge(self, outcome: Outcome, reason: Reason, *, is_complete: bool = True) -> verdict.Verdict:
        result = Result(case="test_tasks.Tests.test_one", group="test_tasks", outcome=outcome)
        return verdict.judge([result], [reason], package="vitok", is_complete=is_complete)

    def test_reason_explains_just_its_outcome(self) -> None:
        reason = some_reason("test_tasks.*")
        assert self.judge(Outcome.FAILED, reason).is_good
        assert len(self.judge(Outcome.CRASHED, reason).unexplained) == 1

    def test_reason_for_another_loop_or_python_does_not_count(self) -> None:
        for reason in (some_reason("*", loop="uvloop"), some_reason("*", until=(3, 10))):
            judged = self.judge(Outcome.FAILED, reason)
            assert (len(judged.unexplained), judged.stale) == (1, [])

    def test_stale_reason_fails_a_complete_run(self) -> None:
        for reason in (some_reason("test_tasks.*"), some_reason("test_gone.*")):
            assert len(self.judge(Outcome.PASSED, reason).stale) == 1
            assert self.judge(Outcome.PASSED, reason, is_complete=False).is_good

    def test_reason_names_a_test_on_every_engine_or_on_one(self) -> None:
        for tests, is_named in (("test_ssl.*.test_one", True), ("*(memory)", True), ("*(direct)", False)):
            assert some_reason(tests).names("test_ssl.Tests.test_one (memory)") is is_named

    def test_every_reason_is_dated_and_a_sentence(self) -> None:
        for reason in REASONS:
            assert reason.date <= datetime.date.today()
            assert reason.why.endswith("."), reason.why
            assert not reason.outcome.is_fine


class CountsTests(unittest.TestCase):
    """The file with the counts that the documentation shows."""

    def test_a_run_replaces_the_entry_of_its_python(self) -> None:
        passed = Result(case="test_tasks.Tests.test_one", group="test_tasks", outcome=Outcome.PASSED, loops=1)
        failed = Result(case="test_tasks.Tests.test_two", group="test_tasks", outcome=Outcome.FAILED)
        judged = verdict.judge([passed, failed], [some_reason("*.test_two")], package="vitok", is_complete=True)
        running = ".".join(map(str, sys.version_info[:2])) + counts.BUILD
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "counts.json")
            file.write_text(json.dumps({"3.99": {}, running: {"passed": 7}}))
            counts.record(file, judged, package="asyncio")
            found = json.loads(file.read_text())
        assert list(found) == [running, "3.99"]
        (expected,) = found[running].pop("expected")
        assert expected["test"] == failed.case
        numbers = {name: found[running][name] for name in ("passed", "failed", "skipped", "made_a_loop")}
        assert numbers == {"passed": 1, "failed": 1, "skipped": 0, "made_a_loop": 1}
        found[running]["expected"] = [expected]
        assert f"`{failed.case}`" in counts.table({running: found[running]})


def some_reason(tests: str, *, loop: str = "vitok", until: tuple[int, int] = (3, 99)) -> Reason:
    """A reason why tests fail."""
    day = datetime.date(2026, 11, 22)
    return Reason(tests=tests, outcome=Outcome.FAILED, date=day, why="It is made up.", loop=loop, until=until)


if __name__ == "__main__":
    unittest.main()
