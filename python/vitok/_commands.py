"""The commands of `vitok` and their options, and the refusal of a word that is none of them.

What a command does is not known here.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from . import __version__
from ._near_option import near_option

COMMANDS: Final = {
    "run": "run a program with vitok's event loop as the default",
    "serve": "serve an application of ASGI, WSGI or vitok.http over HTTP",
    "top": "show what a running process does",
    "info": "print the versions, the poller and the native parts",
    "bench": "compare this loop with others",
}
SHELLS: Final = ("bash", "zsh", "fish")
# They have parsers of their own.
_APART: Final = frozenset({"serve", "top", "bench"})
_AS_UVLOOP: Final = "make 'import uvloop' import vitok"
VERSION: Final = f"vitok {__version__}"
_USAGE_ERROR: Final = 2


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        message += near_option(self, message)
        command = self.prog.removeprefix("vitok").strip()
        refuse(f"{command}: {message}" if command else message)


def parser() -> Parser:
    """Return the parser of the command line, but for the options of the commands that have their own."""
    made = Parser(prog="vitok", description="Runs asyncio programs on vitok's event loop.", allow_abbrev=False)
    made.add_argument("--version", action="version", version=VERSION)
    made.add_argument("--as-uvloop", action="store_true", help=_AS_UVLOOP)
    made.add_argument(
        "--completion", choices=SHELLS, metavar="SHELL", help=f"print the completion of a shell: {', '.join(SHELLS)}"
    )
    commands = made.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in COMMANDS.items():
        shown = f"{text}; see `vitok {name} --help`" if name in _APART else text
        one = commands.add_parser(name, help=shown, allow_abbrev=False, add_help=name not in _APART)
        if name not in _APART:
            one.add_argument("--version", action="version", version=VERSION)
        if name == "run":
            _add_run(one)
    return made


def check(word: str) -> None:
    """Refuse the first word if it is no command and no file: SystemExit with code 2 after a line and the commands.

    The name of a file that is missing is left to the command that runs it, which names the file.
    """
    if os.sep in word or os.path.lexists(word) or (Path(word).suffix and ":" not in word):
        return
    if ":" in word:
        meant = f": did you mean `vitok serve {word}`?"
    elif Path(f"{word}.py").is_file():
        meant = f": did you mean `vitok {word}.py`?"
    elif near := difflib.get_close_matches(word, COMMANDS, n=1):
        meant = f": did you mean `vitok {near[0]}`?"
    else:
        meant = ""
    lines = (f"  {name:<7}{text}" for name, text in COMMANDS.items())
    refuse("\n".join([f"there is no command and no file {word!r}{meant}", "Commands:", *lines]))


def refuse(message: str) -> NoReturn:
    """Write the reason to standard error, and exit with the code of wrong usage."""
    print(f"vitok: {message}", file=sys.stderr)
    raise SystemExit(_USAGE_ERROR)


def _add_run(run: argparse.ArgumentParser) -> None:
    """Add the options of `vitok run`. Everything after the program is the program's."""
    run.add_argument("--as-uvloop", action="store_true", default=argparse.SUPPRESS, help=_AS_UVLOOP)
    run.add_argument("--inspect", action="store_true", help="let `vitok top` of this user look at the process")
    how = run.add_mutually_exclusive_group()
    how.add_argument("-m", dest="module", metavar="MODULE", nargs=argparse.REMAINDER, help="run a module")
    how.add_argument("-c", dest="code", metavar="CODE", nargs=argparse.REMAINDER, help="run code given as a string")
    run.add_argument("script", nargs=argparse.REMAINDER, metavar="script.py [argument ...]")
