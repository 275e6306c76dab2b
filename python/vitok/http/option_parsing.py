"""Options as text and as values: reading them from a command line, an environment and keywords.

The command line has precedence over the environment; keywords stand alone. Every error is an OptionError (a ValueError)
of one line that names the option, the variable or the keyword. The options and their types are not known here.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from .option_types import Certificates, Fields, Flag, Kind, Mounts, Words

APP_VARIABLE = "VITOK_APP"
_KEY = "vitok.option"
_DESCRIPTION = "Serves an application, of ASGI or of vitok.http, over HTTP/1.1 and WebSocket."
_EPILOG = (
    "Each option has an environment variable, VITOK_ and its name in capitals, such as VITOK_PORT or "
    "VITOK_LOG_LEVEL; the command line has precedence. Limits may be none."
)


class OptionError(ValueError):
    """An option with an invalid value, or options that exclude each other. The message is one line that names them."""


@dataclass(frozen=True, slots=True)
class Option:
    """The description of one option. `flags` are its names on the command line, its own name first.

    `also_variable` is another program's name of a variable for it, which is read after the variable of its own.
    """

    name: str
    kind: Kind
    default: Any
    group: str
    help: str
    others: str
    flags: tuple[str, ...]
    is_native: bool
    also_variable: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it for the command."""
        return f"VITOK_{self.name.upper()}"

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables that set it, in the order in which they are looked for."""
        return (self.variable, self.also_variable) if self.also_variable else (self.variable,)


def option(
    default: Any,
    kind: Kind,
    help: str,  # noqa: A002 - argparse's word for it
    *,
    others: str = "",
    flag: str = "",
    also: str = "",
    also_variable: str = "",
    is_native: bool = False,
) -> Any:
    """Return a field of a dataclass of options. `flag` is its name on the command line if it differs from that of the
    field, `also` a second one.
    """
    facts = {"kind": kind, "help": help, "others": others, "flag": flag, "also": also}
    facts |= {"is_native": is_native, "also_variable": also_variable}
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
        elif variable := next((name for name in option.variables if name in environment), None):
            values[option.name] = _named(variable, option.kind.parse, environment[variable])
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
    elif isinstance(option.kind, Words | Fields | Certificates | Mounts):
        group.add_argument(*option.flags, action="append", metavar=option.kind.metavar, **words)
    else:
        group.add_argument(*option.flags, metavar=option.kind.metavar, **words)
