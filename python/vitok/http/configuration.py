"""The configuration of `vitok serve`: which of the values given for an option counts, and where it comes from.

The command line has precedence over environment variables, these over a file of TOML, and that over the defaults. A
file of environment variables is read before; variables that are set already stay as they are. The file of TOML is that
of `--config`, or pyproject.toml in the current folder, if that has a table [tool.vitok.serve]. The meaning of options
is not known here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import config_file, env_file, suggestions
from .option_parsing import (
    APP_VARIABLE,
    CONFIG_VARIABLE,
    ENV_FILE_VARIABLE,
    CommandLine,
    OptionError,
    read_command_line,
    read_environment,
)
from .options import Options, table

_COMMAND_LINE = "command line"
_ONE_ADDRESS, _ADDRESSES = frozenset({"host", "port"}), frozenset({"bind", "uds", "fd"})
_WAYS = ((_ONE_ADDRESS, _ADDRESSES), (_ADDRESSES, _ONE_ADDRESS | _ADDRESSES))


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is in force. `sources` has the origin of each value that is no default, by the name of its option.

    `app` is "" if only the options are to be printed and none is given.
    """

    app: str
    options: Options
    sources: Mapping[str, str]
    is_printed: bool
    is_checked: bool


def read(
    words: Sequence[str], environment: MutableMapping[str, str], *, inherited: Sequence[int] = ()
) -> Configuration:
    """Return the configuration of a command. Variables of a file are set in `environment`.

    The sockets `inherited` from systemd, by the numbers of their descriptors, are used if no place gives an address.
    SystemExit after `--help` and `--version`, OptionError for what can't be read or understood.
    """
    given = read_command_line(table(), words)
    of_file = _load_variables(given, environment)
    path, found = _file(given, environment)
    of_words = {name: (value, _COMMAND_LINE) for name, value in given.values.items()}
    of_variables = {
        name: (value, of_file.get(variable, variable))
        for name, (variable, value) in read_environment(table(), environment).items()
    }
    if given.app is not None:
        of_words["app"] = (given.app, _COMMAND_LINE)
    if APP_VARIABLE in environment:
        of_variables["app"] = (environment[APP_VARIABLE], of_file.get(APP_VARIABLE, APP_VARIABLE))
    chosen = _chosen(of_words, of_variables, {name: (value, path) for name, value in found.items()})
    if inherited and not chosen.keys() & (_ONE_ADDRESS | _ADDRESSES):
        chosen["bind"] = (tuple(f"fd://{number}" for number in inherited), "LISTEN_FDS")
    values = {name: value for name, (value, _) in chosen.items()}
    sources = {name: source for name, (_, source) in chosen.items()}
    if values.get("reload") and values.get("workers", 1) != 1 and sources["workers"] != _COMMAND_LINE:
        raise OptionError(f"--reload is for one process, but workers is {values['workers']} ({sources['workers']})")
    app = values.pop("app", "")
    if not app and (given.check_config or not given.print_config):
        meant = suggestions.for_nothing(values.get("app_dir") or ".")
        raise OptionError(f"expected an application, as module:attribute{meant}")
    return Configuration(app, Options(**values), sources, given.print_config, given.check_config)


def _chosen(*places: Mapping[str, tuple[Any, str]]) -> dict[str, tuple[Any, str]]:
    """Return the value of each option that counts: that of the first place which has one.

    There are two ways to give addresses. The one that an earlier place uses excludes the other one in later places; and
    a list of addresses is replaced as a whole, whichever options it consists of.
    """
    chosen: dict[str, tuple[Any, str]] = {}
    for place in places:
        excluded = {name for one, other in _WAYS if one & chosen.keys() for name in other} | chosen.keys()
        chosen |= {name: value for name, value in place.items() if name not in excluded}
    return chosen


def _load_variables(given: CommandLine, environment: MutableMapping[str, str]) -> dict[str, str]:
    """Set the variables of a file, and return what each of them is called as an origin."""
    option, path = "--env-file", given.env_file
    if path is None:
        option, path = ENV_FILE_VARIABLE, environment.get(ENV_FILE_VARIABLE)
    if path is None:
        return {}
    return {name: f"{name} in {path}" for name in env_file.load(option, path, environment)}


def _file(given: CommandLine, environment: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return the path of a file of options, and the values in it."""
    if given.config is not None:
        return given.config, config_file.read(table(), "--config", given.config)
    if (path := environment.get(CONFIG_VARIABLE)) is not None:
        return path, config_file.read(table(), CONFIG_VARIABLE, path)
    if os.path.lexists(config_file.PROJECT):
        return config_file.PROJECT, config_file.read(table(), "", config_file.PROJECT)
    return "", {}
