"""Compares the instructions of the eleven hottest paths with recorded ones: `make bench-gate`.

It counts as `instructions.py` does and compares with `instructions.json`, which has a set of figures for each Python
that was counted. A path that takes more than its figure and the tolerance fails the gate; for one that takes less, the
gate asks for an update of the file, so that the gain is kept too. `--update` writes the file. A count depends on the
build of Python and on the compiler of both, so figures of another build are shown and not compared.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vitok_bench.counted import countable
from vitok_bench.instructions import count_loop, require_tools
from vitok_bench.loops import SUBJECT, LoopSpec

FILE: Final = Path(__file__).with_name("instructions.json")
# The path of each row. Everything that runs for each event is on one of them.
PATHS: Final = {
    "call_soon_0": "call_soon and the callback",
    "timer_cancel": "call_later and cancel",
    "sleep_0": "a step of a task",
    "echo_protocol": "a read, data_received, a write",
    "echo_streams": "the same by reader and writer",
    "echo_sock": "the same by sock_recv and sock_sendall",
    "echo_datagram": "datagram_received, a sendto",
    "http_request": "an HTTP request, an ASGI response",
    "http2_request": "the same by HTTP/2",
    "http2_streams": "the same, 16 at a time",
    "http_native": "the same by a plain function",
}
# Counts of the same code differ by up to 0.4 %, whatever else is imported; the cost of a change is more than the
# tolerance or not worth an argument.
TOLERANCE: Final = 0.01
NAME_WIDTH: Final = 16


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One path and its recorded figure."""

    name: str
    counted: float | None
    kept: float | None
    is_held: bool

    @property
    def change(self) -> float | None:
        return self.counted / self.kept - 1 if self.counted is not None and self.kept else None

    @property
    def is_failure(self) -> bool:
        """Return whether the gate fails: also for a path that can't be counted any more."""
        if self.counted is None:
            return True
        return self.is_held and self.change is not None and self.change > TOLERANCE

    @property
    def word(self) -> str:
        if self.counted is None:
            return "NOT COUNTED"
        if self.change is None:
            return "new"
        if abs(self.change) <= TOLERANCE:
            return "ok"
        if not self.is_held:
            return "not held"
        return "MORE" if self.change > 0 else "less: keep it by --update"


def main() -> None:
    """Run the gate. The exit code is 1 if a path takes more than recorded."""
    options = _parse()
    require_tools()
    everything = _read()
    build, kept = _build(), everything.get(_version(), {})
    is_held = kept.get("build") == build
    counts, reasons = count(options.loop, kept.get("instructions", {}) if is_held else {})
    if options.update:
        everything[_version()] = {
            "build": build,
            "instructions": {name: round(count) for name, count in counts.items()},
        }
        FILE.write_text(json.dumps(dict(sorted(everything.items())), indent=1) + "\n")
    figures = kept.get("instructions", {})
    verdicts = [Verdict(name=name, counted=counts.get(name), kept=figures.get(name), is_held=is_held) for name in PATHS]
    print("\n".join([*lines(verdicts), *reasons, *_conclusion(verdicts, kept, build, is_update=options.update)]))
    if any(one.is_failure for one in verdicts) and not options.update:
        raise SystemExit(1)


def count(loop: str, figures: dict[str, float]) -> tuple[dict[str, float], list[str]]:
    """Return instructions by name of the path, and why some have none.

    A path that is not within the tolerance of its figure is counted again, and the nearer count is used: a directory
    that changes while one of the two runs imports something is enough to make a count wrong.
    """
    spec, chosen = LoopSpec.parse(loop), [row for row in countable() if row.name in PATHS]
    counts, reasons = count_loop(spec, chosen)
    verdicts = [Verdict(name=name, counted=counts[name], kept=figures.get(name), is_held=True) for name in counts]
    doubtful = {one.name for one in verdicts if one.change is not None and abs(one.change) > TOLERANCE}
    if doubtful:
        again, _ = count_loop(spec, [row for row in chosen if row.name in doubtful])
        for name, second in again.items():
            counts[name] = min(counts[name], second, key=lambda found: abs(found - figures[name]))
    return counts, reasons


def lines(verdicts: list[Verdict]) -> Iterator[str]:
    """The lines of the table."""
    yield f"instructions per operation in user space, tolerance {TOLERANCE:.0%}"
    yield f"{'':{NAME_WIDTH}}{'kept':>10}{'now':>10}{'change':>9}"
    for one in verdicts:
        figures = "".join(f"{_whole(value):>10}" for value in (one.kept, one.counted))
        change = f"{one.change:+.1%}" if one.change is not None else ""
        yield f"{one.name:{NAME_WIDTH}}{figures}{change:>9}  {PATHS[one.name]:40}{one.word}"


def _conclusion(verdicts: list[Verdict], kept: dict[str, Any], build: str, *, is_update: bool) -> Iterator[str]:
    if is_update:
        yield f"{FILE.name} has these figures now, for Python {_version()}"
    elif not kept:
        yield f"no figures are kept for Python {_version()}: `make bench-gate GATE_ARGS=--update` keeps these"
    elif kept["build"] != build:
        yield f"nothing is held: the figures are of {kept['build']}, this is {build}"
    else:
        failed = [one.name for one in verdicts if one.is_failure]
        yield f"over the tolerance: {', '.join(failed)}" if failed else "no path takes more than it did"


def _read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text()) if FILE.is_file() else {}
    return found


def _version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _build() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}"


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help=f"write what is counted to {FILE.name}")
    parser.add_argument("--loop", default=SUBJECT, help="count another one, for comparison")
    return parser.parse_args()


if __name__ == "__main__":
    main()
