"""docs/reference/command.md: the commands, their options and the variables are those of the code."""

import argparse
import re

import pytest
from support import PROJECT, run_python

pytestmark = pytest.mark.vitok_only

PAGE = (PROJECT / "docs" / "reference" / "command.md").read_text()
CODE = [*(PROJECT / "python" / "vitok").glob("*.py"), *(PROJECT / "crates").rglob("*.rs")]


def test_each_command_has_a_section_with_its_options() -> None:
    from vitok import _commands

    assert re.findall(r"^\| \[`vitok (\w+)`\]", PAGE, re.MULTILINE) == list(_commands.COMMANDS)
    for command in _commands.COMMANDS:
        assert f"\n## `vitok {command}` {{ #vitok-{command} }}\n" in PAGE
    for action in _commands.parser()._actions:
        if not isinstance(action, argparse._SubParsersAction):
            assert action.option_strings[-1] in ("--help", *re.findall(r"--[a-z-]+", PAGE))
    for command in ("run", "top"):
        shown = run_python("-m", "vitok", command, "--help").stdout
        options = set(re.findall(r"(?<!\w)--[a-z-]+", shown)) - {"--help"}
        assert options <= set(re.findall(r"--[a-z-]+", PAGE))


def test_each_variable_is_on_the_page() -> None:
    """Those of the package itself: the variables of `vitok serve` are in the table of its options."""
    found = {name for path in CODE for name in re.findall(r"\"(VITOK_[A-Z_]+)\"", path.read_text())}
    assert len(found) >= 6
    assert found <= set(re.findall(r"VITOK_[A-Z_]+", PAGE))
