"""Lines to a standard stream that may be slow, full or gone: nobody waits for it, and what is lost is counted.

A stream with a descriptor is written by a thread of the native module (`LineWriter`), since a pipe that nobody reads
blocks whoever writes, and must not be made O_NONBLOCK: that belongs to the open file, which others share. It knows
nothing of what the lines say.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from vitok._native import LineWriter

# Less than this waits, and a stream that was too slow counts as one that is read again: half of what may wait.
_MUCH = 512 * 1024
_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class News:
    """What has become of lines. `lost` is their number once the stream takes lines again, and 0 when that begins."""

    lost: int
    text: str


class Output:
    """One stream, which is looked up for each write: somebody may have put another one in its place."""

    def __init__(self, find: Callable[[], TextIO | None]) -> None:
        self._find = find
        self._writer: LineWriter | None = None
        self._descriptor = -1
        self._poll = select.poll()
        # Lines lost by writers that are not in use any more, or by a stream without a descriptor.
        self._lost_before = 0
        self._error = ""
        self._told = 0
        self._is_failing = False

    def write(self, text: str) -> None:
        """Have whole lines written."""
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
        """What there is to say of lost lines, once each: that they begin to be lost, and how many it were."""
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
        return News(0, f"it can't be written ({error or 'nobody reads it'}): lines are lost")

    def flush(self, seconds: float) -> None:
        """Wait so long for what was written to arrive."""
        deadline = time.monotonic() + seconds
        while self._progress()[1] and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)

    def last_news(self) -> str:
        """What has to be said at the end, or "": lines that are lost and not told of, and what can't be written."""
        lost, waiting, _ = self._progress()
        facts = []
        if lost > self._told:
            facts.append(f"{lost - self._told} lines were lost")
        if waiting:
            facts.append(f"{waiting} bytes are left that nobody reads")
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
        """Write to what is no file: somebody's own object."""
        try:
            stream.write(_writable(text, stream))
            stream.flush()
            self._error = ""
        except (OSError, ValueError) as error:
            self._lost_before += text.count("\n")
            self._error = str(error)

    def _flush_others(self, stream: TextIO) -> None:
        """Let out what the application has printed, if that needs no wait: it is seen when lines of the log are."""
        assert self._writer is not None
        if self._writer.progress[1] or getattr(stream, "line_buffering", False):
            return
        try:
            if self._poll.poll(0) == [(self._descriptor, select.POLLOUT)]:
                stream.flush()
        except (OSError, ValueError):
            # The application's own lines stay in its buffer, and its next print says so.
            return


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _writable(text: str, stream: TextIO) -> str:
    """The text with escapes for what this stream can't encode."""
    if text.isascii():
        return text
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
