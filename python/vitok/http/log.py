"""The logs of a server: lines about the server on standard error, lines about requests on standard output.

Both go to the loggers `vitok.server` and `vitok.access` instead if those have handlers. Writing to a standard stream
that is slow, full or closed never blocks: lines are lost, and their number is logged. A stream with a descriptor is
written by a thread of the native module (`LineWriter`), since a pipe without a reader blocks its writer, and must not
be made O_NONBLOCK: that belongs to the open file, which other processes share.

The contents of lines are not known here; lines about requests come complete from the native server, except for the
time.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from vitok._native import LineWriter

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
# If fewer bytes than this wait, a stream that was too slow counts as one that is read again: half of the limit.
_MUCH = 512 * 1024
# How often the progress of the thread that writes is looked at, when a log is flushed.
_LOOK_SECONDS = 0.001


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

    def flush(self, seconds: float) -> None:
        """Wait this long until the lines about requests are written."""
        self._output.flush(seconds)

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


@dataclass(frozen=True, slots=True)
class News:
    """A report of lost lines. `lost` is their number once the stream accepts lines again, 0 when the loss begins."""

    lost: int
    text: str


class Output:
    """One stream, which is looked up for each write: the application may have replaced it."""

    def __init__(self, find: Callable[[], TextIO | None]) -> None:
        self._find = find
        self._writer: LineWriter | None = None
        self._descriptor = -1
        self._poll = select.poll()
        # Lines lost by writers that are no longer in use, or by a stream without a descriptor.
        self._lost_before = 0
        self._error = ""
        self._told = 0
        self._is_failing = False

    def write(self, text: str) -> None:
        """Write whole lines."""
        stream = self._find()
        if stream is None:
            return
        descriptor = _descriptor(stream)
        if descriptor is None:
            self._write_at_once(stream, text)
            return
        if self._writer is None or descriptor != self._descriptor:
            self._use(descriptor)
        self._flush_others(stream)
        self._error = ""
        assert self._writer is not None
        self._writer.write(text.encode(stream.encoding or "utf-8", "backslashreplace"))

    def news(self) -> News | None:
        """Return what is to be reported about lost lines, once each: that the loss begins, and how many were lost."""
        lost, waiting, error = self._progress()
        fresh = lost - self._told
        if not fresh:
            return None
        if not error and waiting <= _MUCH:
            self._told = lost
            self._is_failing = False
            return News(fresh, f"{fresh} lines were lost")
        if self._is_failing:
            return None
        self._is_failing = True
        return News(0, f"it can't be written ({error or 'it has no reader'}): lines are lost")

    def flush(self, seconds: float) -> None:
        """Wait this long until everything is written."""
        deadline = time.monotonic() + seconds
        while self._progress()[1] and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)

    def last_news(self) -> str:
        """Return the last report, or "": lines that are lost and not reported yet, and bytes that can't be written."""
        lost, waiting, _ = self._progress()
        facts = []
        if lost > self._told:
            facts.append(f"{lost - self._told} lines were lost")
        if waiting:
            facts.append(f"{waiting} bytes were not read")
        return ", ".join(facts)

    def _progress(self) -> tuple[int, int, str]:
        if self._writer is None:
            return self._lost_before, 0, self._error
        lost, waiting, number = self._writer.progress
        return self._lost_before + lost, waiting, os.strerror(number) if number else self._error

    def _use(self, descriptor: int) -> None:
        if self._writer is not None:
            self._lost_before += self._writer.progress[0]
            self._poll.unregister(self._descriptor)
        self._writer, self._descriptor = LineWriter(descriptor), descriptor
        self._poll.register(descriptor, select.POLLOUT)

    def _write_at_once(self, stream: TextIO, text: str) -> None:
        """Write to an object without a descriptor."""
        try:
            stream.write(_writable(text, stream))
            stream.flush()
            self._error = ""
        except (OSError, ValueError) as error:
            self._lost_before += text.count("\n")
            self._error = str(error)

    def _flush_others(self, stream: TextIO) -> None:
        """Flush what the application has printed, if that does not block: it is then seen together with log lines."""
        assert self._writer is not None
        if self._writer.progress[1] or getattr(stream, "line_buffering", False):
            return
        try:
            if self._poll.poll(0) == [(self._descriptor, select.POLLOUT)]:
                stream.flush()
        except (OSError, ValueError):
            # The application's own text stays in its buffer; its next print raises the error.
            return


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


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _writable(text: str, stream: TextIO) -> str:
    """Return the text with escapes for what this stream can't encode."""
    if text.isascii():
        return text
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
