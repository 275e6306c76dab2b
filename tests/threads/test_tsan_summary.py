"""The summary of ThreadSanitizer's reports: what raced, by the innermost places of the project.

Compiling and running with the sanitizer are not tested.
"""

from tools import tsan

LINE = "=" * 18
OWN = f"    #0 set /rust/cell.rs:437:14 (a+0x1)\n    #1 post {tsan.ROOT}/crates/a/src/b.rs:7:5 (a+0x2)\n"
OTHER = "    #0 getter /python/Objects/genobject.c:783:35 (python+0x1)\n    #1 caller /python/x.c:1:1 (python+0x2)\n"
NOISE = "    #0 pthread_create /llvm/tsan.cpp:1:3 (python+0x3)\n"


def report(first: str, second: str) -> str:
    """A report with these stacks, as the sanitizer writes it."""
    return (
        f"{LINE}\nWARNING: ThreadSanitizer: data race (pid=1)\n  Write of size 4 at 0x1 by thread T1:\n{first}\n"
        f"  Previous read of size 4 at 0x1 by thread T2:\n{second}\n  Thread T1 created at:\n{NOISE}\n{LINE}\n"
    )


def test_races_are_named_by_places_of_the_project() -> None:
    """The innermost frame that is ours stands for a stack, and the innermost of all if none is."""
    (line,) = tsan.summary(report(OWN, OTHER))
    assert line == "getter /python/Objects/genobject.c:783:35 and post crates/a/src/b.rs:7:5 (1 times)"


def test_equal_races_are_one_line() -> None:
    """Whichever of the two was first; the most frequent race comes first."""
    lines = tsan.summary(report(OTHER, OTHER) + report(OWN, OTHER) + report(OTHER, OWN))
    assert [line.rpartition(" (")[2] for line in lines] == ["2 times)", "1 times)"]


def test_no_report_is_no_race() -> None:
    """Other lines of a process are none."""
    assert tsan.summary("ThreadSanitizer: something else\n") == []
