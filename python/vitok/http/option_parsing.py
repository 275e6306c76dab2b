"""Options as text and as values: their types, and reading them from a command line, an environment and keywords.

The command line has precedence over the environment; keywords stand alone. Every error is an OptionError (a ValueError)
of one line that names the option, the variable or the keyword. The options themselves are not known here.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

APP_VARIABLE = "VITOK_APP"
_KEY = "vitok.option"
_DESCRIPTION = "Serves an ASGI application over HTTP/1.1."
_EPILOG = (
    "Each option has an environment variable, VITOK_ and its name in capitals, such as VITOK_PORT or "
    "VITOK_LOG_LEVEL; the command line has precedence. Limits may be none."
)
# How "no limit" is written, where a limit is optional.
NO_LIMIT = "none"
_UNBOUNDED = 2**63 - 1
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
# RFC 9110, sections 5.6.2 (token) and 5.5 (field content): the characters allowed in a name and in a value.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Fields that frame a message or concern one connection (RFC 9110, section 7.6.1; RFC 9112, section 6) are written by
# the server itself.
_OWN_FIELDS = frozenset(
    {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection"}
)
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class OptionError(ValueError):
    """An option with an invalid value, or options that exclude each other. The message is one line that names them."""


@dataclass(frozen=True, slots=True)
class Option:
    """The description of one option. `flags` are its names on the command line, its own name first."""

    name: str
    kind: Kind
    default: Any
    group: str
    help: str
    others: str
    flags: tuple[str, ...]
    is_native: bool

    @property
    def variable(self) -> str:
        """The environment variable that sets it for the command."""
        return f"VITOK_{self.name.upper()}"


def option(
    default: Any,
    kind: Kind,
    help: str,  # noqa: A002 - argparse's word for it
    *,
    others: str = "",
    flag: str = "",
    also: str = "",
    is_native: bool = False,
) -> Any:
    """Return a field of a dataclass of options. `flag` is its name on the command line if it differs from that of the
    field, `also` a second one.
    """
    facts = {"kind": kind, "help": help, "others": others, "flag": flag, "also": also, "is_native": is_native}
    return field(default=default, metadata={_KEY: facts})


def options_of(table: Any, groups: Mapping[str, str]) -> tuple[Option, ...]:
    """Describe the fields of such a class. `groups` has the title of each group, by the name of its first option."""
    found = []
    group = ""
    for one in fields(table):
        group = groups.get(one.name, group)
        facts = dict(one.metadata[_KEY])
        flag, also = facts.pop("flag") or f"--{one.name.replace('_', '-')}", facts.pop("also")
        flags = (flag, also) if also else (flag,)
        found.append(Option(name=one.name, default=one.default, group=group, flags=flags, **facts))
    return tuple(found)


def read_command(
    options: Sequence[Option], words: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    """Return the application's name and the values that are given, from the command line and the environment.

    SystemExit after `--help`, OptionError for what can't be parsed.
    """
    given = vars(_parser(options).parse_args(list(words)))
    app = given.pop("app", None) or environment.get(APP_VARIABLE)
    if not app:
        raise OptionError("expected an application, as module:attribute")
    values = {}
    for option in options:
        if option.name in given:
            values[option.name] = _parsed(option, given[option.name])
        elif option.variable in environment:
            values[option.name] = _named(option.variable, option.kind.parse, environment[option.variable])
    return app, values


def read_keywords(options: Sequence[Option], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of keywords. TypeError for an unknown one, OptionError for an invalid value."""
    known = {option.name: option for option in options}
    if unknown := sorted(keywords.keys() - known):
        raise TypeError(f"unexpected option {unknown[0]!r}")
    return {name: _checked(known[name], value) for name, value in keywords.items()}


def shown(option: Option) -> str:
    """Return the default of an option as written on the command line."""
    match option.default:
        case None | () | "":
            return "default: none"
        case True:
            return "default: yes"
        case False:
            return "default: no"
        case tuple() as words:
            return f"default: {','.join(words)}"
        case float() as seconds:
            return f"default: {seconds:g}"
        case value:
            return f"default: {value}"


class Kind:
    """A type of value. `metavar` is its placeholder in a usage line."""

    metavar: str

    def parse(self, text: str) -> Any:
        """Return the value of a text. ValueError says what is wrong with the text."""
        return self.check(self._read(text))

    def check(self, value: Any) -> Any:
        """Return a value given by a program, in the form in which it is kept. ValueError says what is wrong with it."""
        raise NotImplementedError

    def _read(self, text: str) -> Any:
        """Convert a text for `check`, which refuses a text that can't be converted."""
        return text


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Any text, or a path. Empty text is a value."""

    metavar: str = "TEXT"

    def check(self, value: Any) -> str:
        """Check a text."""
        path = value.__fspath__() if hasattr(value, "__fspath__") else value
        if isinstance(path, str):
            return path
        raise ValueError(f"{value!r} is not a string")


@dataclass(frozen=True, slots=True)
class RootPath(Text):
    """A URL path that is the parent of others: it begins with a slash, or is empty."""

    def check(self, value: Any) -> str:
        """Check such a path."""
        path = Text.check(self, value)
        if path and not path.startswith("/"):
            raise ValueError(f"{path!r} does not begin with a slash")
        return path


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number between two bounds, both included; or `none`, where a limit is optional."""

    metavar: str = "NUMBER"
    at_least: int = 1
    at_most: int = _UNBOUNDED
    may_be_none: bool = False

    def check(self, value: Any) -> int | None:
        """Check a number within the bounds, or None where that is allowed."""
        if value is None and self.may_be_none:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not self.at_least <= value <= self.at_most:
            top = "up" if self.at_most == _UNBOUNDED else f"to {self.at_most}"
            none = " (or none)" if self.may_be_none else ""
            raise ValueError(f"{value!r} is not a whole number from {self.at_least} {top}{none}")
        return value

    def _read(self, text: str) -> Any:
        if self.may_be_none and text.lower() == NO_LIMIT:
            return None
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,20}", text, re.ASCII) else text


@dataclass(frozen=True, slots=True)
class Seconds(Kind):
    """A time in seconds, which may have a fraction; `none` for no limit. Zero only where it has a meaning."""

    metavar: str = "SECONDS"
    may_be_zero: bool = False

    def check(self, value: Any) -> float | None:
        """Check a time, or None for no limit."""
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or value < 0 or (value == 0 and not self.may_be_zero):
            which = "from 0 up" if self.may_be_zero else "above 0"
            raise ValueError(f"{value!r} is not a number of seconds {which} or none")
        return float(value)

    def _read(self, text: str) -> Any:
        if text.lower() == NO_LIMIT:
            return None
        try:
            return float(text)
        except ValueError:
            return text


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """Yes or no."""

    metavar: str = "YES|NO"

    def check(self, value: Any) -> bool:
        """Check True or False."""
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is not a boolean (1, 0, true, false, yes, no, on, off)")
        return value

    def _read(self, text: str) -> Any:
        word = text.lower()
        return word in _TRUE if word in _TRUE | _FALSE else text


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of several words. `also` has other spellings, those of other programs."""

    words: tuple[str, ...]
    also: tuple[tuple[Any, str], ...] = ()

    @property
    def metavar(self) -> str:  # type: ignore[override]
        """Return all of the words."""
        return "|".join(self.words)

    def check(self, value: Any) -> str:
        """Check one of the words."""
        for spelling, word in self.also:
            if str(value) == str(spelling):
                return word
        if value not in self.words:
            raise ValueError(f"{value!r} is not one of {', '.join(self.words)}")
        return str(value)

    def _read(self, text: str) -> Any:
        return text.lower()


@dataclass(frozen=True, slots=True)
class Mode(Kind):
    """Permissions of a file, in octal digits as for `chmod`: 660. An int is used as it is."""

    metavar: str = "MODE"

    def check(self, value: Any) -> int:
        """Check a mode."""
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0o7777:
            raise ValueError(f"{value!r} is not a mode in octal digits, such as 660")
        return value

    def _read(self, text: str) -> Any:
        return int(text, 8) if re.fullmatch(r"[0-7]{3,4}", text, re.ASCII) else text


@dataclass(frozen=True, slots=True)
class Words(Kind):
    """Any number of texts. In one text they are separated by commas or white space."""

    metavar: str = "TEXT"

    def check(self, value: Any) -> tuple[str, ...]:
        """Check a tuple of texts."""
        words = self._read(value) if isinstance(value, str) else value
        if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
            raise ValueError(f"{value!r} is not a list of strings")
        return tuple(words)

    def _read(self, text: str) -> Any:
        return tuple(word for word in re.split(r"[,\s]+", text) if word)


@dataclass(frozen=True, slots=True)
class Fields(Kind):
    """Any number of header fields, written NAME:VALUE. In one text each is on a line of its own."""

    metavar: str = "NAME:VALUE"

    def check(self, value: Any) -> tuple[tuple[str, str], ...]:
        """Check a tuple of names and values."""
        try:
            pairs = [(str(name).strip(), str(content).strip()) for name, content in value]
        except (TypeError, ValueError):
            raise ValueError(f"{value!r} is not a list of (name, value) pairs") from None
        for name, content in pairs:
            if not _TOKEN.fullmatch(name):
                raise ValueError(f"{name!r} is not a valid header name")
            if name.lower() in _OWN_FIELDS:
                raise ValueError(f"{name!r} is a header that only the server sets")
            if not _FIELD_VALUE.fullmatch(content):
                raise ValueError(f"{content!r} is not a valid header value")
        return tuple(pairs)

    def _read(self, text: str) -> Any:
        lines = [line.partition(":") for line in text.splitlines() if line.strip()]
        if not all(colon for _, colon, _ in lines):
            raise ValueError(f"{text!r} is not a header of the form NAME:VALUE")
        return [(name, content) for name, _, content in lines]


def _checked(option: Option, value: Any) -> Any:
    """Return the value of a keyword. None means no value wherever that is the default."""
    if value is None and option.default is None:
        return None
    return _named(option.name, option.kind.check, value)


def _parsed(option: Option, given: Any) -> Any:
    """Return the value of one option on the command line: a flag, a text, or a list of texts."""
    if isinstance(given, bool):
        return given
    flag = option.flags[0]
    if isinstance(given, list):
        return tuple(entry for text in given for entry in _named(flag, option.kind.parse, text))
    return _named(flag, option.kind.parse, given)


def _named(name: str, read: Any, value: Any) -> Any:
    """Read a value; an error in it is prefixed with the name under which it was given."""
    try:
        return read(value)
    except ValueError as error:
        raise OptionError(f"{name}: {error}") from None


class _Parser(argparse.ArgumentParser):
    """argparse's parser, with errors raised as OptionErrors of one line."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(message)


def _parser(options: Sequence[Option]) -> argparse.ArgumentParser:
    parser = _Parser(prog="vitok serve", description=_DESCRIPTION, epilog=_EPILOG, allow_abbrev=False)
    parser.add_argument("app", nargs="?", help=f"the application, as module:attribute ({APP_VARIABLE})")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in options:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        _add(groups[option.group], option)
    return parser


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    """Add one option. Its text is read later, by the same code as that of its variable."""
    words: dict[str, Any] = {"dest": option.name, "default": argparse.SUPPRESS}
    words["help"] = f"{option.help} ({shown(option)})".replace("%", "%%")
    if isinstance(option.kind, Flag):
        group.add_argument(*option.flags, action=argparse.BooleanOptionalAction, **words)
    elif isinstance(option.kind, Words | Fields):
        group.add_argument(*option.flags, action="append", metavar=option.kind.metavar, **words)
    else:
        group.add_argument(*option.flags, metavar=option.kind.metavar, **words)
