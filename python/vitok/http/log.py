"""The logs of a server: messages about the server on standard error, lines about requests on standard output, or both
in files.

Both go to the loggers `vitok.server` and `vitok.access` instead if those have handlers, and in any case to a file that
an option names. The contents of lines are not known here; lines about requests come complete from the native server.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from typing import TextIO, TypedDict

from . import log_config, log_files
from .log_format import TIME, JsonFormatter, formatter, wants_colors
from .log_guard import GuardedLogger
from .log_output import FLUSH_SECONDS, LineHandler, Output
from .options.logs import Logs
from .privileges import Identity

_SERVER = "vitok.server"
_ACCESS = "vitok.access"
# The logger to which the loop reports errors outside of any request.
_LOOP = "asyncio"


class AccessSettings(TypedDict):
    """How lines about requests are made."""

    colors: bool
    stamps: bool
    """Whether each begins with the time."""


@contextmanager
def prepared(options: Logs, identity: Identity | None = None) -> Generator[None]:
    """Open the log files of a process, and configure logging by the file of `--log-config`.

    This is for a process that belongs to the server, before privileges are dropped and the application is loaded: the
    application may change what the file configures. `identity` is what root is to become: files of `--log-config` are
    opened with that user's rights, since anything may be in their place. OSError and OptionError with messages that
    name the option.
    """
    user = identity.uid if identity is not None and identity.uid != os.geteuid() else None
    with log_files.opened(options, user), _early_signals(options):
        if options.log_config is not None:
            acting = nullcontext if identity is None else identity.acting
            log_config.apply(options.log_config, (_SERVER, _ACCESS, _LOOP), acting)
        try:
            yield
        except (Exception, SystemExit) as error:
            if log_files.is_file(options.log_file):
                _note_failure(options, error)
            raise


def _note_failure(options: Logs, error: BaseException) -> None:
    """Write why serving failed to the file for messages: nobody may see the standard error of a worker or a service.

    An exception of the application's module is what SystemExit was raised for.
    """
    cause = error.__context__ if isinstance(error, SystemExit) else error.__cause__
    if isinstance(error, SystemExit) and not isinstance(cause, Exception):
        return
    log = Log(options, is_owner=True)
    reason = "the application can't be loaded" if isinstance(error, SystemExit) else str(error)
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    log.logger.error("%s", reason, exc_info=cause)
    log.close()


@contextmanager
def _early_signals(options: Logs) -> Generator[None]:
    """Open files anew at SIGUSR1, which would end the process, before the server handles that signal and afterwards."""
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_main and reopens(options) and signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL):
        yield
        return

    def reopen(*_: object) -> None:
        log_files.reopen()

    signal.signal(signal.SIGUSR1, reopen)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGUSR1) is reopen:
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)


def reopens(options: Logs) -> bool:
    """Return whether there are files that `Log.reopen()` opens anew."""
    return any(map(log_files.is_file, (options.log_file, options.access_log_file))) or options.log_config is not None


class Log:
    """The two logs of one server, also called by the native server (`error`, `access`).

    Loggers are looked up once the application is loaded, as its own logging configuration would disable older ones.
    """

    def __init__(self, options: Logs | None = None, *, is_owner: bool = False) -> None:
        """With `is_owner` the process belongs to the server, so the files of the options are written, and loggers
        without a handler get one, until `close()`. OSError for a file that can't be opened.
        """
        self._options = options or Logs()
        self._is_owner = is_owner
        self._logger = logging.getLogger(_SERVER)
        self._access = logging.getLogger(_ACCESS)
        self.logger: GuardedLogger = GuardedLogger(self._logger, self._fall_back, stays_enabled=is_owner)
        """The logger of the server."""
        self._access_logger = GuardedLogger(self._access, self._fall_back, stays_enabled=is_owner)
        self._handler: _OwnHandler | None = None
        self._stamp = (0, "")
        # What lines about requests begin with, and what handlers of the application do not get.
        self._stamp_length = 0
        self._files: list[log_files.LogFile] = []
        self._output = Output(lambda: sys.stdout)
        if is_owner:
            self._output = Output(self._destination("access_log_file", "stdout"))
            self._attach()

    def _attach(self) -> None:
        """Make the loggers write, as far as nobody else has."""
        logging.getLogger(_LOOP).disabled = False
        is_configured = self._is_configured(self._logger)
        self._handler = self._made_handler(self._destination("log_file", "stderr")())
        _loggers.take()
        # Where the server's messages have a handler of the application, the loop's may have none.
        logging.getLogger(_LOOP).addHandler(self._handler)
        if log_files.is_file(self._options.log_file) or not is_configured:
            self._logger.addHandler(self._handler)
        if not is_configured:
            # The handlers of the root logger are for the application.
            self._logger.propagate = False
        if not is_configured or (self._has_options() and not _has_level(self._logger)):
            self._logger.setLevel(self._options.log_level.upper())
        if self._has_options() and not _has_level(self._access):
            self._access.setLevel(logging.INFO)

    def _made_handler(self, stream: TextIO | None) -> _OwnHandler:
        handler = _OwnHandler(stream)
        has_colors = wants_colors(self._options.use_colors, stream)
        handler.setFormatter(formatter(self._options.log_format, has_colors=has_colors))
        handler.addFilter(self._is_ours)
        return handler

    def access_settings(self) -> AccessSettings:
        """Return how lines about requests are to be made: whether with colours, and whether with the time.

        Handlers of the application write the time in a form of their own.
        """
        is_ours = self._is_owner and not self._is_configured(self._access)
        is_text = self._options.log_format == "text"
        has_colors = is_ours and is_text and wants_colors(self._options.use_colors, self._output.stream)
        has_file = self._is_owner and log_files.is_file(self._options.access_log_file)
        has_stamps = is_ours or has_file
        is_usual = is_text and self._options.access_log_format is None
        self._stamp_length = len(self._now()) + 1 if has_stamps and is_usual else 0
        return AccessSettings(colors=has_colors, stamps=has_stamps)

    def flush(self, seconds: float) -> None:
        """Wait this long until the lines about requests are written."""
        self._output.flush(seconds)

    def close(self) -> None:
        """Restore logging, once all lines are written or have failed."""
        self._output.flush(FLUSH_SECONDS)
        if news := self._output.last_news():
            self.logger.warning("the access log: %s", news)
        is_written = not self._output.waiting
        if self._handler is not None:
            self._handler.output.flush(FLUSH_SECONDS)
            is_written = is_written and not self._handler.output.waiting
            self._logger.removeHandler(self._handler)
            logging.getLogger(_LOOP).removeHandler(self._handler)
            self._handler.close()
            self._handler = None
            _loggers.give_back()
        for file in self._files:
            log_files.release(file, is_written=is_written)
        self._files = []

    def reopen(self) -> None:
        """Open the log files anew, after a rotation. A file that can't be opened is logged, and stays as it is."""
        problems = log_files.reopen()
        if self._options.log_config is not None:
            problems += log_config.reopen()
        for problem in problems:
            self.logger.error("%s; the file in use stays", problem)
        if not problems:
            self.logger.info("the log files were opened anew")

    def wants_access(self) -> bool:
        """Return whether lines about requests are written anywhere."""
        return self._is_owner or (self._access.isEnabledFor(logging.INFO) and self._access.hasHandlers())

    def error(self, message: str, exception: BaseException | None) -> None:
        """Log an error that the peer was not told: an application raised, or a response could not be sent."""
        self.logger.error("%s", message, exc_info=exception)

    def access(self, lines: str) -> None:
        """Log one or several lines about requests that have ended."""
        is_configured = not self._is_owner or self._is_configured(self._access)
        if not is_configured or (self._is_owner and log_files.is_file(self._options.access_log_file)):
            self._write(lines)
        if is_configured:
            for line in lines.splitlines():
                self._access_logger.info("%s", line[self._stamp_length :])

    def _write(self, lines: str) -> None:
        """Write lines, which the native server has made as a whole."""
        text = lines if lines.endswith("\n") else f"{lines}\n"
        news = self._output.news()
        if news is not None:
            self.logger.warning("the access log: %s", news.text)
            if news.lost:
                text = self._news_line(news.text) + text
        self._output.write(text)

    def _news_line(self, text: str) -> str:
        """Return a line about lost lines in the form of the others."""
        if self._options.log_format == "json":
            facts = {"name": _ACCESS, "levelno": logging.WARNING, "levelname": "WARNING", "msg": text}
            return f"{JsonFormatter().format(logging.makeLogRecord(facts))}\n"
        return f"{self._now()} - {text}\n"

    def _now(self) -> str:
        """Return the time of day, formatted once a second."""
        second = int(time.time())
        if second != self._stamp[0]:
            self._stamp = (second, time.strftime(TIME, time.localtime(second)))
        return self._stamp[1]

    def _destination(self, option: str, standard: str) -> Callable[[], TextIO | None]:
        """Return what finds the stream of an option: a file, or a standard stream as it is at the time."""
        path: str | None = getattr(self._options, option)
        if path is None or not log_files.is_file(path):
            name = log_files.STREAMS.get(path or "", standard)
            return lambda: getattr(sys, name)
        file = log_files.acquire(option, path)
        self._files.append(file)
        return lambda: file.stream

    def _fall_back(self, record: logging.LogRecord, error: Exception | None) -> None:
        """Write a record that a handler or filter of the application has failed to handle, and the error."""
        handler = self._handler or logging.lastResort
        if handler is None:
            return
        if error is not None:
            message = f"a handler or a filter of the logger {record.name} raised; its records are also written here"
            exception = (type(error), error, error.__traceback__)
            handler.emit(logging.LogRecord(record.name, logging.ERROR, "", 0, message, (), exception))
        if record.levelno >= handler.level:
            handler.emit(record)

    def _has_options(self) -> bool:
        """Return whether the user of the server has said where messages go."""
        return self._options.log_config is not None or log_files.is_file(self._options.log_file)

    def _is_configured(self, logger: logging.Logger) -> bool:
        """Return whether records of this logger go to handlers of others.

        Handlers of the root logger are those of the application, unless `--log-config` has set them.
        """
        if _others(logger):
            return True
        return self._options.log_config is not None and bool(logger.propagate and logging.getLogger().handlers)

    def _is_ours(self, record: logging.LogRecord) -> bool:
        """Return whether the server writes this record: its own, and the loop's if the application has no handler for
        those; any with a file for messages.

        This is checked for each record, since an application may configure logging at any time.
        """
        logger = logging.getLogger(record.name)
        # Of several servers in a process that write to one stream or file, one does.
        stream = self._handler.stream if self._handler is not None else None
        same = [one for one in logger.handlers if isinstance(one, _OwnHandler) and one.stream is stream]
        if same and same[0] is not self._handler:
            return False
        if log_files.is_file(self._options.log_file):
            return True
        if not same or _others(logger):
            return False
        return record.name != _LOOP or not (logger.propagate and logging.getLogger().handlers)


class _Loggers:
    """The loggers as they were before the first of several servers in a process, in whatever order these end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[tuple[logging.Logger, int, bool]] = []

    def take(self) -> None:
        """Keep levels and propagation, unless another server has done that."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                loggers = map(logging.getLogger, (_SERVER, _ACCESS))
                self._before = [(logger, logger.level, logger.propagate) for logger in loggers]

    def give_back(self) -> None:
        """Restore them after the last server."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for logger, level, propagate in self._before:
                    logger.setLevel(level)
                    logger.propagate = propagate


_loggers = _Loggers()


class _OwnHandler(LineHandler):
    """A handler that a `Log` has added, and no application."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self.stream = stream


def _others(logger: logging.Logger) -> list[logging.Handler]:
    """Return the handlers of others for this logger, or for `vitok` above it. The root logger's do not count."""
    above = logger.parent.handlers if logger.parent is not None and logger.parent.name == "vitok" else []
    return [handler for handler in (*logger.handlers, *above) if not isinstance(handler, _OwnHandler)]


def _has_level(logger: logging.Logger) -> bool:
    """Return whether a level was set for this logger, or for `vitok` above it. The root logger's does not count."""
    return bool(logger.level or (logger.parent is not None and logger.parent.name == "vitok" and logger.parent.level))
