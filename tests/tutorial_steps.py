"""The steps of docs/tutorial/notes.md: files, commands and snippets. `python tests/tutorial_steps.py` renews the files.

The last block of each file of examples/notes is the file as it is there. Earlier blocks of a file, and everything else,
are written by hand. How a step is run is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from console_blocks import Command, commands_of

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "tutorial" / "notes.md"
EXAMPLES = PROJECT / "examples"
FENCE = re.compile(r'^```(?P<kind>\w+)(?: title="(?P<path>[^"\n]+)")?\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^## ", re.MULTILINE)


@dataclass
class Step:
    """One section of the page."""

    title: str
    files: dict[str, str] = field(default_factory=dict)
    """Files to be written, by their paths."""
    snippets: list[tuple[str, str]] = field(default_factory=list)
    """Parts of files of examples/notes: the path in that folder, and the text."""
    commands: list[Command] = field(default_factory=list)


def main() -> None:
    """Write the files of the example into the page."""
    PAGE.write_text(renewed())


def renewed() -> str:
    """Return the page with the files as they are in the example."""
    page = PAGE.read_text()
    last = {block["path"]: block.start() for block in FENCE.finditer(page)}

    def renew(block: re.Match[str]) -> str:
        file = EXAMPLES / (block["path"] or "")
        if block["kind"] != "python" or block.start() != last[block["path"]] or not file.is_file():
            return block[0]
        return f'```python title="{block["path"]}"\n{file.read_text()}```'

    return FENCE.sub(renew, page)


def steps() -> list[Step]:
    """Return the steps in their order."""
    return [step_of(section) for section in HEADING.split(PAGE.read_text())[1:]]


def step_of(section: str) -> Step:
    """Return the step of a section. AssertionError for a block of a kind that no test runs."""
    step = Step(section.partition("\n")[0])
    for block in FENCE.finditer(section):
        match block["kind"], block["path"]:
            case "python", str(path):
                step.files[path] = block["text"]
            case "console", None:
                step.commands += commands_of(block["text"])
            case (("js" | "html" | "css"), str(path)):
                step.snippets.append((path, block["text"]))
            case kind, path:
                raise AssertionError(f"nothing runs a block of {kind} {path}")
    fences = sum(line.startswith("```") for line in section.splitlines())
    assert fences == 2 * sum(1 for _ in FENCE.finditer(section)), f"a block in {step.title} has no end, or no kind"
    return step


if __name__ == "__main__":
    main()
