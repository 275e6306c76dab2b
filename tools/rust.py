"""Just enough of Rust's grammar to find names in code: where comments and strings are, and where functions end.

This is no parser: it knows no types, and treats macros as other text. It relies on rustc and clippy to refuse code that
is not well formed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tools.tree import line_at

# Text that is not code. A lifetime such as 'a has no second quote, so it does not match.
NOT_CODE = re.compile(
    r"""
      //[^\n]*                                                  # a comment to the end of the line
    | (?P<block>/\*)                                            # a block comment, which may hold others
    | \b[bc]?r(?P<hashes>\#*)"(?:.|\n)*?"(?P=hashes)            # a raw string
    | (?:\b[bc])?"(?:\\(?:.|\n)|[^"\\])*"                       # a string
    | (?:\bb)?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.)|[^'\\\n])' # a character
    """,
    re.VERBOSE,
)
FUNCTION = re.compile(r"\bfn\s+(?P<name>(?:r\#)?\w+)")


@dataclass(frozen=True, slots=True)
class Function:
    """A function with a body, by its name and the lines of its signature and of its closing brace."""

    name: str
    first: int
    last: int


@cache
def code_only(text: str) -> str:
    """The same text with comments, strings and characters blanked; lines and offsets stay."""
    parts: list[str] = []
    position = 0
    while match := NOT_CODE.search(text, position):
        end = end_of_block_comment(text, match.start()) if match["block"] else match.end()
        parts.append(text[position : match.start()])
        parts.append(re.sub(r"[^\n]", " ", text[match.start() : end]))
        position = end
    return "".join(parts) + text[position:]


def end_of_block_comment(text: str, start: int) -> int:
    """The end of the block comment that starts here and may have others inside."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(text, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def functions(code: str) -> Iterator[Function]:
    """Every function in code without comments that has a body, nested ones too."""
    for match in FUNCTION.finditer(code):
        start = start_of_body(code, match.end())
        if start is not None:
            yield Function(match["name"], line_at(code, match.start()), line_at(code, matching_brace(code, start)))


def start_of_body(code: str, position: int) -> int | None:
    """The opening brace of a function whose name ends here; None if the function has no body."""
    depth = 0
    for offset in range(position, len(code)):
        character = code[offset]
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif depth == 0 and character in "{;":
            return offset if character == "{" else None
    return None


def matching_brace(code: str, start: int) -> int:
    """The offset of the brace that closes the one at `start`."""
    depth = 0
    for brace in re.compile(r"[{}]").finditer(code, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.start()
    return len(code)
