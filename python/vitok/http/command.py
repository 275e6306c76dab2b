"""The command `vitok serve`: arguments and variables become options; errors become one line each and an exit code.

How an application is served is not known here.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, NoReturn

from . import lifespan, loading
from .errors import EXIT_START, EXIT_USAGE, LoadingError, OptionError
from .leaving import Leaving, run
from .lifespan import LifespanError
from .option_parsing import from_command
from .options import Options
from .server import Server
from .supervisor import Supervisor
from .worker_slot import WorkersError


def main(words: Sequence[str]) -> None:
    """Serve until a signal. SystemExit with EXIT_USAGE or EXIT_START, after a line on standard error.

    After a graceful shutdown the exit code is 0, whichever signal asked for it. A second signal kills the process as
    that signal does.
    """
    # These end the process while the application is imported, and later at the second signal. The kernel does that at
    # once; a handler in Python might have to wait for the call that the import is in.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, die if os.getpid() == 1 else signal.SIG_DFL)
    with explained():
        app, options = from_command(words, os.environ)
        # The application is searched for in the folder in which the command was run.
        options = dataclasses.replace(options, app_dir="." if options.app_dir is None else options.app_dir)
        leaving = Leaving(options, owns_process=True)
        with left(leaving), explained():
            if options.workers == 1:
                server = Server.of_process(options, partial(load, app, options), leaving=leaving)
                run(server.serve_until_signal, leaving)
            else:
                run(Supervisor(app, options).run, leaving)


def die(number: int, _: object) -> None:
    """End the first process of a container, which a signal without a handler does not end (pid_namespaces(7))."""
    os._exit(128 + number)


@contextmanager
def left(leaving: Leaving) -> Iterator[None]:
    """Make the process end with the exit code of this block, whatever the application has left running."""
    try:
        yield
    except SystemExit as exit_:
        leaving.leave(exit_.code if isinstance(exit_.code, int) else 1)
        raise
    leaving.leave(0)


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors that prevent serving into a line on standard error and an exit code."""
    try:
        yield
    except WorkersError as error:
        refuse(str(error), error.code)
    except LifespanError as error:
        if error.is_broken and error.__cause__ is not None:
            _show(error.__cause__)
        elif error.details:
            print(error.details, file=sys.stderr)
        refuse(error.summary, EXIT_START)
    except OSError as error:
        refuse(error.strerror or str(error), EXIT_START)
    except OptionError as error:
        refuse(str(error), EXIT_USAGE)


def load(app: str, options: Options) -> loading.Application:
    """Return the application. An exception of its module is shown as Python does, followed by an explanation."""
    try:
        return loading.load(app, options)
    except LoadingError:
        raise
    except Exception as error:
        _show(error)
        refuse(f"{app!r} raised {type(error).__name__} while it was being loaded", EXIT_START)


def refuse(message: Any, code: int) -> NoReturn:
    """Write the reason in one line, and exit."""
    print("vitok serve:", " ".join(str(message).split()), file=sys.stderr)
    raise SystemExit(code)


def _show(error: BaseException) -> None:
    """Write the application's part of a traceback to standard error."""
    lines = traceback.format_exception(type(error), error, _users_part(error.__traceback__))
    print("".join(lines), end="", file=sys.stderr)


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the leading frames of vitok and the import system."""
    ours = (loading.__file__, lifespan.__file__, __file__, importlib.__file__)
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file not in ours and not file.startswith("<frozen importlib"):
            break
        trace = trace.tb_next
    return trace
