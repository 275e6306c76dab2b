"""Patterns of routes as the application defines them: their parts, and the path for given parameters.

The native code compiles the same patterns and matches them; a test compares the two grammars. Nothing here knows
handlers.
"""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

from ..narrowing import pairs_of
from .converters import BUILT_IN, Converter, format_built_in

Query = Mapping[str, Any] | Iterable[tuple[str, Any]]

# As many as a match has places for in the native code.
PARAMETERS_AT_MOST = 8

# What a segment may have beside letters and digits (RFC 3986 section 3.3).
_SEGMENT_SAFE = "!$&'()*+,;=:@~"
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::([^{}:/]+))?\}")
# Characters that end a path, or that no decoded path has.
_NOT_IN_PATTERN = re.compile(r"[%?#\0]")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """A route, as `request.route` has it."""

    pattern: str
    """The pattern, with the prefixes of the applications that it is mounted in."""
    name: str | None
    """The name for `url_for`, likewise; None for a route without one."""
    methods: tuple[str, ...] | None
    """The methods; None if it takes all, or is a WebSocket."""
    scope: str = ""
    """The prefix of names in the application that defines the route: empty or with a colon at its end."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a pattern, with the name of its converter."""

    name: str
    converter: str


@dataclasses.dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern in its segments: texts, and parameters."""

    text: str
    segments: tuple[str | Parameter, ...]

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters, in order."""
        return [segment for segment in self.segments if isinstance(segment, Parameter)]

    def shape(self) -> tuple[str | None, ...]:
        """Return what two patterns have in common that match the same paths: texts, and converters."""
        return tuple(
            f"{{{segment.converter}}}" if isinstance(segment, Parameter) else segment for segment in self.segments
        )


# A pattern with the converters of the application that it is of.
Section = tuple[Pattern, Mapping[str, Converter[Any]]]


def parse(text: str, converters: Mapping[str, Converter[Any]]) -> Pattern:
    """Return the parts of a pattern. ValueError says what is wrong with it.

    `converters` are the program's own.
    """
    if not text.startswith("/"):
        raise ValueError(f"route {text!r}: expected a slash at its start")
    if found := _NOT_IN_PATTERN.search(text):
        raise ValueError(f"route {text!r}: expected a path that is not percent-encoded, without {found[0]!r}")
    segments = tuple(_segment(text, part, converters) for part in text[1:].split("/"))
    pattern = Pattern(text, segments)
    if "" in segments[:-1]:
        raise ValueError(f"route {text!r}: it has an empty segment")
    names = [parameter.name for parameter in pattern.parameters]
    if len(set(names)) < len(names):
        raise ValueError(f"route {text!r}: two parameters have one name")
    if len(names) > PARAMETERS_AT_MOST:
        raise ValueError(f"route {text!r}: more than {PARAMETERS_AT_MOST} parameters")
    if any(isinstance(segment, Parameter) and segment.converter == "path" for segment in segments[:-1]):
        raise ValueError(f"route {text!r}: a parameter with the converter path is the last segment")
    return pattern


def _segment(pattern: str, text: str, converters: Mapping[str, Converter[Any]]) -> str | Parameter:
    """Return one segment of a pattern."""
    if "{" not in text and "}" not in text:
        return text
    found = _PARAMETER.fullmatch(text)
    if found is None:
        raise ValueError(f"route {pattern!r}: expected {{name}} or {{name:converter}} as a whole segment, not {text!r}")
    name, converter = found[1], found[2] or "str"
    if converter not in BUILT_IN and converter not in converters:
        known = ", ".join(sorted(BUILT_IN | converters.keys()))
        raise ValueError(f"route {pattern!r}: no converter is named {converter!r}: expected one of {known}")
    if name.startswith("_"):
        raise ValueError(f"route {pattern!r}: a parameter's name begins with a letter, not {name!r}")
    return Parameter(name, converter)


def methods_of(methods: Iterable[str]) -> tuple[str, ...]:
    """Return the methods of a route, each once. ValueError for what is no method, TypeError for a text."""
    if isinstance(methods, str):
        raise TypeError(f"methods: expected a list of methods, not {methods!r}")
    names = tuple(dict.fromkeys(methods))
    for name in names:
        if not _METHOD.fullmatch(name):
            raise ValueError(f"methods: {name!r} is no method")
    if not names:
        raise ValueError("methods: expected at least one method")
    return names


def path_for(sections: list[Section], values: Mapping[str, Any]) -> str:
    """Return the percent-encoded path that has these parameters, of patterns one behind the other.

    TypeError if one is missing or unknown, ValueError if no path has such a value.
    """
    text = "".join(pattern.text for pattern, _ in sections)
    names = [parameter.name for pattern, _ in sections for parameter in pattern.parameters]
    wrong = [f"{name} is missing" for name in names if name not in values]
    wrong += [f"{name} is unknown" for name in values if name not in names]
    if wrong:
        raise TypeError(f"route {text!r}: {', '.join(wrong)}")
    path = "".join(
        "/" + (_encoded(part, converters, values[part.name]) if isinstance(part, Parameter) else _quote(part))
        for pattern, converters in sections
        for part in pattern.segments
    )
    # As a reference, it would be the host of another server (RFC 3986 section 4.2).
    if path.startswith("//"):
        raise ValueError(f"route {text!r}: the path would begin with two slashes: {path!r}")
    return path


def _encoded(parameter: Parameter, converters: Mapping[str, Converter[Any]], value: Any) -> str:
    """Return a parameter as it stands in a path."""
    custom = converters.get(parameter.converter)
    try:
        text = format_built_in(parameter.converter, value) if custom is None else custom.format(value)
        segments = text.split("/") if parameter.converter == "path" else [text]
        # Clients remove such segments, encoded or not, before they send a request (RFC 3986 section 5.2.4).
        if "\0" in text or "." in segments or ".." in segments or (text == "" and parameter.converter != "path"):
            raise ValueError(f"no path has the text {text!r} there")
        return "/".join(map(_quote, segments))
    except (TypeError, ValueError) as error:
        raise ValueError(f"parameter {parameter.name!r}: {error}") from error


def _quote(text: str) -> str:
    """Return a segment percent-encoded, with its slashes."""
    return urllib.parse.quote(text, safe=_SEGMENT_SAFE)


def query_of(query: Query | None) -> str:
    """Return a query with its question mark, or an empty text. A list or tuple is several values of one name."""
    if not query:
        return ""
    encoded = urllib.parse.urlencode(list(pairs_of(query)), doseq=True)
    return f"?{encoded}" if encoded else ""


def covers(prefix: Pattern, path: str) -> bool:
    """Return whether a decoded path is below a prefix, or the prefix itself."""
    if prefix.segments == ("",):
        return True
    segments = path[1:].split("/")
    return len(segments) >= len(prefix.segments) and all(
        isinstance(expected, Parameter) or expected == segment
        for expected, segment in zip(prefix.segments, segments, strict=False)
    )
