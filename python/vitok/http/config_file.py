"""Options in a file of TOML, read and written: each under its name, with `_` or `-`, and `app` for the application.

A value has the type of TOML that suits the option: a number, a boolean, a string, or an array. Limits may be "none".
Permissions are strings of octal digits, since the parser does not tell 660 from 0o660. Header fields, certificates and
mounts are arrays of strings as on the command line; header fields and mounts may be tables. The meaning of options, and
whether the values in a file count, are not known here.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .narrowing import is_dict, is_list, is_tuple
from .option_parsing import Option, OptionError, named
from .option_types import NO_LIMIT, Certificates, Choice, Fields, Kind, Mode, Mounts, Seconds, Text, Whole
from .text_file import read_text

PROJECT = "pyproject.toml"
_TABLES = ("tool", "vitok", "serve")
_APP = "app"
# The origin of a value that is not given anywhere.
_DEFAULT = "default"


def read(options: Sequence[Option], option: str, path: str) -> dict[str, Any]:
    """Return the values in a file, by the names of their options.

    Of a pyproject.toml only the table [tool.vitok.serve] is looked at. OptionError names the file and the key; `option`
    is the one that names the file, or "".
    """
    text = read_text(option or "the configuration", path)
    try:
        content: Mapping[str, Any] = tomllib.loads(text)
    except RecursionError:
        raise OptionError(f"{path}: nested too deeply") from None
    except ValueError as error:
        raise OptionError(f"{path}: not valid TOML: {error}") from None
    if Path(path).name == PROJECT:
        content = _project_table(content, path)
    return _values(options, content, path)


def _project_table(content: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """Return the table for this program, which is empty if it is missing."""
    for depth, name in enumerate(_TABLES, 1):
        content = content.get(name, {})
        if not isinstance(content, dict):
            raise OptionError(f"{path}: expected a table [{'.'.join(_TABLES[:depth])}]")
    return content


def _values(options: Sequence[Option], content: Mapping[str, Any], path: str) -> dict[str, Any]:
    known = {name: option for option in options for name in _names(option)}
    found: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name != _APP and name not in known:
            raise OptionError(f"{path}: unknown key {key!r}{_suggestion(name, known)}")
        own, kind = (_APP, Text()) if name == _APP else (known[name].name, known[name].kind)
        if own in found:
            raise OptionError(f"{path}: {key!r} is given twice, under two names")
        if _has_nul(value):
            raise OptionError(f"{path}: {key}: a value has a NUL character")
        if name in known and known[name].is_secret and not isinstance(value, str):
            # Without the value.
            raise OptionError(f"{path}: {key}: expected a string")
        found[own] = named(f"{path}: {key}", partial(_value, kind), value)
    return found


def _names(option: Option) -> list[str]:
    """Return the names of an option: those of the keyword and of the command line."""
    return [option.name, *(flag.removeprefix("--").replace("-", "_") for flag in option.flags)]


def _suggestion(name: str, known: Mapping[str, Option]) -> str:
    close = difflib.get_close_matches(name, [_APP, *known], n=1)
    return f": did you mean {close[0]!r}?" if close else ""


def _value(kind: Kind, value: Any) -> Any:
    """Return the value of an option. ValueError says what is wrong with it."""
    match kind, value:
        case Mode(), int():
            raise ValueError('expected octal digits in quotes, such as "660"')
        case ((Mode() | Choice() | Fields() | Certificates() | Mounts()), str()):
            return kind.parse(value)
        case ((Whole() | Seconds()), str()) if value.lower() == NO_LIMIT:
            return kind.parse(value)
        case ((Fields() | Mounts()), _) if is_dict(value):
            return kind.check(tuple(value.items()))
        case Fields(), _ if is_list(value) and all(isinstance(entry, str) for entry in value):
            return tuple(pair for entry in value for pair in kind.parse(entry))
    return kind.check(value)


def _has_nul(value: Any) -> bool:
    """Return whether there is a NUL in a text: neither paths nor addresses nor fields may have one."""
    if isinstance(value, str):
        return "\0" in value
    if is_list(value):
        return any(map(_has_nul, value))
    return is_dict(value) and any(_has_nul(part) for pair in value.items() for part in pair)


def written(options: Sequence[Option], values: Mapping[str, Any], sources: Mapping[str, str]) -> str:
    """Return a file with these values, a line for each, whose comment is the origin of the value.

    It can be read again. Lines of options without a value, and of those that are secret, are comments.
    """
    app = values[_APP]
    lines = [f"app = {_string(app)}  # {_comment(sources[_APP])}" if app else "# app is not set"]
    group = ""
    for option in options:
        if option.group != group:
            group = option.group
            lines += ["", f"# {group}"]
        source = sources.get(option.name, _DEFAULT)
        value = values[option.name]
        if option.is_secret and value is not None:
            lines.append(f"# {option.name} is set, and not shown: {_comment(source)}")
        elif (shown := _shown(option.kind, value)) is None:
            lines.append(f"# {option.name} is not set")
        else:
            lines.append(f"{option.name} = {shown}  # {_comment(source)}")
    return "".join(f"{line}\n" for line in lines)


def _shown(kind: Kind, value: Any) -> str | None:
    """Return a value as TOML, or None if there is no value."""
    match kind, value:
        case ((Whole() | Seconds()), None):
            return _string(NO_LIMIT) if isinstance(kind, Seconds) or kind.may_be_none else None
        case _, None:
            return None
        case _, bool():
            return "true" if value else "false"
        case Mode(), int():
            return _string(f"{value:03o}")
        case _, float():
            return f"{value:g}" if value == float(f"{value:g}") else repr(value)
        case _, int():
            return str(value)
        case Fields(), _ if is_tuple(value):
            return _array(f"{name}: {content}" for name, content in value)
        case Mounts(), _ if is_tuple(value):
            return _list(_entry(kind, f"{path or '/'}={folder}", (path or "/", folder)) for path, folder in value)
        case Certificates(), _ if is_tuple(value):
            return _list(
                _entry(kind, f"{host}={files}" + (f":{key}" if key else ""), (host, files, *([key] if key else [])))
                for host, files, key in value
            )
        case _ if is_tuple(value):
            return _array(value)
    return _string(str(value))


def _entry(kind: Kind, text: str, parts: Sequence[str]) -> str:
    """Return an entry as a text, or as an array of its parts if these have the characters between them."""
    return _string(text) if kind.check([text]) == kind.check([parts]) else _array(parts)


def _array(texts: Iterable[str]) -> str:
    return _list(map(_string, texts))


def _list(shown: Iterable[str]) -> str:
    return f"[{', '.join(shown)}]"


def _string(text: str) -> str:
    """Return a text as a basic string of TOML, which is one of JSON but for DEL. Bytes that are no text are lost."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    """Return the origin of a value, in one line whatever the name of a file is."""
    return text if text.isprintable() else ascii(text)
