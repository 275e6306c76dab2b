"""A file of environment variables, in the form that shells, Docker and python-dotenv have in common.

Each line is empty, a comment, or NAME=VALUE, with `export` in front or not. A value without quotes ends before white
space and a `#`; one in quotes is taken as it is, with newlines: between double quotes \\n, \\t and the like are
escapes, between single quotes only \\\\ and \\' are. There is no interpolation: `$` has no meaning. Of several values
of a name the last one counts. The meaning of variables is not known here.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping

from .option_parsing import OptionError
from .text_file import read_text

_NEWLINES = re.compile(r"\r\n?|\n")
_BLANK = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?:\n|\Z)")
_NAME = re.compile(r"[^\S\n]*(?:export[^\S\n]++)?+(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[^\S\n]*=")
_QUOTE = re.compile(r"[^\S\n]*(?P<quote>['\"])")
_QUOTED = re.compile(r"""[^\S\n]*(?:'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)")""", re.DOTALL)
_PLAIN = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"\s#.*")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def load(option: str, path: str, environment: MutableMapping[str, str]) -> frozenset[str]:
    """Set the variables of a file, except those that are set already. Return the names of those that were set.

    OptionError for a file that can't be read or understood, with the number of the line; then nothing is set.
    """
    found = parse(option, path, read_text(option, path))
    fresh = {name: value for name, value in found.items() if name not in environment}
    environment.update(fresh)
    return frozenset(fresh)


def parse(option: str, path: str, text: str) -> dict[str, str]:
    """Return the variables of a text. OptionError names the option, the file, the line and what was expected."""
    text = _NEWLINES.sub("\n", text)
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        if blank := _BLANK.match(text, place):
            place = blank.end()
            continue
        start = place
        try:
            name, value, place = _variable(text, place)
        except ValueError as error:
            line = text.count("\n", 0, start) + 1
            raise OptionError(f"{option}: {path!r}, line {line}: {error}") from None
        found[name] = value
    return found


def _variable(text: str, place: int) -> tuple[str, str, int]:
    """Return the variable that begins here, and where the next line begins. ValueError says what is wrong with it."""
    found = _NAME.match(text, place)
    if found is None:
        raise ValueError("expected NAME=VALUE")
    value, place = _value(text, found.end())
    if "\0" in value:
        # The kernel's environment has no such values.
        raise ValueError(f"the value of {found['name']} has a NUL byte")
    rest = _BLANK.match(text, place)
    if rest is None:
        raise ValueError(f"expected nothing but a comment after the quotes of {found['name']}")
    return found["name"], value, rest.end()


def _value(text: str, place: int) -> tuple[str, int]:
    """Return the value that begins here, and where it ends."""
    if quote := _QUOTE.match(text, place):
        quoted = _QUOTED.match(text, place)
        if quoted is None:
            raise ValueError(f"the quote {quote['quote']} is not closed")
        if (single := quoted["single"]) is not None:
            return re.sub(r"\\([\\'])", r"\1", single), quoted.end()
        return re.sub(r"\\([\\'\"abfnrtv])", _unescaped, quoted["double"]), quoted.end()
    plain = _PLAIN.match(text, place)
    assert plain is not None
    return _COMMENT.sub("", plain[0]).strip(), plain.end()


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1])
