"""SIGHUP before a server handles it: while the application is imported it would end the process.

Certificates are not known here; the server loads them again once it has started.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

from . import log_files
from .log import reopens
from .options import Options


class EarlyHangup:
    """Whether the signal has come."""

    has_come = False


@contextmanager
def noted(options: Options) -> Generator[EarlyHangup]:
    """Note SIGHUP, and open log files anew at it, if these options give it a meaning; otherwise leave it alone.

    Where it has a handler already, or is ignored, that stays.
    """
    early = EarlyHangup()
    has_meaning = options.ssl_certfile is not None or reopens(options)
    is_main = threading.current_thread() is threading.main_thread()
    if not (has_meaning and is_main and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL):
        yield early
        return

    def note(*_: object) -> None:
        early.has_come = True
        if reopens(options):
            log_files.reopen()

    signal.signal(signal.SIGHUP, note)
    try:
        yield early
    finally:
        if signal.getsignal(signal.SIGHUP) is note:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
