"""`vitok.serve()`: serves an application by this process, or by workers that it supervises, until a signal.

The command line is not known here; errors are exceptions.
"""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from typing import Any

from .leaving import Leaving, run
from .loading import Application, load
from .option_parsing import from_keywords
from .options import table
from .server import Server
from .supervisor import Supervisor


def serve(app: Application | str, **options: Any) -> None:
    """Serve an ASGI application over HTTP/1.1 until SIGINT or SIGTERM; then shut down gracefully and return.

    `app` is the application or its name, `module:attribute`; with `workers` it has to be the name. docs/serve.md lists
    the options. Errors: TypeError for an unknown option, ValueError for an invalid one, OSError for an address or a
    file that can't be used, LifespanError and WorkersError (both RuntimeErrors) for an application or workers that
    fail; exceptions of the module during its import are raised as they are. Outside the main thread signals are not
    handled.

        vitok.serve("package.module:app", host="127.0.0.1", port=8000)
    """
    if asyncio.events._get_running_loop() is not None:
        raise RuntimeError("vitok.serve() cannot be called from a running event loop: use vitok.http.Server")
    given = from_keywords(options)
    leaving = Leaving(given)
    if given.workers == 1:
        run(Server.of_process(given, partial(load, app, given), leaving=leaving).serve_until_signal, leaving)
    else:
        run(Supervisor(app, given).run, leaving)


def _signature() -> inspect.Signature:
    """Return a signature with each option as a keyword, for `help()`."""
    app = inspect.Parameter("app", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([app, *(inspect.Parameter(one.name, kind, default=one.default) for one in table())])


serve.__signature__ = _signature()  # type: ignore[attr-defined]
