"""docs/migration/ has every option of the servers that it comes from, and each of ours that it names exists.

The names are compared with the `--help` of the installed programs, if these have the version that the page names. What
an option does there is not known here.
"""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from needs import MORE, need_library
from support import PROJECT
from vitok.http.options import table

pytestmark = pytest.mark.vitok_only

# A program that writes its help; the machine may be busy.
CHILD_SECONDS = 60
GROUPS = {"uvicorn": "programs", "granian": MORE, "gunicorn": MORE}
FLAG = re.compile(r"--[a-z0-9][\w-]*")
# Those that are no options of the table, but of the command itself.
COMMAND = {"--config", "--env-file", "--print-config", "--check-config", "--version", "--help"}


def rows(server: str) -> list[list[str]]:
    """Return the cells of the table of options on a page."""
    page = (PROJECT / "docs" / "migration" / f"{server}.md").read_text()
    found = re.search(rf"^\| {server} \| vitok serve \| What differs \|\n\| --- .*\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert found is not None
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in found[1].splitlines()]


def flags_of(server: str) -> set[str]:
    """Return the options in the help of an installed server."""
    need_library(server, group=GROUPS[server])
    command = Path(sys.executable).with_name(server)
    page = (PROJECT / "docs" / "migration" / f"{server}.md").read_text()
    described = re.search(rf"^All options of {server} ([\d.]+):$", page, re.MULTILINE)
    assert described is not None
    if not f"{importlib.metadata.version(server)}.".startswith(f"{described[1]}."):
        pytest.skip(f"{server} is {importlib.metadata.version(server)}, and its page describes {described[1]}")
    done = subprocess.run(
        [command, "--help"], capture_output=True, text=True, check=True, timeout=CHILD_SECONDS, stdin=subprocess.DEVNULL
    )
    # An option begins its line; others in the text are mentioned only.
    lines = re.findall(r"^ +(?:-\w(?: \w+)?, )?(--.*)$", done.stdout, re.MULTILINE)
    heads = [re.split(r"  +", line)[0] for line in lines]
    return {flag for head in heads for flag in FLAG.findall(head)}


@pytest.mark.parametrize("server", GROUPS)
def test_every_option_is_there(server: str) -> None:
    """The first column has the options of the server's help, each once, and no others."""
    named = [flag for row in rows(server) for flag in FLAG.findall(row[0])]
    assert len(named) == len(set(named))
    assert set(named) == flags_of(server)


@pytest.mark.parametrize("server", GROUPS)
def test_our_options_exist(server: str) -> None:
    """The second column has options of ours; "the same" is an option of that name."""
    ours = {flag for option in table() for flag in option.flags} | COMMAND
    known = ours | {flag.replace("--", "--no-", 1) for flag in ours}
    for row in rows(server):
        named = FLAG.findall(row[0] if row[1] == "the same" else row[1])
        assert named or row[1] == "none", row
        assert set(named) <= known, row
