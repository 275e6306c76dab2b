"""`vitok.serve()`, and the command `vitok serve`: serving by this process, or by workers, until a signal.

The call raises exceptions. For the command, arguments and variables become options, and errors become one line each and
an exit code.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import inspect
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from ssl import SSLContext
from types import TracebackType
from typing import Any, NoReturn, Unpack

from . import application, config_file, configuration, early_hangup, free_threading, log_files, privileges, tls
from .application import Application, LoadingError
from .autoreload import Reloader, watched_folders
from .leaving import EXIT_START, EXIT_USAGE, Leaving, run_with_threads
from .lifespan import LifespanError
from .log import prepared
from .options import OptionError, Options, ServeOptions, from_keywords, table
from .pid_file import PidFile, kept
from .server import Server
from .supervisor import Supervisor
from .systemd import Notifier, take_descriptors
from .worker_slot import WorkersError


def serve(app: Application | str, *, ssl: SSLContext | None = None, **options: Unpack[ServeOptions]) -> None:
    """Serve an ASGI application over HTTP/1.1, HTTP/2 and WebSocket until SIGINT or SIGTERM; then end gracefully.

    `app` is the application or its name, `module:attribute`; with `workers` it has to be the name. The options are
    the keys of `ServeOptions`; `ssl` is a context for TLS, instead of the options for it. Errors: TypeError for an
    unknown option, ValueError for an invalid one, OSError for an address or a file that can't be used, LifespanError
    and WorkersError (both RuntimeErrors) for an application or workers that fail; exceptions of the module during its
    import are raised as they are. Outside the main thread signals are not handled.

        vitok.serve("package.module:app", host="127.0.0.1", port=8000)
    """
    if asyncio.events._get_running_loop() is not None:
        raise RuntimeError("vitok.serve() cannot be called from a running event loop: use vitok.http.Server")
    if application.is_loading():
        raise RuntimeError(
            "an application that is being imported can't serve: call vitok.serve() or vitok.http.run() under "
            'if __name__ == "__main__":'
        )
    given = from_keywords(options)
    _run(app, given, Leaving(given), application.load, context=ssl)


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
        notifier = Notifier.of_environment(os.environ)
        inherited = take_descriptors(os.environ)
        given = configuration.read(words, os.environ, inherited=inherited)
        # The application is searched for in the folder in which the command was run.
        app_dir = "." if given.options.app_dir is None else given.options.app_dir
        options = dataclasses.replace(given.options, app_dir=app_dir)
        if given.is_printed:
            values = {"app": given.app, **dataclasses.asdict(options)}
            print(config_file.written(table(), values, given.sources), end="")
            if not given.is_checked:
                return
        leaving = Leaving(options, owns_process=True)
        with left(leaving), explained():
            if given.is_checked:
                _check(given.app, options, leaving)
            else:
                _run(given.app, options, leaving, load, notifier=notifier)


def die(number: int, _: object) -> None:
    """End the first process of a container, which a signal without a handler does not end (pid_namespaces(7))."""
    os._exit(128 + number)


@contextmanager
def left(leaving: Leaving) -> Generator[None]:
    """Make the process end with the exit code of this block, whatever the application has left running."""
    try:
        yield
    except SystemExit as exit_:
        leaving.leave(exit_.code if isinstance(exit_.code, int) else 1)
        raise
    leaving.leave(0)


@contextmanager
def explained() -> Generator[None]:
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


def load(app: Any, options: Options) -> Application:
    """Return the application. An exception of its module is shown as Python does, followed by an explanation."""
    try:
        return application.load(app, options)
    except LoadingError:
        raise
    except Exception as error:
        _show(error)
        refuse(f"{app!r} raised {type(error).__name__} while it was being loaded", EXIT_START)


def refuse(message: Any, code: int) -> NoReturn:
    """Write the reason in one line, and exit."""
    print("vitok serve:", " ".join(str(message).split()), file=sys.stderr)
    raise SystemExit(code)


def _run(
    app: Any,
    options: Options,
    leaving: Leaving,
    load_application: Callable[[Any, Options], Application],
    *,
    context: SSLContext | None = None,
    notifier: Notifier | None = None,
) -> None:
    free_threading.require(options)
    if context is not None:
        # A supervisor has no use for it, and says so before it starts anything.
        tls.given(context, options)
    notifier = notifier or Notifier()
    identity = privileges.identity_of(options)
    pid_file = None if options.pid is None else PidFile(options.pid)

    def on_bound() -> None:
        if pid_file is not None:
            pid_file.write()
        if identity is not None:
            log_files.give_to(identity.uid, identity.gid)
            if options.workers == 1 and not options.reload:
                identity.become()

    with (
        privileges.umask(options.umask),
        prepared(options, identity),
        kept(pid_file),
        early_hangup.noted(options) as early,
    ):
        # What waits until all loops of this process have run.
        answers: Callable[[], Coroutine[Any, Any, None]] | None = None
        if options.reload:
            work = Reloader(app, options, on_bound=on_bound, notifier=notifier).run
        elif options.workers == 1:
            loaded = partial(load_application, app, options)
            server = Server.of_process(
                options, loaded, leaving=leaving, context=context, on_bound=on_bound, notifier=notifier, early=early
            )
            work, answers = server.serve_until_signal, server.loops_run
        else:
            work = Supervisor(app, options, on_bound=on_bound, notifier=notifier).run
        if pid_file is not None and leaving.owns_process:
            # Not before the application is loaded: until then the kernel ends the process at once.
            pid_file.remove_at_signals()
        run_with_threads(partial(notifier.watched, work, answers), leaving)


def _check(app: str, options: Options, leaving: Leaving) -> None:
    """Load all that is named, and say so if nothing is wrong with it. No socket is bound."""
    free_threading.require(options)
    if options.reload:
        watched_folders(app, options)
    options = dataclasses.replace(options, inspect=False, workers=1)

    def loaded() -> Application:
        # Keys may be readable by root only.
        privileges.drop(options)
        return load(app, options)

    with prepared(options, privileges.identity_of(options)):
        Server.of_process(options, loaded, leaving=leaving)
    print("vitok serve: the configuration can be used", file=sys.stderr)


def _show(error: BaseException) -> None:
    """Write the application's part of a traceback to standard error."""
    lines = traceback.format_exception(type(error), error, _users_part(error.__traceback__))
    print("".join(lines), end="", file=sys.stderr)


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the leading frames of vitok and the import system."""
    ours = (application.__file__, __file__, importlib.__file__)
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file not in ours and not file.startswith("<frozen importlib"):
            break
        trace = trace.tb_next
    return trace


def _signature() -> inspect.Signature:
    """Return a signature with each option as a keyword, for `help()`."""
    app = inspect.Parameter("app", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    kind = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter("ssl", kind, default=None)
    options = [inspect.Parameter(one.name, kind, default=one.default) for one in table()]
    return inspect.Signature([app, context, *options])


serve.__signature__ = _signature()  # type: ignore[attr-defined]
