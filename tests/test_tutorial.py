"""docs/tutorial/notes.md: each step is served from a folder with its files, and has to respond as the page shows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tutorial_curl
from console_blocks import Command, agrees
from served import CHILD_SECONDS, Served, serving
from tutorial_steps import EXAMPLES, PAGE, Step, renewed, step_of, steps

pytestmark = pytest.mark.vitok_only

SERVE = "vitok serve notes.app:app --reload"
NOTES = EXAMPLES / "notes"


def test_steps(tmp_path: Path) -> None:
    """Every step, on top of those before it, as somebody does who follows the page."""
    for folder in ("templates", "static"):
        shutil.copytree(NOTES / folder, tmp_path / "notes" / folder)
    for step in steps():
        for path, text in step.files.items():
            (tmp_path / path).write_text(text)
        with serving(app="notes.app:app", folder=tmp_path) as served:
            for command in step.commands:
                output = output_of(command, tmp_path, served)
                assert agrees(command.output, output), f"{step.title}: $ {command.words}\n{output}"
            assert served.end() == 0
        trouble = [line for line in served.errors.splitlines() if "ERROR" in line or "Traceback" in line]
        assert not trouble, f"{step.title}:\n{served.errors}"


def output_of(command: Command, folder: Path, served: Served) -> str:
    """Run a command of the page in the folder, and return what it shows."""
    if command.words == SERVE:
        return ""
    if command.words.startswith("curl "):
        lines = command.output.count("\n")
        return tutorial_curl.run(command.words, port=served.port, folder=folder, lines=lines)
    if command.words.startswith("python -m pytest "):
        return output_of_child([sys.executable, *command.words.split()[1:]], folder)
    assert command.words.startswith("printf "), f"no test runs {command.words}"
    return output_of_child(["sh", "-c", command.words], folder)


def output_of_child(words: list[str], folder: Path) -> str:
    """Return what a child shows. Plugins of pytest that only this project needs would say more."""
    environment = {**os.environ, "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:asyncio"}
    child = subprocess.run(
        words, cwd=folder, stdout=-1, stderr=-2, text=True, timeout=CHILD_SECONDS, check=False, env=environment
    )
    return child.stdout


def test_the_steps_end_in_the_example() -> None:
    """The files of the last steps are those of examples/notes, each of them, and no other."""
    assert renewed() == PAGE.read_text(), "run python tests/tutorial_steps.py"
    written = {path for step in steps() for path in step.files}
    there = {str(path.relative_to(EXAMPLES)) for path in NOTES.glob("*.py")}
    assert written == there | {"test_notes.py"}


def test_snippets() -> None:
    """What the page shows of the scripts is there."""
    snippets = [snippet for step in steps() for snippet in step.snippets]
    assert snippets
    for path, text in snippets:
        assert text in (NOTES / path).read_text(), path


@pytest.mark.parametrize(
    "block", ["```python\nx = 1\n```", "```sh\nls\n```", "```\ntext\n```", '```python title="a.py"\nx = 1\n']
)
def test_no_block_is_left_out(block: str) -> None:
    """A block that nothing would run is an error of the page."""
    with pytest.raises(AssertionError):
        step_of(f"A step\n\n{block}\n")


def test_commands_are_found() -> None:
    """A step has its files, and each command with its output."""
    step = step_of('A step\n\n```python title="a.py"\nx = 1\n```\n\n```console\n$ one\nshown\n\n$ two\n```\n')
    assert step == Step("A step", {"a.py": "x = 1\n"}, [], [Command("one", "shown\n\n"), Command("two")])


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        *[("a\n", "a\n", True), ("a\n", "a", True), ("a\n", "b\n", False), ("a\n", "a\nb\n", False)],
        *[("a...c\n", "a b c\n", True), ("a...\n", "a\nb\n", False), ("a\n...\nc\n", "a\nc\n", True)],
        *[("a\n...\nc\n", "a\nb\nb\nc\n", True), ("a\n...\nc\n", "a\nb\n", False), ("...", "", True)],
    ],
)
def test_dots_stand_for_a_part_of_a_line_or_for_lines(shown: str, output: str, same: bool) -> None:
    assert agrees(shown, output) is same
