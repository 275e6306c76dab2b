"""The form of messages: lines of text, which may have colours, or a JSON object for each.

The streams that they are written to are not known here, except that colours are for terminals.
"""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Mapping
from datetime import datetime
from typing import TextIO

# ISO 8601 with the offset: a log may be read in another time zone than it was written in.
TIME = "%Y-%m-%dT%H:%M:%S%z"
_LINE = "%(asctime)s %(levelname)s [%(process)d] %(message)s"
# Select Graphic Rendition (ECMA-48, 8.3.117) for each level, and the end of it.
_COLORS = {
    "DEBUG": "\x1b[36m",
    "INFO": "\x1b[32m",
    "WARNING": "\x1b[33m",
    "ERROR": "\x1b[31m",
    "CRITICAL": "\x1b[1;31m",
}
_PLAIN = "\x1b[0m"


class TextFormatter(logging.Formatter):
    """Formats a record as a line with its time, level and process; a traceback follows on lines of its own."""

    def __init__(self, *, has_colors: bool = False) -> None:
        super().__init__(_LINE, TIME)
        self._has_colors = has_colors

    def format(self, record: logging.LogRecord) -> str:
        """Format a record, its level in colours if these are wanted."""
        color = _COLORS.get(record.levelname) if self._has_colors else None
        if color is None:
            return super().format(record)
        # Other handlers format the same record.
        colored = logging.makeLogRecord(record.__dict__)
        colored.levelname = f"{color}{record.levelname}{_PLAIN}"
        return super().format(colored)


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object in one line: `time` (ISO 8601 with the offset), `level`, `logger`, `pid`,
    `message`, and for an error `exception`, its traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format a record. All of it is ASCII, so every stream can encode it."""
        facts: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            facts["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            facts["exception"] = record.exc_text
        if record.stack_info:
            facts["stack"] = self.formatStack(record.stack_info)
        return json.dumps(facts, separators=(",", ":"))


def formatter(form: str, *, has_colors: bool) -> logging.Formatter:
    """Return the formatter for this value of `log_format`."""
    return JsonFormatter() if form == "json" else TextFormatter(has_colors=has_colors)


def wants_colors(chosen: bool | None, stream: TextIO | None, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether lines of text for this stream have colours.

    `chosen` decides if it is not None; then the variables NO_COLOR and FORCE_COLOR, if one is set and not empty; then
    whether the stream is a terminal that can show them. A file never has colours.
    """
    if stream is None or chosen is False:
        return False
    try:
        is_file = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
        is_terminal = stream.isatty()
    except (AttributeError, OSError, ValueError):
        is_file, is_terminal = True, False
    if is_file:
        return False
    if chosen is not None:
        return chosen
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return is_terminal and environment.get("TERM") != "dumb"
