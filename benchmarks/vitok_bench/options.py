"""The options of `vitok bench`; what makes no sense is refused in one line, before any work.

A refusal names the option and what was expected. Measuring and showing are not known here.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from vitok_bench import machine
from vitok_bench.loops import SUBJECT
from vitok_bench.suites import Spec, Suite, suites

COMMAND: Final = "vitok bench"
PACKAGE: Final = "vitok-bench"
USAGE_ERROR: Final = 2
PICTURES: Final = (".png", ".svg")
DESCRIPTION: Final = (
    "Measures event loops and HTTP servers side by side, in one run, and lists the rows that vitok loses."
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. SystemExit with 2 and a line for what is wrong."""
    parser = _Parser(prog=COMMAND, description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"{PACKAGE} {_version()}", help="print it and exit")
    _add_selection(parser.add_argument_group("selection"))
    show = parser.add_argument_group("output")
    _add_output(show)
    instead = show.add_mutually_exclusive_group()
    instead.add_argument("--list", action="store_true", help="print suites, rows, loops and servers, and exit")
    instead.add_argument("--show", type=Path, metavar="FILE", help="show the run in FILE instead of measuring")
    instead.add_argument(
        "--compare", type=Path, nargs=2, metavar=("A", "B"), help="show the changes from run A to run B"
    )
    instead.add_argument(
        "--pages",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="write the tables and pictures of the documentation from FILE, and tables of other suites from more files",
    )
    _add_method(parser.add_argument_group("method"))
    options = parser.parse_args(arguments)
    _check(options)
    return options


def specs(suite: Suite, options: argparse.Namespace) -> list[Spec]:
    """Return the columns of a suite; with only loops given, servers have none. Raises ValueError."""
    names = {"loop": options.loop, "server": options.server}
    asked = names[suite.option]
    if asked is None:
        return list(suite.specs(None)) if not any(names.values()) else []
    # A floor is in every run of its suite, and may be named as well.
    floors = {one.floor for one in suites()}
    return list(suite.specs([name for name in dict.fromkeys(asked) if name not in floors]))


def refuse(message: str) -> NoReturn:
    """End the command with a line."""
    print(f"{COMMAND}: {message}", file=sys.stderr)
    raise SystemExit(USAGE_ERROR)


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, without the list of all options."""

    def error(self, message: str) -> NoReturn:
        said = message.removeprefix("argument ")
        if unknown := re.match(r"unrecognized arguments: (\S+)", said):
            said = f"{unknown[1]}: expected an option of `{COMMAND} --help`"
        refuse(said)


def _version() -> str:
    try:
        return importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return "of a checkout, which is not installed"


def _add_selection(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--quick", action="store_true", help="a first look at the main rows, in less than a minute")
    group.add_argument("--suite", type=_names, metavar="NAMES", help="comma-separated (default: all)")
    group.add_argument(
        "--loop",
        type=_names,
        metavar="NAMES",
        help="comma-separated, NAME or MODULE:FACTORY (default: what is installed)",
    )
    group.add_argument(
        "--server",
        type=_names,
        metavar="NAMES",
        help="comma-separated, for the suites of HTTP and WebSocket (default: what is installed; with --loop, none)",
    )
    group.add_argument("--rows", type=_names, metavar="NAMES", help="comma-separated, with * and ? (default: all)")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--json", type=Path, metavar="FILE", help="write the run, with every round, machine and versions"
    )
    group.add_argument("--plot", type=_picture, metavar="FILE", help="draw ratios and their spread, as .png or .svg")
    group.add_argument("--details", action="store_true", help="print every figure of every loop as well")


def _add_method(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--rounds", type=_positive, metavar="N", help="samples for each loop and row")
    group.add_argument("--sample-ms", type=_positive, metavar="N", help="length of a sample")
    group.add_argument(
        "--subject", metavar="NAME", help=f"the loop that the others are compared with (default: {SUBJECT})"
    )
    core, client_core = machine.default_core(), machine.default_client_core()
    group.add_argument(
        "--core", type=_core, metavar="N", default=core, help="pin loops and servers to this core (default: the last)"
    )
    group.add_argument("--client-core", type=_core, metavar="N", default=client_core, help="pin clients to this core")
    group.add_argument("--load", type=_program, metavar="FILE", help="the load generator (default: the package's)")


def _check(options: argparse.Namespace) -> None:
    """Refuse what only shows when options are looked at together, or outside the command line."""
    names = {suite.name for suite in suites()}
    for name in options.suite or []:
        if name not in names:
            refuse(f"--suite: expected {_listed(suite.name for suite in suites())}, not {name!r}")
    for suite in suites():
        try:
            specs(suite, options)
        except ValueError as error:
            refuse(f"--{suite.option}: {error}")
    for option in ("json", "plot"):
        path = getattr(options, option)
        if path is not None:
            _check_writable(f"--{option}", path)
    for option in ("plot", "pages"):
        if getattr(options, option) is not None and importlib.util.find_spec("matplotlib") is None:
            refuse(f"--{option} needs matplotlib, which is not installed: pip install 'vitok[bench]'")


def _check_writable(option: str, path: Path) -> None:
    """Find out whether a file can be written; one that was not there is not left behind."""
    is_new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        # mkdir reports that the folder is a file as one that exists.
        reason = "its folder is a file" if isinstance(error, FileExistsError) else error.strerror
        refuse(f"{option}: expected a file that can be written, not {str(path)!r}: {reason}")
    if is_new:
        with contextlib.suppress(OSError):
            path.unlink()


def _names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    if not names:
        raise argparse.ArgumentTypeError(f"expected names with commas between them, not {text!r}")
    return names


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, not {text!r}")
    return int(text)


def _core(text: str) -> int:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if not text.isdecimal() or int(text) not in cores:
        raise argparse.ArgumentTypeError(f"expected a core of this process ({_listed(map(str, cores))}), not {text!r}")
    return int(text)


def _picture(text: str) -> Path:
    if Path(text).suffix not in PICTURES:
        raise argparse.ArgumentTypeError(f"expected a name that ends in {_listed(PICTURES)}, not {text!r}")
    return Path(text)


def _program(text: str) -> Path:
    path = Path(text)
    if not path.is_file() or not os.access(path, os.X_OK):
        raise argparse.ArgumentTypeError(f"expected a program, such as vitok-load, not {text!r}")
    return path.resolve()


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
