"""The blocks of code of a page of docs/, with what a comment before each says of its test.

How a block is run is not known here. The attributes of a fence are those that the theme of the site knows.
"""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^(?P<indent> *)(?P<marks>```+|~~~+)(?P<info>.*)$")
ATTRIBUTE = re.compile(r'\s*(?P<name>[\w-]+)="(?P<value>[^"]*)"')
ATTRIBUTES = {"title", "hl_lines", "linenums"}
COMMENT = re.compile(r"^ *<!-- test: (?P<text>.*?) -->$")
# A comment for the whole page: another test runs its blocks.
ELSEWHERE = re.compile(r"^page (?P<file>tests/[\w/.-]+\.py)$")
DIRECTIVES = (
    re.compile(r"skip: (?P<reason>\S+ .*\S)"),
    re.compile(r"(?P<serves>serves)(?: (?P<port>\d+)|: \"(?P<until>[^\"]+)\")?"),
    re.compile(r"exits (?P<exits>\d+)"),
)
KNOWN = (
    '"skip: REASON", "serves", "serves PORT", "serves: "LINE"", "exits CODE", or "page tests/FILE.py" for a whole page'
)
RUN = {"python", "pycon", "console"}
# What is shown only. Any other name may be another one of those that run, which nothing would run.
SHOWN = {"caddyfile", "css", "dockerfile", "html", "http", "ini", "js", "json", "nginx", "sql", "text", "toml", "yaml"}
PARSERS = {"json": json.loads, "toml": tomllib.loads}
# A fence that the theme may know, and this module does not: after a tab, in a quotation, behind the sign of a list.
OTHER_FENCE = re.compile(r"[\s>]*(?:[-*+]|\d+\.)?\s*(?:```|~~~)")
# What the lines that follow, and are indented, belong to: a list, a note, a tab, a definition, a footnote.
CONTAINER = re.compile(r" *(?:[-*+] |\d+\. |!!! |\?\?\?\+? |=== |: |\[\^)")


class PageError(Exception):
    """A mistake of the page itself, with its line."""


@dataclass
class Block:
    """One block of code."""

    line: int
    """The line of its first fence."""
    kind: str
    text: str
    title: str | None = None
    skipped: str | None = None
    """Why it is not run."""
    serves: bool = False
    """Whether the last command goes on in the background."""
    port: int | None = None
    """The port that the command listens on, if it is not the first one that it names."""
    until: str | None = None
    """What the command writes when it is ready, if it listens on no port."""
    exits: int = 0
    """The exit code of the last command."""


def other_test_of(page: str) -> str | None:
    """Return the path of the test that runs the blocks of the page, if it names one."""
    comments = [match["text"] for line in page.splitlines() if (match := COMMENT.match(line))]
    files = [match["file"] for text in comments if (match := ELSEWHERE.match(text))]
    return files[0] if files else None


def blocks_of(page: str) -> Iterator[Block]:
    """Yield the blocks of a page. PageError for one that nothing would run and that gives no reason."""
    lines = page.splitlines()
    number = 0
    comment: tuple[int, str] | None = None
    container = ""
    while number < len(lines):
        line = lines[number]
        number += 1
        if match := COMMENT.match(line):
            comment = (number, match["text"]) if not ELSEWHERE.match(match["text"]) else None
        elif match := FENCE.match(line):
            end = end_of(lines, number, match)
            text = textwrap.dedent("".join(f"{row}\n" for row in lines[number:end]))
            yield block_of(number, match["info"], text, comment)
            number, comment = end + 1, None
        elif comment is not None and line.strip():
            raise PageError(f"{comment[0]}: no block of code follows the comment")
        elif line.strip():
            check_line(number, lines, container)
            container = container if line.startswith(("    ", "\t")) else line
    if comment is not None:
        raise PageError(f"{comment[0]}: no block of code follows the comment")


def check_line(number: int, lines: list[str], container: str) -> None:
    """Check that a line outside of blocks is no code: PageError for another fence, and for indented code."""
    line = lines[number - 1]
    if OTHER_FENCE.match(line):
        raise PageError(f"{number}: a fence begins its line, or follows spaces")
    is_indented = line.startswith(("    ", "\t")) and (number == 1 or not lines[number - 2].strip())
    if is_indented and not CONTAINER.match(container):
        raise PageError(f"{number}: nothing runs code that is indented: write a fence")


def end_of(lines: list[str], number: int, begin: re.Match[str]) -> int:
    """Return the index of the line that ends a block, which has the same indentation and the same marks."""
    for index in range(number, len(lines)):
        if lines[index].rstrip() == begin["indent"] + begin["marks"]:
            return index
    raise PageError(f"{number}: the block has no end")


def block_of(line: int, info: str, text: str, comment: tuple[int, str] | None) -> Block:
    """Return one block, by the words behind its fence and the comment before it."""
    match = re.match(r" ?(?P<kind>[\w+-]+)?", info)
    assert match is not None
    if match["kind"] is None:
        raise PageError(f'{line}: the block has no language; "text" is one for what is none')
    attributes = attributes_of(line, info[match.end() :])
    block = Block(line, match["kind"].lower(), text, title=attributes.get("title"))
    if comment is not None:
        obey(block, *comment)
    if block.title is not None and block.skipped is None:
        check_title(line, block.title)
    if block.title is None and block.skipped is None and block.kind not in RUN | SHOWN:
        raise PageError(f"{line}: nothing runs a block of {block.kind}: write {', '.join(sorted(RUN))}, or a title")
    check_content(block)
    if (block.serves or block.exits) and (block.kind != "console" or block.title is not None):
        raise PageError(f"{line}: only a console serves, or has an exit code")
    return block


def check_content(block: Block) -> None:
    """Check that a block can be what its language says."""
    if block.kind == "console" and block.title is None and not block.text.startswith("$ "):
        raise PageError(f"{block.line}: a console begins with a command: $ COMMAND")
    if block.kind == "pycon" and not block.text.startswith(">>> "):
        raise PageError(f"{block.line}: a session begins with what is typed: >>> EXPRESSION")
    if block.skipped is None and (parse := PARSERS.get(block.kind)):
        try:
            parse(block.text)
        except ValueError as error:
            raise PageError(f"{block.line}: it is no {block.kind}: {error}") from None


def attributes_of(line: int, words: str) -> dict[str, str]:
    """Return the attributes of a fence. PageError for one that is not known."""
    attributes: dict[str, str] = {}
    place = 0
    while words[place:].strip():
        match = ATTRIBUTE.match(words, place)
        if match is None or match["name"] not in ATTRIBUTES:
            raise PageError(f'{line}: {words.strip()} is not understood: title="FILE", hl_lines="1", linenums="1"')
        attributes[match["name"]] = match["value"]
        place = match.end()
    return attributes


def obey(block: Block, line: int, text: str) -> None:
    """Note in a block what the comment before it says. PageError for a comment that is not known."""
    for directive in DIRECTIVES:
        if match := directive.fullmatch(text):
            found = match.groupdict()
            block.skipped = found.get("reason")
            block.serves = bool(found.get("serves"))
            block.port = int(found["port"]) if found.get("port") else None
            block.until = found.get("until")
            block.exits = int(found.get("exits") or 0)
            return
    raise PageError(f'{line}: "test: {text}" is not understood: {KNOWN}')


def check_title(line: int, title: str) -> None:
    """Check that a title is a path within the folder of the page."""
    parts = title.split("/")
    if title.startswith(("/", "~")) or ".." in parts or not all(parts):
        raise PageError(f"{line}: {title} is not in the folder of the page: the block needs a reason to be skipped")
