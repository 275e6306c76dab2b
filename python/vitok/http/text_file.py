"""A text file that an option names: read as a whole, in UTF-8, with one line for each way in which that can fail.

Its contents are not known here.
"""

from __future__ import annotations

import os
from pathlib import Path

from .option_parsing import OptionError

# Far more than anybody writes by hand; a device or a log that is named by mistake does not fill the memory.
LARGEST_BYTES = 2**20


def read_text(option: str, path: str) -> str:
    """Return the text of a file, without a byte order mark. OptionError names the option, the file and the reason.

    Pipes can be read, too, as a shell makes them for `<(command)`.
    """
    try:
        # Not by way of a text stream: newlines stay as they are.
        with Path(path).open("rb", buffering=0) as file:
            content = _read(file.fileno())
    except (OSError, ValueError) as error:
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else "not a path"
        raise OptionError(f"{option}: {path!r} can't be read: {reason}") from None
    if len(content) > LARGEST_BYTES:
        raise OptionError(f"{option}: {path!r} is larger than {LARGEST_BYTES} bytes")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise OptionError(f"{option}: {path!r} is not in UTF-8 (line {line})") from None


def _read(descriptor: int) -> bytes:
    """Read up to the end, or a byte more than is allowed."""
    content = b""
    while len(content) <= LARGEST_BYTES and (block := os.read(descriptor, LARGEST_BYTES + 1 - len(content))):
        content += block
    return content
