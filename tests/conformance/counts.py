"""The counts of runs on each version of Python in one file, and the table of docs/compatibility.md that shows them.

`make conformance CONFORMANCE_ARGS="--counts tests/conformance/counts.json"` replaces the entry of its Python, if it ran
all tests and each result is as expected. `python -m tests.conformance.counts` then writes the table into the page; a
test compares both. How tests run is not known here.
"""

import datetime
import json
import platform
import ssl
import sysconfig
import textwrap
from importlib import metadata
from pathlib import Path
from typing import Any

from .outcome import Outcome
from .verdict import Verdict

PROJECT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("counts.json")
PAGE = PROJECT / "docs" / "compatibility.md"
BEGIN, END = "<!-- counts: begin -->\n", "<!-- counts: end -->\n"
# What the name of a Python without the GIL ends with.
BUILD = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
# A reason below its test, in lines as long as those of the page.
INDENTED: Any = {"initial_indent": "  ", "subsequent_indent": "  ", "break_long_words": False}
Counts = dict[str, dict[str, Any]]


def record(file: Path, judged: Verdict, *, package: str) -> None:
    """Replace the entry of the Python that runs in the file, which is made if there is none."""
    found: Counts = json.loads(file.read_text()) if file.exists() else {}
    found[".".join(platform.python_version_tuple()[:2]) + BUILD] = entry(judged, package=package)
    # The build without the GIL comes after the other one of its version.
    ordered = dict(sorted(found.items(), key=lambda item: [*map(int, item[0].rstrip("t").split(".")), len(item[0])]))
    file.write_text(json.dumps(ordered, indent=1) + "\n")


def entry(judged: Verdict, *, package: str) -> dict[str, Any]:
    """Return what one run came to: versions, the date, counts, and each failure that was expected, with its reason."""
    return {
        "python": platform.python_version() + BUILD,
        "loop": f"{package} {version_of(package)}".rstrip(),
        "openssl": " ".join(ssl.OPENSSL_VERSION.split()[:2]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "passed": judged.count(Outcome.PASSED),
        "skipped": judged.count(Outcome.SKIPPED),
        "failed": judged.count(Outcome.FAILED, Outcome.HUNG, Outcome.CRASHED),
        "made_a_loop": sum(result.loops > 0 for result in judged.results),
        "expected": [
            {"test": result.case, "outcome": str(result.outcome), "since": str(reason.date), "why": reason.why}
            for result, reason in judged.explained
        ],
    }


def version_of(package: str) -> str:
    """Return the version of the loop's package; asyncio has none of its own."""
    try:
        module = __import__(package)
        return str(getattr(module, "__version__", "") or metadata.version(package))
    except metadata.PackageNotFoundError:
        return ""


def table(counts: Counts) -> str:
    """Return the counts as Markdown: a row for each Python, and the failures that are expected, with their reasons."""
    lines = [
        "| Python | passed | failed | of these expected | skipped | on vitok's loop | OpenSSL | loop | date |",
        "|---|---:|---:|---:|---:|---:|---|---|---|",
    ]
    for each in counts.values():
        numbers = (each["passed"], each["failed"], len(each["expected"]), each["skipped"], each["made_a_loop"])
        cells = (each["python"], *numbers, each["openssl"].removeprefix("OpenSSL "), each["loop"], each["date"])
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    reasons: dict[tuple[str, ...], list[str]] = {}
    for each in counts.values():
        for failure in each["expected"]:
            reasons.setdefault((failure["test"], failure["since"], failure["why"]), []).append(each["python"])
    lines += ["", "Failures that are expected:" if reasons else "No failure is expected on any of them.", ""]
    for (test, since, why), pythons in reasons.items():
        lines += [f"- `{test}`, on {', '.join(pythons)}, since {since}:", *textwrap.wrap(why, 118, **INDENTED)]
    return "\n".join([*lines, ""] if reasons else lines)


def parts(page: Path = PAGE) -> tuple[str, str, str]:
    """Return the page before, within and after the two marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    inner, _, after = rest.partition(END)
    return before, inner, after


def main() -> None:
    """Write the table into the page."""
    before, _, after = parts()
    PAGE.write_text(before + BEGIN + table(json.loads(FILE.read_text())) + END + after)


if __name__ == "__main__":
    main()
