"""Consoles in pages of docs/: commands with their output, and whether an output is what a page shows.

Where the pages are, and how a command is run, is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Command:
    """A command of a console, and what is shown of its output."""

    words: str
    output: str = ""


def commands_of(console: str) -> Iterator[Command]:
    """Yield the commands of a console, each with its output. A backslash at the end continues it."""
    command: Command | None = None
    for line in console.splitlines(keepends=True):
        if command is not None and not command.output and command.words.endswith("\\"):
            command.words += "\n" + line.rstrip()
        elif line.startswith("$ "):
            if command is not None:
                yield command
            command = Command(line[2:].strip())
        else:
            assert command is not None, f"output without a command: {line}"
            command.output += line
    if command is not None:
        yield command


def agrees(shown: str, output: str) -> bool:
    """Tell whether an output is what the page shows; three dots stand for a part of a line, or alone for any lines.

    A terminal shows the prompt after the output, so the newline at its end is not seen.
    """
    lines = []
    for line in shown.rstrip("\n").split("\n"):
        parts = [re.escape(part) for part in line.split("...")]
        lines.append(r"(?:.*\n)*" if line == "..." else ".*".join(parts) + r"\n")
    return re.fullmatch("".join(lines), output.rstrip("\n") + "\n") is not None
