"""The stress finds what it looks for, names the seed of a round that fails, and passes a few rounds on both loops.

How long it can go on is not tested here: `make stress` runs it.
"""

import sys

import pytest
from support import PROJECT, run_python

from tests.stress import leaks

ROUNDS = leaks.LEAST_ROUNDS

# A run with one scenario only, which the test writes.
ONE_SCENARIO = """
import argparse, asyncio, os, pathlib, sys, tempfile, threading
sys.path.insert(0, {project!r})
from tests.stress import rounds
def scenario(context):
{body}
rounds.scenarios = lambda _: dict(scenario=scenario)
with tempfile.TemporaryDirectory() as folder:
    options = argparse.Namespace(
        loop="asyncio", seed="7", round=None, rounds={rounds}, seconds=0, size=1, at_once=1, patience=5,
        only=["scenario"], without_leaks=False,
    )
    code = rounds.Run(options, pathlib.Path(folder)).run()
sys.exit(code)
"""


def held(number: int = 0, *, blocks: int = 0, resident: int = 0) -> leaks.Held:
    """Counts with so many objects of one type."""
    return leaks.Held({}, 0, {"some.Type": 1000 + number, "other.Type": 5}, 10_000 + blocks, 2**26 + resident)


def failure(body: str, *, rounds: int = 1) -> str:
    """What a run of one scenario writes, which fails."""
    program = ONE_SCENARIO.format(project=str(PROJECT), body=f"    {body}", rounds=rounds)
    child = run_python("-W", "ignore", "-c", program)
    assert child.returncode == 1, child.stderr
    return child.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc")
class TestARun:
    """Runs in processes of their own."""

    def test_a_few_rounds(self, loop_name: str) -> None:
        """Some rounds pass, and a line says how many."""
        words = ["--rounds", "3", "--seed", "19", "--size", "0.2", "--at-once", "3", "--loop", loop_name]
        child = run_python("-m", "tests.stress", *words, cwd=PROJECT)
        assert child.returncode == 0, child.stderr
        assert f"seed 19, {loop_name}" in child.stdout
        assert "stress: 3 rounds, " in child.stdout

    def test_an_exception_of_a_scenario(self) -> None:
        """It fails the round, whose seed is named."""
        written = failure("raise LookupError('on purpose')")
        assert "LookupError: on purpose" in written
        assert "stress: round 7/0 failed" in written

    def test_an_exception_of_a_thread_of_a_scenario(self) -> None:
        """It fails the round too."""
        written = failure("context.start(lambda: 1 / 0)")
        assert "ZeroDivisionError" in written

    def test_an_error_of_a_loop(self) -> None:
        """An exception of a callback fails the round."""
        written = failure("context.make_loop().call_exception_handler({'message': 'some trouble'})")
        assert "some trouble" in written

    def test_a_descriptor_that_is_left_open(self) -> None:
        """The second round is compared with the first, which may leave what stays for the rest of the process."""
        written = failure("os.open('/dev/null', os.O_RDONLY)", rounds=2)
        assert "is left open: /dev/null" in written
        assert "stress: round 7/1 failed" in written


def test_an_unknown_scenario() -> None:
    """The message names those that there are."""
    child = run_python("-m", "tests.stress", "--only", "nothing", cwd=PROJECT)
    assert child.returncode == 2
    assert "posts_and_cancels" in child.stderr
    assert "not nothing" in child.stderr


def test_what_levels_off_is_no_leak() -> None:
    """Caches that fill in the beginning are no leak, and neither is what goes up and down."""
    history = [held(min(number * 100, 800) + number % 3) for number in range(ROUNDS)]
    assert leaks.growth(history) == []


def test_objects_that_grow_are_a_leak() -> None:
    """An object in each round is found."""
    (found,) = leaks.growth([held(number) for number in range(2 * ROUNDS)])
    assert found.startswith("objects of some.Type grew from 10")


def test_memory_that_grows_is_a_leak() -> None:
    """Two MiB in each round are found, and so are many small objects that the collector does not see."""
    (found,) = leaks.growth([held(resident=number * 2**21) for number in range(2 * ROUNDS)])
    assert found.startswith("memory grew from ")
    (found,) = leaks.growth([held(blocks=number * 1000) for number in range(ROUNDS)])
    assert found.startswith("allocated blocks grew from ")


def test_few_rounds_say_nothing_of_growth() -> None:
    """Whatever they leave."""
    assert leaks.growth([held(number * 1000) for number in range(ROUNDS - 1)]) == []
