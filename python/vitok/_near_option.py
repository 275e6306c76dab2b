"""The option that was probably meant by an unknown one, for errors of argparse. The options are not known here."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator
from typing import Any, Final

# What argparse says of words that no option takes.
_UNKNOWN: Final = "unrecognized arguments: "
# How alike two options are of which one is the other with a mistake in it.
_LIKENESS: Final = 0.74


def near_option(parser: argparse.ArgumentParser, message: str) -> str:
    """Return the end of argparse's message about unknown arguments: the option that the first one is like, or "".

    Options of commands count as those of the parser that has the commands.
    """
    word = message.removeprefix(_UNKNOWN).partition(" ")[0].partition("=")[0]
    if not message.startswith(_UNKNOWN) or not word.startswith("--"):
        return ""
    near = difflib.get_close_matches(word, _options(parser), n=1, cutoff=_LIKENESS)
    if word in near:
        # It stands behind `--`, where nothing is an option.
        return ""
    return f": did you mean {near[0]}?" if near else ""


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        commands: Any = action
        if isinstance(action, argparse._SubParsersAction):
            for command in commands.choices.values():
                yield from _options(command)
