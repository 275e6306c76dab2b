"""Reads options from the command line, the environment, and the keywords of a call.

The command line has precedence over the environment; keywords stand alone. Every error is an OptionError (a ValueError)
of one line that names the option, the variable or the keyword. The effect of options is not known here.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from .errors import OptionError
from .option_types import Fields, Flag, Words
from .options import Option, Options, table

APP_VARIABLE = "VITOK_APP"
_DESCRIPTION = "Serves an ASGI application over HTTP/1.1."
_EPILOG = (
    "Each option has an environment variable, VITOK_ and its name in capitals, such as VITOK_PORT or "
    "VITOK_LOG_LEVEL; the command line has precedence. Limits may be none."
)


def from_command(words: Sequence[str], environment: Mapping[str, str]) -> tuple[str, Options]:
    """Return the application's name and the options, from the command line and the environment.

    SystemExit after `--help`, OptionError for what can't be parsed.
    """
    given = vars(_parser().parse_args(list(words)))
    app = given.pop("app", None) or environment.get(APP_VARIABLE)
    if not app:
        raise OptionError("expected an application, as module:attribute")
    values = {}
    for option in table():
        if option.name in given:
            values[option.name] = _parsed(option, given[option.name])
        elif option.variable in environment:
            values[option.name] = _named(option.variable, option.kind.parse, environment[option.variable])
    return app, Options(**values)


def from_keywords(keywords: Mapping[str, Any]) -> Options:
    """Return the options of keywords. TypeError for an unknown one, OptionError for an invalid value."""
    known = {option.name: option for option in table()}
    if unknown := sorted(keywords.keys() - known):
        raise TypeError(f"unexpected option {unknown[0]!r}")
    return Options(**{name: _checked(known[name], value) for name, value in keywords.items()})


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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="vitok serve", description=_DESCRIPTION, epilog=_EPILOG, allow_abbrev=False)
    parser.add_argument("app", nargs="?", help=f"the application, as module:attribute ({APP_VARIABLE})")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in table():
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
