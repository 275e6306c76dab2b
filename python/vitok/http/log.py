"""What a server says: lines on the standard error about itself, lines on the standard output about requests.

Both go to loggers instead, `vitok.server` and `vitok.access`, where the user has given those handlers. A stream that
can't be written loses lines, and keeps no request waiting (output.py). It knows nothing of what is said; lines about
requests come from the native server complete but for the time.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

from .output import Output

_SERVER = "vitok.server"
_ACCESS = "vitok.access"
# Where the loop says what went wrong outside of any request.
_LOOP = "asyncio"
# ISO 8601 with the offset: a log is read in another time zone than it was written in.
_TIME = "%Y-%m-%dT%H:%M:%S%z"
# What each log has at the end to be written: a reader that is there needs much less, one that is not none.
FLUSH_SECONDS = 1.0
_SERVER_LINE = "%(asctime)s %(levelname)s [%(process)d] %(message)s"


class Log:
    """The two logs of one server. It is also what the native server calls (`error`, `access`).

    Loggers are looked up when the application is there: its own configuration of logging would disable older ones.
    """

    def __init__(self, *, level: str = "info", is_owner: bool = False) -> None:
        """`is_owner`: the process is the server's, so whatever has no handler gets one; `close()` takes it back."""
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
            # What the root logger does is about the application.
            self.logger.propagate = False
            self._handler.addFilter(_is_ours)
            logging.getLogger(_LOOP).addHandler(self._handler)

    def close(self) -> None:
        """Leave logging as it was, once what was said is written, or can't be."""
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
        """Whether lines about requests would be seen by anybody."""
        return self._is_owner or (self._access.isEnabledFor(logging.INFO) and self._access.hasHandlers())

    def error(self, message: str, exception: BaseException | None) -> None:
        """Something went wrong that the peer was not told of: an application raised, a response could not be sent."""
        self.logger.error("%s", message, exc_info=exception)

    def access(self, lines: str) -> None:
        """One or several lines about requests that are over."""
        if self._is_owner and not _has_handlers(self._access):
            self._write(lines)
            return
        for line in lines.splitlines():
            self._access.info("%s", line)

    def _write(self, lines: str) -> None:
        """Put the time before each line, and have them written together."""
        stamp = self._now()
        text = "".join(f"{stamp} {line}\n" for line in lines.splitlines())
        news = self._output.news()
        if news is not None:
            self.logger.warning("the access log: %s", news.text)
            if news.lost:
                text = f"{stamp} - {news.text}\n{text}"
        self._output.write(text)

    def _now(self) -> str:
        """The time of day, made once a second."""
        second = int(time.time())
        if second != self._stamp[0]:
            self._stamp = (second, time.strftime(_TIME, time.localtime(second)))
        return self._stamp[1]


class LineHandler(logging.Handler):
    """A handler for the standard error, which keeps nobody waiting either."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self.output = Output(lambda: stream)

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record written."""
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
    """Whether the server writes this record: its own, and the loop's where the application has no handler for those.

    It is asked at each record, since an application may configure logging at any time.
    """
    if record.name != _LOOP:
        return True
    logger = logging.getLogger(_LOOP)
    return len(logger.handlers) == 1 and not (logger.propagate and logging.getLogger().handlers)


def _has_handlers(logger: logging.Logger) -> bool:
    """Whether somebody wants this logger's records: it has handlers, or `vitok` above it has. The root is not asked."""
    return bool(
        logger.handlers or (logger.parent is not None and logger.parent.name == "vitok" and logger.parent.handlers)
    )
