"""The field `Set-Cookie` (RFC 6265bis, "Cookies: HTTP State Management Mechanism", section 4.1).

What a browser would refuse, or understand as something else, is an error here. Responses are not known.
"""

from __future__ import annotations

import datetime
import re
from typing import Literal

# Section 4.1.1: a token, and bytes that end no value. Quotes may stand around all of a value.
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r'[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*|"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*"')
_DOMAIN = re.compile(r"\.?[0-9A-Za-z]([0-9A-Za-z.\-]*[0-9A-Za-z])?")
_PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]*")
# Section 5.6: user agents ignore longer ones, of name and value together, and of an attribute.
_BYTES_AT_MOST = 4096
_ATTRIBUTE_BYTES_AT_MOST = 1024
_SAMESITE = {"strict": "Strict", "lax": "Lax", "none": "None"}

SameSite = Literal["strict", "lax", "none"]


def set_cookie(
    name: str,
    value: str,
    *,
    max_age: int | datetime.timedelta | None = None,
    expires: datetime.datetime | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = False,
    samesite: SameSite | None = "lax",
    partitioned: bool = False,
) -> str:
    """Return the value of the field. ValueError for what is not a cookie, or one that browsers refuse."""
    _check_pair(name, value)
    _check_prefix(name, path=path, domain=domain, secure=secure)
    parts = [f"{name}={value}"]
    if max_age is not None:
        seconds = max_age.total_seconds() if isinstance(max_age, datetime.timedelta) else max_age
        parts.append(f"Max-Age={int(seconds)}")
    if expires is not None:
        parts.append(f"Expires={_date(expires)}")
    if path is not None:
        _check(_PATH, path, "path", "a path that begins with a slash and has no semicolon")
        parts.append(f"Path={path}")
    if domain is not None:
        _check(_DOMAIN, domain, "domain", "a host name")
        parts.append(f"Domain={domain}")
    if secure:
        parts.append("Secure")
    if httponly:
        parts.append("HttpOnly")
    if samesite is not None:
        parts.append(f"SameSite={_samesite(samesite, secure)}")
    if partitioned:
        if not secure:
            raise ValueError("partitioned: browsers refuse such a cookie without secure=True")
        parts.append("Partitioned")
    return "; ".join(parts)


def is_prefixed(name: str) -> bool:
    """Return whether browsers take a cookie of this name only if it is secure."""
    return name.lower().startswith(("__host-", "__secure-"))


def _check_pair(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"name: {name!r} is no name of a cookie")
    if not _VALUE.fullmatch(value):
        raise ValueError(
            f"value: a cookie has visible ASCII without quotes, commas, semicolons and backslashes, not {value!r}; "
            "encode it, for example by urllib.parse.quote"
        )
    if len(name) + len(value) > _BYTES_AT_MOST:
        raise ValueError(f"value: name and value of a cookie have at most {_BYTES_AT_MOST} bytes")


def _check_prefix(name: str, *, path: str | None, domain: str | None, secure: bool) -> None:
    """Check what section 4.1.3 asks of names with a prefix, whose case browsers ignore."""
    if not is_prefixed(name):
        return
    if not secure:
        raise ValueError(f"name: browsers refuse a cookie {name!r} without secure=True")
    if name.lower().startswith("__host-") and (path != "/" or domain is not None):
        raise ValueError(f'name: browsers refuse a cookie {name!r} with a domain, or with another path than "/"')


def _samesite(samesite: str, secure: bool) -> str:
    known = _SAMESITE.get(samesite.lower())
    if known is None:
        raise ValueError(f"samesite: expected strict, lax or none, not {samesite!r}")
    if known == "None" and not secure:
        raise ValueError("samesite: browsers refuse none without secure=True")
    return known


def _date(expires: datetime.datetime) -> str:
    if expires.tzinfo is None:
        raise ValueError("expires: expected a datetime with a time zone")
    utc = expires.astimezone(datetime.UTC)
    day, month = _DAYS[utc.weekday()], _MONTHS[utc.month - 1]
    return f"{day}, {utc.day:02} {month} {utc.year:04} {utc.hour:02}:{utc.minute:02}:{utc.second:02} GMT"


_DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def _check(pattern: re.Pattern[str], given: str, name: str, expected: str) -> None:
    if not pattern.fullmatch(given) or len(given) > _ATTRIBUTE_BYTES_AT_MOST:
        raise ValueError(f"{name}: expected {expected}, not {given!r}")
