"""The logs of a server: lines about the server on standard error, lines about requests on standard output.

Both go to the loggers `vitok.server` and `vitok.access` instead if those have handlers. A stream that can't be written
loses lines, and delays no request (output.py). The contents of lines are not known here; lines about requests come
complete from the native server, except for the time.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

from .output import Output

_SERVER = "vitok.server"
_ACCESS = "vitok.access"
# The logger to which the loop reports errors outside of any request.
_LOOP = "asyncio"
# ISO 8601 with the offset: a log may be read in another time zone than it was written in.
_TIME = "%Y-%m-%dT%H:%M:%S%z"
# The time to write the rest of each log at the end: a reader that reads needs much less, one that does not no time at
# all.
FLUSH_SECONDS = 1.0
_SERVER_LINE = "%(asctime)s %(levelname)s [%(process)d] %(message)s"


class Log:
    """The two logs of one server, also called by the native server (`error`, `access`).

    Loggers are looked up once the application is loaded: its own logging configuration would disable older ones.
    """

    def __init__(self, *, level: str = "info", is_owner: bool = False) -> None:
        """With `is_owner` the process belongs to the server, so loggers without a handler get one, until `close()`."""
        self.logger = logging.getLogger(_SERVER)
        self._access = logging.getLogger(_ACCESS)
        self._is_owner = is_owner
        self._handler: LineHandler | None = None
        self._stamp = (0, "")
        self._output = Output(lambda: sys.stdout)
        if is_owner and not _has_handlers(self.logger):
            self._handler = LineHandler(sys.stderr)
            self._handler.setFormatter(logging.Formatter(_SERVER_LINE, _TIME))
            self._before = (self.logger.level, self.logger.propagate)
            self.logger.addHandler(self._handler)
            self.logger.setLevel(level.upper())
            # The handlers of the root logger are for the application.
            self.logger.propagate = False
            self._handler.addFilter(_is_ours)
            logging.getLogger(_LOOP).addHandler(self._handler)

    def close(self) -> None:
        """Restore logging, once all lines are written or have failed."""
        self._output.flush(FLUSH_SECONDS)
        if news := self._output.last_news():
            self.logger.warning("the access log: %s", news)
        if self._handler is not None:
            self._handler.output.flush(FLUSH_SECONDS)
            self.logger.removeHandler(self._handler)
            logging.getLogger(_LOOP).removeHandler(self._handler)
            self._handler.close()
            self._handler = None
            level, self.logger.propagate = self._before
            self.logger.setLevel(level)

    def wants_access(self) -> bool:
        """Return whether lines about requests are written anywhere."""
        return self._is_owner or (self._access.isEnabledFor(logging.INFO) and self._access.hasHandlers())

    def error(self, message: str, exception: BaseException | None) -> None:
        """Log an error that the peer was not told: an application raised, or a response could not be sent."""
        self.logger.error("%s", message, exc_info=exception)

    def access(self, lines: str) -> None:
        """Log one or several lines about requests that have ended."""
        if self._is_owner and not _has_handlers(self._access):
            self._write(lines)
            return
        for line in lines.splitlines():
            self._access.info("%s", line)

    def _write(self, lines: str) -> None:
        """Add the time to each line, and write them together."""
        stamp = self._now()
        text = "".join(f"{stamp} {line}\n" for line in lines.splitlines())
        news = self._output.news()
        if news is not None:
            self.logger.warning("the access log: %s", news.text)
            if news.lost:
                text = f"{stamp} - {news.text}\n{text}"
        self._output.write(text)

    def _now(self) -> str:
        """Return the time of day, formatted once a second."""
        second = int(time.time())
        if second != self._stamp[0]:
            self._stamp = (second, time.strftime(_TIME, time.localtime(second)))
        return self._stamp[1]


class LineHandler(logging.Handler):
    """A handler for standard error that never blocks."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self.output = Output(lambda: stream)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            text = f"{self.format(record)}\n"
            news = self.output.news()
            if news is not None and news.lost:
                facts = {"name": record.name, "levelno": logging.WARNING, "levelname": "WARNING", "msg": news.text}
                text = f"{self.format(logging.makeLogRecord(facts))}\n{text}"
            self.output.write(text)
        except Exception:
            self.handleError(record)


def _is_ours(record: logging.LogRecord) -> bool:
    """Return whether the server writes this record: its own, and the loop's if the application has no handler for
    those.

    This is checked for each record, since an application may configure logging at any time.
    """
    if record.name != _LOOP:
        return True
    logger = logging.getLogger(_LOOP)
    return len(logger.handlers) == 1 and not (logger.propagate and logging.getLogger().handlers)


def _has_handlers(logger: logging.Logger) -> bool:
    """Return whether this logger has handlers, or `vitok` above it. The root logger does not count."""
    return bool(
        logger.handlers or (logger.parent is not None and logger.parent.name == "vitok" and logger.parent.handlers)
    )
