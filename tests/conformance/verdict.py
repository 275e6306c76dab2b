"""Sorts results into those that are fine, those that have a reason and those that fail the run.

It does not know how results came about or how they are printed.
"""

import dataclasses
from collections.abc import Sequence

from .outcome import Outcome, Result
from .reasons import Reason


@dataclasses.dataclass(slots=True)
class Verdict:
    """What a run came to."""

    results: list[Result]
    explained: list[tuple[Result, Reason]]
    unexplained: list[Result]
    stale: list[tuple[Reason, str]]

    @property
    def is_good(self) -> bool:
        """Whether every test is passed, skipped or explained, and every reason is needed."""
        return not self.unexplained and not self.stale

    def count(self, *outcomes: Outcome) -> int:
        """How many tests came to one of these outcomes."""
        return sum(result.outcome in outcomes for result in self.results)


def judge(results: list[Result], reasons: Sequence[Reason], *, package: str, is_complete: bool) -> Verdict:
    """Find the reason for everything that is not fine; only a run of all tests can tell that a reason is stale."""
    applicable = [reason for reason in reasons if reason.applies_to(package)]
    verdict = Verdict(results, [], [], [])
    for result in results:
        if result.outcome.is_fine:
            continue
        found = [reason for reason in applicable if reason.names(result.case) and reason.outcome is result.outcome]
        if found:
            verdict.explained.append((result, found[0]))
        else:
            verdict.unexplained.append(result)
    if is_complete:
        verdict.stale = [(reason, why) for reason in applicable if (why := why_stale(reason, results))]
    return verdict


def why_stale(reason: Reason, results: list[Result]) -> str:
    """Why the entry is not needed; empty if it is."""
    outcomes = {result.outcome for result in results if reason.names(result.case)}
    if reason.outcome in outcomes:
        return ""
    return f"none of its tests is {reason.outcome}" if outcomes else "no test has such a name"
