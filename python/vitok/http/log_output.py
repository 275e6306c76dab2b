"""Writing lines to streams that may be slow, full or closed: writing never blocks, and lost lines are counted.

A stream with a descriptor is written by a thread of the native module (`LineWriter`), since a pipe without a reader
blocks its writer, and must not be made O_NONBLOCK: that belongs to the open file, which other processes share. Several
threads may write to one stream: each call's lines stay together, and those of a thread in their order. The contents of
lines, and the loggers they come from, are not known here.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from vitok._native import LineWriter

# The time to write the rest of each log at the end: a reader that reads needs much less, one that does not no time at
# all.
FLUSH_SECONDS = 1.0
# If fewer bytes than this wait, a stream that was too slow counts as one that is read again: half of the limit.
_MUCH = 512 * 1024
# How often the progress of the thread that writes is looked at, when a log is flushed.
_LOOK_SECONDS = 0.001


class LineHandler(logging.Handler):
    """A handler for a stream that does not block while it emits a record."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self.output: Output = Output(lambda: stream)

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

    def flush(self) -> None:
        """Wait until all records are written, at most FLUSH_SECONDS. `logging.shutdown` calls this at the exit."""
        self.output.flush(FLUSH_SECONDS)


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
        # A signal handler may write while its thread does. A loss is reported once, whichever thread asks.
        self._lock = threading.RLock()
        _outputs.add(self)

    @property
    def stream(self) -> TextIO | None:
        """The stream as it is now."""
        return self._find()

    @property
    def waiting(self) -> int:
        """The number of bytes that are not written yet."""
        return self._progress()[1]

    def write(self, text: str) -> None:
        """Write whole lines."""
        with self._lock:
            self._write(text)

    def _write(self, text: str) -> None:
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
        with self._lock:
            return self._news()

    def _news(self) -> News | None:
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
        facts: list[str] = []
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


_outputs: weakref.WeakSet[Output] = weakref.WeakSet()


def _renew_locks() -> None:
    """Give a forked child locks of its own: a thread that it does not have may have held one."""
    for output in list(_outputs):
        output._lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_locks)


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
