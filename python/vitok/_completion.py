"""The completion of the command `vitok` for bash, zsh and fish: `vitok --completion SHELL` prints it.

Commands, options and their values are those of the parsers of the command line; applications, modules and numbers of
processes are not completed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ._commands import COMMANDS, SHELLS, parser

# The placeholder of a value that is a file.
_FILE = "PATH"
# Commands whose arguments are files. Those of the others are applications, processes, or nothing.
_WITH_FILES = frozenset({"run", "bench"})

_BASH = """\
# Completion of vitok in bash: eval "$(vitok --completion bash)"
_vitok() {{
  local command='' word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} i
  COMPREPLY=()
  # The equals sign of --option=value is a word of its own.
  if [[ $word == '=' ]]; then
    word=''
  elif [[ $before == '=' ]]; then
    before=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case $command:${{COMP_WORDS[i]}} in
      {commands}) command=${{COMP_WORDS[i]}} ;;
      :-m | :-c | run:-m | run:-c) return ;;
      :-* | := | run:-*) ;;
      # What follows a program is its own.
      :* | run:*) return ;;
    esac
  done
  case $command:$before in
{values}
    {files}) return ;;
    {others}) compopt +o default 2>/dev/null; return ;;
  esac
  case $command:$word in
{options}
    :*) COMPREPLY=($(compgen -W '{names}' -- "$word")) ;;
    {plain}) compopt +o default 2>/dev/null ;;
  esac
}}
complete -o default -F _vitok vitok
"""
_ZSH = """\
#compdef vitok
# Completion of vitok in zsh: eval "$(vitok --completion zsh)" after compinit
_vitok() {{
  local context state state_descr line
  typeset -A opt_args
  local -a commands=(
{commands}
  )
  _arguments -C \\
{main}
    '1: :->first' \\
    '*:: :->rest'
  case $state in
    first)
      _describe -t commands command commands
      _files
      ;;
    rest)
      case $words[1] in
{cases}
        *) _files ;;
      esac
      ;;
  esac
}}
if [[ $funcstack[1] == _vitok ]]; then _vitok "$@"; else compdef _vitok vitok; fi
"""


_FISH = """\
# Completion of vitok in fish: vitok --completion fish | source
function __vitok_run_has_no_program
  __fish_seen_subcommand_from run; or return
  for word in (commandline -opc | tail -n +3)
    switch $word
      case -m -c
        return 1
      case '-*'
      case '*'
        return 1
    end
  end
end
"""


@dataclass(frozen=True, slots=True)
class _Option:
    """An option of a command: its names, what it says, and what it takes."""

    flags: tuple[str, ...]
    help: str
    metavar: str
    words: tuple[str, ...]
    takes_file: bool


def script(shell: str) -> str:
    """Return the completion for this shell, one of `_commands.SHELLS`."""
    commands = {name: list(_options(one)) for name, one in _parsers().items()}
    scripts: dict[str, Callable[[dict[str, list[_Option]]], str]]
    scripts = dict(zip(SHELLS, (_bash, _zsh, _fish), strict=True))
    return scripts[shell](commands)


def _parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command, and that of the words before it, whose name is empty."""
    from . import _top
    from .http.option_parsing import parser as serve
    from .http.options import table

    main = parser()
    found = {"": main}
    for action in main._actions:
        commands: Any = action
        if isinstance(action, argparse._SubParsersAction):
            found |= commands.choices
    return {**found, "serve": serve(table()), "top": _top.parser()}


def _options(one: argparse.ArgumentParser) -> Iterator[_Option]:
    for action in one._actions:
        if not action.option_strings:
            continue
        metavar = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
        words = (
            tuple(map(str, action.choices)) if action.choices else tuple(metavar.split("|")) if "|" in metavar else ()
        )
        text = " ".join((action.help or "").replace("%%", "%").split())
        yield _Option(tuple(action.option_strings), text, metavar, words, metavar == _FILE)


def _bash(commands: dict[str, list[_Option]]) -> str:
    chosen: list[str] = []
    options: list[str] = []
    files: list[str] = []
    others: list[str] = []
    for name, its in commands.items():
        for one in its:
            patterns = [f"{name}:{flag}" for flag in one.flags]
            if one.words:
                reply = f"COMPREPLY=($(compgen -W '{' '.join(one.words)}' -- \"$word\")); return"
                chosen.append(f"    {' | '.join(patterns)}) {reply} ;;")
            elif one.takes_file:
                files += patterns
            elif one.metavar and name != "run":
                others += patterns
        flags = " ".join(flag for one in its for flag in one.flags)
        options.append(f"    {name}:-*) COMPREPLY=($(compgen -W '{flags}' -- \"$word\")) ;;")
    return _BASH.format(
        commands=" | ".join(f":{name}" for name in COMMANDS),
        names=" ".join(COMMANDS),
        values="\n".join(chosen),
        files=_lines(files),
        others=_lines(others),
        options="\n".join(options),
        plain=" | ".join(f"{name}:*" for name in COMMANDS if name not in _WITH_FILES),
    )


def _lines(patterns: list[str]) -> str:
    """Return alternatives of one case, each on a line."""
    return " | \\\n    ".join(patterns)


def _zsh(commands: dict[str, list[_Option]]) -> str:
    cases: list[str] = []
    for name, its in commands.items():
        if name and name != "bench":
            specs = " \\\n".join(f"            {spec}" for one in its for spec in _zsh_specs(one))
            rest = "'*:: :_files'" if name in _WITH_FILES else "'1: :()'"
            cases.append(f"        {name})\n          _arguments \\\n{specs} \\\n            {rest}\n          ;;")
    return _ZSH.format(
        commands="\n".join(f"    {_quoted(f'{name}:{text}')}" for name, text in COMMANDS.items()),
        main="\n".join(f"    {spec} \\" for one in commands[""] for spec in _zsh_specs(one)),
        cases="\n".join(cases),
    )


def _zsh_specs(one: _Option) -> Iterator[str]:
    """Return a specification of _arguments for each name of an option."""
    text = one.help.replace("[", r"\[").replace("]", r"\]")
    for flag in one.flags:
        if not one.metavar:
            yield _quoted(f"{flag}[{text}]")
            continue
        value = f"({' '.join(one.words)})" if one.words else "_files" if one.takes_file else " "
        name = one.metavar.replace(":", r"\:")
        equals = "=" if flag.startswith("--") else ""
        yield _quoted(f"*{flag}{equals}[{text}]:{name}:{value}")


def _fish(commands: dict[str, list[_Option]]) -> str:
    lines: list[str] = []
    for name, text in COMMANDS.items():
        lines.append(f"complete -c vitok -n __fish_use_subcommand -a {name} -d {_quoted(text)}")
    for name, its in commands.items():
        condition = _quoted(f"__fish_seen_subcommand_from {name}") if name else "__fish_use_subcommand"
        if name == "run":
            condition = "__vitok_run_has_no_program"
        if name and name not in _WITH_FILES:
            lines.append(f"complete -c vitok -n {condition} -f")
        for one in its:
            names = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in one.flags)
            value = f" -x -a {_quoted(' '.join(one.words))}" if one.words else ""
            value = value or (" -r -F" if one.takes_file else " -x" if one.metavar else "")
            lines.append(f"complete -c vitok -n {condition} {names}{value} -d {_quoted(one.help)}")
    return _FISH + "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a word that each of the shells reads as this text, which has no backslash before a quote."""
    return "'" + text.replace("'", "'\\''") + "'"
