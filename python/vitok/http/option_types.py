"""The types of options: each converts a text, or checks the value that a program gives.

A ValueError says what is wrong with a value. The names of options are not known here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from vitok._native import check_access_format

from .narrowing import is_sequence

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
# RFC 1034, section 3.5, and the underscore that some names have: a label of a host name.
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


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
class AccessFormat(Text):
    """A format of lines about requests."""

    metavar: str = "FORMAT"

    def check(self, value: Any) -> str:
        """Check that every atom is known."""
        text = Text.check(self, value)
        check_access_format(text)
        return text


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
    """A time in seconds, which may have a fraction; `none` for no limit. Zero and `none` only where useful."""

    metavar: str = "SECONDS"
    may_be_zero: bool = False
    may_be_none: bool = True
    at_least: float = 0.0

    def check(self, value: Any) -> float | None:
        """Check a time, or None for no limit."""
        if value is None and self.may_be_none:
            return None
        number: Any = value
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
        if not is_number or number < self.at_least or (value == 0 and not self.may_be_zero):
            which = f"from {self.at_least:g} up" if self.at_least or self.may_be_zero else "above 0"
            none = " or none" if self.may_be_none else ""
            raise ValueError(f"{value!r} is not a number of seconds {which}{none}")
        return float(number)

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
    """Any number of texts. In one text they are separated by commas or white space, or by other `separators`."""

    metavar: str = "TEXT"
    separators: str = r"[,\s]+"

    def check(self, value: Any) -> tuple[str, ...]:
        """Check a tuple of texts."""
        words = self._read(value) if isinstance(value, str) else value
        if not is_sequence(words) or not all(isinstance(word, str) for word in words):
            raise ValueError(f"{value!r} is not a list of strings")
        return tuple(words)

    def _read(self, text: str) -> Any:
        return tuple(word for part in re.split(self.separators, text) if (word := part.strip()))


@dataclass(frozen=True, slots=True)
class Fields(Kind):
    """Any number of header fields, written NAME:VALUE. In one text each is on a line of its own."""

    metavar: str = "NAME:VALUE"

    def check(self, value: Any) -> tuple[tuple[str, str], ...]:
        """Check a tuple of names and values, which may be numbers."""
        try:
            given = [(name, content) for name, content in value]
        except (TypeError, ValueError):
            raise ValueError(f"{value!r} is not a list of (name, value) pairs") from None
        for name, content in given:
            if not isinstance(name, str):
                raise ValueError(f"{name!r} is not a header name: expected a string")
            if isinstance(content, bool) or not isinstance(content, str | int | float):
                raise ValueError(f"{content!r} is not a header value: expected a string")
        pairs = [(name.strip(), str(content).strip()) for name, content in given]
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


@dataclass(frozen=True, slots=True)
class Certificates(Kind):
    """Any number of certificates, each for a host name. In one text each is on a line of its own."""

    metavar: str = "HOST=CERT[:KEY]"

    def check(self, value: Any) -> tuple[tuple[str, str, str | None], ...]:
        """Check a tuple of host names with the paths of a certificate and, unless it is in the same file, its key."""
        if isinstance(value, str) or not is_sequence(value):
            raise ValueError(f"{value!r} is not a list of certificates of the form {self.metavar}")
        return tuple(self._entry(entry) for entry in value)

    def _read(self, text: str) -> Any:
        return [line.strip() for line in text.splitlines() if line.strip()]

    def _entry(self, entry: Any) -> tuple[str, str, str | None]:
        if isinstance(entry, str):
            host, _, files = entry.partition("=")
            certificate, _, key = files.partition(":")
            parts: Any = host, certificate, key or None
        else:
            parts = entry
        if is_sequence(parts) and len(parts) in (2, 3):
            host, certificate, key = (*parts, None)[:3]
            if isinstance(host, str) and certificate and key != "":
                text = Text()
                return _host_name(host), text.check(certificate), None if key is None else text.check(key)
        raise ValueError(f"{entry!r} is not of the form {self.metavar}")


@dataclass(frozen=True, slots=True)
class Mounts(Kind):
    """Any number of folders, each below a path of URLs. In one text each is on a line of its own."""

    metavar: str = "/PATH=FOLDER"

    def check(self, value: Any) -> tuple[tuple[str, str], ...]:
        """Check a tuple of paths and folders."""
        if isinstance(value, str) or not is_sequence(value):
            raise ValueError(f"{value!r} is not a list of folders of the form {self.metavar}")
        return tuple(self._entry(entry) for entry in value)

    def _read(self, text: str) -> Any:
        return [line.strip() for line in text.splitlines() if line.strip()]

    def _entry(self, entry: Any) -> tuple[str, str]:
        pair: Any = entry.partition("=")[::2] if isinstance(entry, str) else entry
        if is_sequence(pair) and len(pair) == 2:
            path, folder = pair
            # What this returns for "/" is checked again in the order of a worker.
            is_root = path == "" and not isinstance(entry, str)
            if isinstance(path, str) and (path.startswith("/") or is_root) and folder:
                return path.rstrip("/"), Text().check(folder)
        raise ValueError(f"{entry!r} is not of the form {self.metavar}")


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        # An integer that is larger than any float.
        return False


def _host_name(text: str) -> str:
    """Return a host name as clients send it: in lower case, in ASCII. Its first label may be a wildcard (RFC 6125)."""
    try:
        name = text.removesuffix(".").encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    labels = name.removeprefix("*.").split(".")
    if not all(map(_LABEL.fullmatch, labels)) or _is_address(name):
        raise ValueError(f"{text!r} is not a host name, such as www.example.org or *.example.org")
    return name


def _is_address(name: str) -> bool:
    """Return whether a name is an address, which no client sends as a name (RFC 6066, section 3)."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
