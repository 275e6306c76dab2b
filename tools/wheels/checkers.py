"""Runs the checkers of other projects over the files of a release, and reads what they print.

auditwheel: whether a wheel keeps what its platform tag promises, without a repair. twine: whether a registry takes the
file and shows the README. check-wheel-contents: usual mistakes of packaging. pyroma: whether the metadata is complete.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.wheels.platforms import Wheel

BEST_RATING = "10/10"


def auditwheel_faults(wheel: Wheel) -> Iterator[str]:
    """What auditwheel finds in one wheel, one line each."""
    code, output = run(["-m", "auditwheel", "show", str(wheel.path)])
    yield from read_auditwheel(code, output, wheel.platform.policy)


def read_auditwheel(code: int, output: str, policy: str) -> Iterator[str]:
    """The faults in the output of `auditwheel show`: another tag than the wheel's, or libraries to be copied."""
    text = " ".join(output.split())
    found = re.search(r'following platform tag: "([^"]*)"', text)
    if code != 0 or found is None:
        yield f"auditwheel cannot read it: {text}"
    elif found[1] != policy:
        yield f"auditwheel finds {found[1]}, not {policy}: {text}"


def twine_faults(paths: Sequence[Path]) -> Iterator[str]:
    """What twine finds in all files, as one text."""
    code, output = run(["-m", "twine", "check", "--strict", *map(str, paths)])
    if code != 0:
        yield f"twine: {output.strip()}"


def contents_faults(paths: Sequence[Path], *, package: str = "vitok") -> Iterator[str]:
    """What check-wheel-contents finds in all wheels, one line each."""
    code, output = run(["-m", "check_wheel_contents", "--no-config", "--toplevel", package, *map(str, paths)])
    if code != 0:
        yield from (f"check-wheel-contents: {line}" for line in output.splitlines() if not line.endswith(": OK"))


def pyroma_faults(path: Path) -> Iterator[str]:
    """What pyroma finds in the source distribution, as one text."""
    _, output = run(["-m", "pyroma", str(path)])
    yield from read_pyroma(output)


def read_pyroma(output: str) -> Iterator[str]:
    """The fault in the output of pyroma: a rating below the best."""
    found = re.search(r"Final rating: (\S+)", output)
    if found is None or found[1] != BEST_RATING:
        yield f"pyroma rates {found[1] if found else 'nothing'}, not {BEST_RATING}: {output.strip()}"


def run(words: Sequence[str]) -> tuple[int, str]:
    """Run a module of this Python; return its exit code, and all that it printed."""
    ended = subprocess.run(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return ended.returncode, ended.stdout
