"""The outcome of one test: five kinds, with details.

It does not know how a test is run, nor whether an outcome is forgiven.
"""

import dataclasses
import enum
from typing import Any


class Outcome(enum.StrEnum):
    """The columns of the table, in its order."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"
    HUNG = "hung"
    CRASHED = "crashed"

    @property
    def is_fine(self) -> bool:
        """Whether it needs no reason: a skip is the test's own judgement of the platform."""
        return self in (Outcome.PASSED, Outcome.SKIPPED)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One test's outcome; `loops` counts the loops of the chosen class that its process made.

    `first_failure` is the detail of a first try, where this is the result of the second.
    """

    case: str
    group: str
    outcome: Outcome
    detail: str = ""
    output: str = ""
    loops: int = 0
    seconds: float = 0.0
    first_failure: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Result":
        """The inverse of `to_json`."""
        return cls(**{**data, "outcome": Outcome(data["outcome"])})
