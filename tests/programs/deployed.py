"""The files of deploy/, with the paths, names and ports of a test in place of those that a reader changes.

What is asked of them is not known here.
"""

import json
import re
import shlex
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "deploy"


def text(name: str) -> str:
    """Return a file of deploy/."""
    return (FOLDER / name).read_text()


def changed(name: str, *changes: tuple[str, str]) -> str:
    """Return a file after these replacements, of which each has to find something."""
    result = text(name)
    for before, after in changes:
        assert before in result, f"{name} has no {before!r}"
        result = result.replace(before, after)
    return result


def commands() -> dict[str, list[str]]:
    """Return the arguments of each `vitok serve` in these files, also of those in comments, by their places."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.suffix != ".md":
            for number, words in enumerate(_commands_in(path.read_text())):
                found[f"{path.relative_to(FOLDER)} {number}"] = words
    return found


def _commands_in(content: str) -> list[list[str]]:
    """Return the commands of one file: in a comment, of a unit, of an image and of a manifest."""
    prose = re.sub(r"\n *# ", " ", content)
    found = [shlex.split(words) for words in re.findall(r"`vitok serve (--[^`]+)`", prose)]
    for words in re.findall(r"^ExecStart=\S+/vitok serve (.+)$", re.sub(r"\\\n +", "", content), re.M):
        found.append(shlex.split(words))
    for words in re.findall(r"^CMD (\[.*\])$", content, re.M):
        found.append(json.loads(words)[2:])
    for lines in re.findall(r"^ +args:\n((?: +[-#] .*\n)+)", content, re.M):
        found.append(re.findall(r"^ +- (.*)$", lines, re.M)[2:])
    return found
