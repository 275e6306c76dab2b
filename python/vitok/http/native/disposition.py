"""The field `Content-Disposition` (RFC 6266), with file names in any script (RFC 8187)."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

Disposition = Literal["attachment", "inline"]

# RFC 8187 section 3.2.1: characters of a value that need no encoding.
_ATTR_CHARS = "!#$&+-.^_`|~"
# What all browsers read the same between quotes: no quote and no backslash, and no percent sign, which some decode.
_PLAIN = re.compile(r"[\x20\x21\x23\x24\x26-\x5b\x5d-\x7e]+")
_ODD = re.compile(r"[^\x20\x21\x23\x24\x26-\x2e\x30-\x5b\x5d-\x7e]")


def content_disposition(filename: str | None, disposition: str = "attachment") -> str:
    """Return the value of the field. ValueError for an unknown disposition or a file name that is none.

    A name with other characters than those of ASCII is given twice: in UTF-8, and for old clients with `_` in place of
    each.

    >>> content_disposition("naïve.txt")
    'attachment; filename="na_ve.txt"; filename*=UTF-8\\'\\'na%C3%AFve.txt'
    """
    if disposition not in ("attachment", "inline"):
        raise ValueError(f"disposition: expected attachment or inline, not {disposition!r}")
    if filename is None:
        return disposition
    if not filename or "\0" in filename:
        raise ValueError(f"filename: {filename!r} is no name of a file")
    if _PLAIN.fullmatch(filename) and "/" not in filename:
        return f'{disposition}; filename="{filename}"'
    encoded = quote(filename, safe=_ATTR_CHARS, errors="replace")
    return f"{disposition}; filename=\"{_ODD.sub('_', filename)}\"; filename*=UTF-8''{encoded}"
