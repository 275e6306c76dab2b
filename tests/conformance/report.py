"""The output of a run: a line for each finished group of tests, a table, lists, and one line with totals for programs.

It knows nothing of how tests run.
"""

import collections
import platform
import sys

from .chosen_loop import ChosenLoop
from .outcome import Outcome, Result
from .verdict import Verdict

# Wide enough for the longest of the groups, which is a module with its mixin.
GROUP_WIDTH = 46
# A failed test's own words are shown in the list; a line of the terminal has about so many letters left for them.
DETAIL_WIDTH = 110


class Progress:
    """Prints a line for each group of tests as its last one is through."""

    def __init__(self, groups: list[str]) -> None:
        self._left = collections.Counter(groups)
        self._through: dict[str, list[Result]] = collections.defaultdict(list)

    def add(self, result: Result) -> None:
        """Count one result."""
        self._through[result.group].append(result)
        self._left[result.group] -= 1
        if not self._left[result.group]:
            results = self._through[result.group]
            seconds = sum(each.seconds for each in results)
            counts = collections.Counter(each.outcome for each in results)
            said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
            print(f"{result.group:<{GROUP_WIDTH}} {said} ({seconds:.1f} s)", flush=True)


def print_header(chosen: ChosenLoop, tests: int, jobs: int) -> None:
    """Say what runs on what."""
    name = f"{chosen.loop_class.__module__}.{chosen.loop_class.__qualname__}"
    print(f"{tests} tests of Python {platform.python_version()} on {name} ({sys.platform}, {jobs} at a time)")


def print_table(results: list[Result]) -> None:
    """Group by outcome; the last column counts the tests that made a loop of the chosen class at all."""
    rows: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for result in results:
        for row in (rows[result.group], rows["together"]):
            row[result.outcome] += 1
            row["on the loop"] += result.loops > 0
    together = rows.pop("together", collections.Counter())
    columns = [*Outcome, "on the loop"]
    print(f"\n{'':<{GROUP_WIDTH}}" + "".join(f"{column:>12}" for column in columns))
    for group, row in [*rows.items(), ("together", together)]:
        print(f"{group:<{GROUP_WIDTH}}" + "".join(f"{row[column] or '.':>12}" for column in columns))
    off = len(results) - together["on the loop"]
    print(f"{off} of the {len(results)} make no loop of this class: they use a mock, or no loop, or were skipped.")


def print_lists(verdict: Verdict, missing: dict[str, str], *, verbose: bool) -> None:
    """Everything that is not simply passed, each under what it means."""
    skipped = collections.Counter(result.detail for result in verdict.results if result.outcome is Outcome.SKIPPED)
    print_list("Skipped by the tests themselves", [f"{count:4} {detail}" for detail, count in skipped.most_common()])
    print_list("Not there", [f"{name}: {why}" for name, why in missing.items()])
    again = [
        f"{each.case}: {each.first_failure}" for each in verdict.results if each.first_failure and each.outcome.is_fine
    ]
    print_list("Failed beside others and passed when run again alone", again)
    explained = [
        f"{result.outcome} {result.case}\n    since {reason.date}: {reason.why}" for result, reason in verdict.explained
    ]
    print_list("Not passed, with a reason", explained)
    print_list("Stale reasons (remove them)", [f"{reason.tests}: {why}" for reason, why in verdict.stale])
    print_list("NOT PASSED, AND NO REASON SAYS WHY", [describe(result) for result in verdict.unexplained])
    if verbose:
        for result in verdict.results:
            if not result.outcome.is_fine:
                print(f"\n{'=' * 8} {result.outcome} {result.case}\n{result.output}")


def print_control(results: list[Result]) -> None:
    """What asyncio's own loop made of the tests that did not pass on the chosen one."""
    failing = [describe(result) for result in results if not result.outcome.is_fine]
    print_list("Not passed on asyncio's own loop either", failing)
    passing = [result.case for result in results if result.outcome.is_fine]
    print_list("Fine on asyncio's own loop", passing)


def print_summary(verdict: Verdict) -> None:
    """The last line, for machines."""
    failed = verdict.count(Outcome.FAILED, Outcome.HUNG, Outcome.CRASHED)
    passed, skipped = verdict.count(Outcome.PASSED), verdict.count(Outcome.SKIPPED)
    print(f"\nconformance: {passed} passed, {failed} failed, {skipped} skipped", flush=True)


def print_list(title: str, lines: list[str]) -> None:
    """A titled list, or nothing."""
    if lines:
        print(f"\n{title} ({len(lines)}):")
        for line in lines:
            print(f"  {line}")


def describe(result: Result) -> str:
    """A test that did not pass, in a line."""
    return f"{result.outcome} {result.case}: {result.detail[:DETAIL_WIDTH]}"
