"""docs/troubleshooting.md quotes messages that exist: in the code of vitok or of asyncio, or in the kernel's words.

What the page says of them is not known here. A message that is changed in the code is changed on the page.
"""

import ast
import asyncio
import errno
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from support import PROJECT
from vitok.http.options import table

pytestmark = pytest.mark.vitok_only

PAGE = (PROJECT / "docs" / "troubleshooting.md").read_text()
VARIABLE = "…"
# What stands for a value in the texts of logging and of Rust.
PLACEHOLDER = re.compile(r"%(?:\.\d+)?[sdrgfx]|\{[\w.:?#]*\}")
RUST_STRING = re.compile(r'"((?:[^"\\\n]|\\.|\\\n\s*)*)"')
FLAGS = {flag for option in table() for flag in option.flags} | {"--env-file", "--config"}


def messages() -> list[str]:
    """Return the messages that the tables of the page quote."""
    found: list[str] = []
    for rows in re.findall(r"^\| Message \|.*\n\| --- .*\n((?:\|.*\n)+)", PAGE, re.MULTILINE):
        found += [re.match(r"\| `([^`]+)` \|", row)[1] for row in rows.splitlines()]  # type: ignore[index]
    return found


@cache
def texts() -> str:
    """Return every text in the code, one in a line, with a mark for each value."""
    found = [os.strerror(number).lower() for number in errno.errorcode]
    for folder in (PROJECT / "python" / "vitok", Path(asyncio.__file__).parent):
        for path in folder.rglob("*.py"):
            found += texts_of_python(path.read_text())
    for path in (PROJECT / "crates").glob("*/src/**/*.rs"):
        found += [re.sub(r"\\\n\s*", "", text) for text in RUST_STRING.findall(path.read_text())]
    return "\n".join(PLACEHOLDER.sub(VARIABLE, text).replace('\\"', '"') for text in found)


def texts_of_python(source: str) -> Iterator[str]:
    """Yield the strings of a module, docstrings excepted, with a mark for each expression in them."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if id(node) in docstrings:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else VARIABLE for part in node.values)
            yield "".join(map(str, parts))


def pieces(message: str) -> list[str]:
    """Return the fixed parts of a message, without the name of an option at its start, which is the option's own."""
    name, _, rest = message.partition(": ")
    found = (rest if name in FLAGS else message).split(VARIABLE)
    return [piece for piece in (piece.strip(" :'()") for piece in found) if piece]


def test_the_page_has_messages() -> None:
    """The search finds the tables, and no message is quoted twice."""
    found = messages()
    assert len(found) > 80
    assert len(found) == len(set(found))


@pytest.mark.parametrize("message", messages())
def test_the_message_exists(message: str) -> None:
    """One line of a text of the code has all fixed parts of a message, in their order."""
    parts = pieces(message)
    assert parts, "nothing of the message is fixed"
    found = re.search(".*".join(map(re.escape, parts)), texts())
    assert found is not None, f"no text of the code has {parts}"
