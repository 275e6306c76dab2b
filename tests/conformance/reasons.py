"""The reasons for which tests of CPython's do not pass, with dates.

Each entry has to be checked again: an entry whose tests pass, or do not exist, in a complete run is outdated and fails
the run, and so does a test that is neither passed nor skipped without an entry. Skips are the tests' own judgement of
the platform and need none. `verdict` applies the list.
"""

import dataclasses
import datetime
import fnmatch
import sys

from . import engines
from .outcome import Outcome

Version = tuple[int, ...]
OLDEST: Version = (3, 11)
NEWEST: Version = (3, 99)
ANY_LOOP = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Tests by a shell pattern on their names, the outcome that is expected of them, and a sentence that says why.

    `loop` is the package whose loop it is about; ANY_LOOP is about every loop, asyncio's own included. Both versions
    are meant inclusively: `until=(3, 12)` is all of 3.12, `until=(3, 12, 1)` ends with that release.
    """

    tests: str
    outcome: Outcome
    date: datetime.date
    why: str
    since: Version = OLDEST
    until: Version = NEWEST
    loop: str = "vitok"

    def applies_to(self, package: str) -> bool:
        """Whether it speaks of this interpreter and of the loop of this package."""
        running = sys.version_info[:3]
        return self.since <= running and running[: len(self.until)] <= self.until and self.loop in (ANY_LOOP, package)

    def names(self, case: str) -> bool:
        """Whether it speaks of the test of this name, on any TLS engine unless it names one."""
        return any(fnmatch.fnmatchcase(name, self.tests) for name in (case, engines.without_engine(case)))


REASONS: tuple[Reason, ...] = (
    Reason(
        tests="test_server.UnixServerCleanupTests.test_unix_server_sock_cleanup",
        outcome=Outcome.FAILED,
        date=datetime.date(2026, 11, 30),
        since=(3, 13),
        why="It demands that create_unix_server(sock=...) unlinks the file of a socket that the program has bound. "
        "Here that file stays the program's, unless it passes cleanup_socket=True.",
    ),
    Reason(
        tests="test_subprocess.GenericWatcherTests.test_create_subprocess_with_pidfd",
        outcome=Outcome.FAILED,
        date=datetime.date(2026, 11, 22),
        since=(3, 12),
        until=(3, 12, 1),
        loop=ANY_LOOP,
        why="It needs an earlier test of the same process to have set a loop, and here it has a process of its own "
        "(python/cpython#109862, mended in 3.12.2).",
    ),
    Reason(
        tests="test_unix_events.PidfdChildWatcherTests.test_pidfd_closed_when_waitpid_raises",
        outcome=Outcome.FAILED,
        date=datetime.date(2026, 11, 29),
        since=(3, 15),
        why="It counts the process's descriptors around some thousand busy turns, in which the loop makes the "
        "ring of io_uring that saves it polls: one more, closed with the loop (tests/test_polling.py). Whether a busy "
        "wait is long enough for a ring depends on the machine, and the pidfd itself is closed.",
    ),
)
