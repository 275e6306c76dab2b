"""Options as text and as values: reading them from a command line, an environment and keywords.

Every error is an OptionError (a ValueError) of one line that names the option, the variable or the keyword. The options
and their types, files, and which of several values counts are not known here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from vitok import _native
from vitok._near_option import near_option

from .narrowing import is_list, is_tuple
from .option_types import Certificates, Fields, Flag, Kind, Mounts, Words

APP_VARIABLE = "VITOK_APP"
CONFIG_VARIABLE = "VITOK_CONFIG"
ENV_FILE_VARIABLE = "VITOK_ENV_FILE"
_KEY = "vitok.option"
_USAGE = "vitok serve [options] [app]"
_DESCRIPTION = "Serves an application of ASGI, of vitok.http or of WSGI over HTTP/1.1, HTTP/2 and WebSocket."
_EPILOG = (
    "Each option has an environment variable, VITOK_ and its name in capitals, such as VITOK_PORT or "
    "VITOK_LOG_LEVEL. Times are in seconds; most limits may be none. docs/serve/options.md says more about each."
)
_CONFIG_HELP = (
    f"read options from this TOML file, by default [tool.vitok.serve] of pyproject.toml; the command line and "
    f"variables have precedence ({CONFIG_VARIABLE})"
)
_ENV_FILE_HELP = f"set the variables of this file, NAME=VALUE, that are not set yet ({ENV_FILE_VARIABLE})"
_PRINT_CONFIG_HELP = "print each option with the origin of its value, and exit"
_CHECK_CONFIG_HELP = "load the application and all files, and exit: 0 if all is well"


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
    is_secret: bool

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
    is_secret: bool = False,
) -> Any:
    """Return a field of a dataclass of options. `flag` is its name on the command line if it differs from that of the
    field, `also` a second one. The value of one that `is_secret` is never shown.
    """
    facts = {"kind": kind, "help": help, "others": others, "flag": flag, "also": also}
    facts |= {"is_native": is_native, "also_variable": also_variable, "is_secret": is_secret}
    return field(default=default, metadata={_KEY: facts})


def options_of(table: Any, groups: Mapping[str, str]) -> tuple[Option, ...]:
    """Describe the fields of such a class. `groups` has the title of each group, by the name of its first option."""
    found: list[Option] = []
    group = ""
    for one in fields(table):
        group = groups.get(one.name, group)
        facts = dict(one.metadata[_KEY])
        flag, also = facts.pop("flag") or f"--{one.name.replace('_', '-')}", facts.pop("also")
        flags = (flag, also) if also else (flag,)
        found.append(Option(name=one.name, default=one.default, group=group, flags=flags, **facts))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a command line gives: the application, the values of options, and where more of them are."""

    app: str | None
    values: dict[str, Any]
    config: str | None
    env_file: str | None
    print_config: bool
    check_config: bool


def read_command_line(options: Sequence[Option], words: Sequence[str]) -> CommandLine:
    """Parse the words of a command. SystemExit after `--help` and `--version`, OptionError for what can't be parsed."""
    given = vars(parser(options).parse_args(list(words)))
    values = {option.name: _parsed(option, given.pop(option.name)) for option in options if option.name in given}
    return CommandLine(values=values, **given)


def read_environment(options: Sequence[Option], environment: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    """Return the variable and the value of each option that has one. OptionError names a variable that is invalid."""
    found: dict[str, tuple[str, Any]] = {}
    for option in options:
        variable = next((name for name in option.variables if name in environment), None)
        if variable is not None:
            found[option.name] = (variable, named(variable, option.kind.parse, environment[variable]))
    return found


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
        case words if is_tuple(words):
            return f"default: {','.join(words)}"
        case float() as seconds:
            return f"default: {seconds:g}"
        case value:
            return f"default: {value}"


def _checked(option: Option, value: Any) -> Any:
    """Return the value of a keyword. None means no value wherever that is the default."""
    if value is None and option.default is None:
        return None
    if option.is_secret and not isinstance(value, str):
        raise OptionError(f"{option.name}: expected a string")
    return named(option.name, option.kind.check, value)


def _parsed(option: Option, given: Any) -> Any:
    """Return the value of one option on the command line: a flag, a text, or a list of texts."""
    if isinstance(given, bool):
        return given
    flag = option.flags[0]
    if is_list(given):
        return tuple(entry for text in given for entry in named(flag, option.kind.parse, text))
    return named(flag, option.kind.parse, given)


def named(name: str, read: Callable[[Any], Any], value: Any) -> Any:
    """Return read(value). A ValueError becomes an OptionError with the name under which the value was given."""
    try:
        return read(value)
    except ValueError as error:
        raise OptionError(f"{name}: {error}") from None


class _Parser(argparse.ArgumentParser):
    """argparse's parser, with errors raised as OptionErrors of one line."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(message.removeprefix("argument ") + near_option(self, message))


def parser(options: Sequence[Option]) -> argparse.ArgumentParser:
    """Return the parser of the command line. The values that it returns are texts."""
    made = _Parser(prog="vitok serve", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, allow_abbrev=False)
    made.add_argument("app", nargs="?", help=f"the application, as module:attribute ({APP_VARIABLE})")
    made.add_argument("--version", action="version", version=f"vitok {_native.build_info()['version']}")
    group = made.add_argument_group("Configuration")
    group.add_argument("--config", metavar="PATH", help=_CONFIG_HELP)
    group.add_argument("--env-file", metavar="PATH", help=_ENV_FILE_HELP)
    group.add_argument("--print-config", action="store_true", help=_PRINT_CONFIG_HELP)
    group.add_argument("--check-config", action="store_true", help=_CHECK_CONFIG_HELP)
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in options:
        if option.group not in groups:
            groups[option.group] = made.add_argument_group(option.group)
        _add(groups[option.group], option)
    return made


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    """Add one option. Its text is read later, by the same code as that of its variable."""
    words: dict[str, Any] = {"dest": option.name, "default": argparse.SUPPRESS}
    default = f" ({shown(option)})" if option.default not in (None, (), "", False) else ""
    words["help"] = (option.help + default).replace("%", "%%")
    if isinstance(option.kind, Flag):
        group.add_argument(*option.flags, action=argparse.BooleanOptionalAction, **words)
    elif isinstance(option.kind, Words | Fields | Certificates | Mounts):
        group.add_argument(*option.flags, action="append", metavar=option.kind.metavar, **words)
    else:
        group.add_argument(*option.flags, metavar=option.kind.metavar, **words)
