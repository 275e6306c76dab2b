"""A native event loop for asyncio.

`vitok.run(main())` instead of `asyncio.run(main())` is the only change that a program needs. The loop is CPython's own
class with its hot parts in Rust, so everything that asyncio documents holds:
https://docs.python.org/3/library/asyncio.html.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from ._loop import Loop
from ._native import __version__
from ._resolver import configure_resolver
from ._server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    from ._metrics import Metrics as Metrics
    from ._policy import EventLoopPolicy as EventLoopPolicy
    from ._policy import install as install
    from .http.serving import serve as serve

__all__ = [
    "EventLoop",
    "Loop",
    "Server",
    "__version__",
    "as_uvloop",
    "configure_resolver",
    "new_event_loop",
    "run",
    "serve",
]

EventLoop = Loop
"""The same class by asyncio's newer name."""

_Result = TypeVar("_Result")
_POLICY_NAMES = ("EventLoopPolicy", "install")


def new_event_loop() -> Loop:
    """Return a new loop. The caller closes it, as `asyncio.Runner(loop_factory=vitok.new_event_loop)` does."""
    return Loop()


def run(
    main: Coroutine[Any, Any, _Result],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    debug: bool | None = None,
    context: Context | None = None,
) -> _Result:
    """Run a coroutine on a new loop and return its result: `asyncio.run` with this loop as the default.

    `loop_factory` makes another loop. `debug` and `context` are those of asyncio.Runner, and so are the errors:
    RuntimeError if a loop is running in this thread, ValueError or TypeError for what is no coroutine.
    """
    if asyncio.events._get_running_loop() is not None:
        # Checked before a runner is made: closing the runner would fail for the same reason and hide this error.
        raise RuntimeError("vitok.run() cannot be called from a running event loop")
    with asyncio.Runner(debug=debug, loop_factory=loop_factory or new_event_loop) as runner:
        return runner.run(main, context=context)


def as_uvloop() -> None:
    """Make `import uvloop` import this package, in this process and in children that multiprocessing spawns.

    This is for programs that ask for uvloop by name. It happens only by this call, by `VITOK_AS_UVLOOP=1` at the first
    import of vitok, or by `python -m vitok --as-uvloop`.
    """
    from . import _uvloop_shim

    _uvloop_shim.activate(sys.modules[__name__])


if not TYPE_CHECKING:
    # A type checker would take any name for one of these.

    def __getattr__(name: str) -> Any:
        """Import names that few programs need at their first use.

        These are the HTTP server, the class of metrics, and event loop policies, which are deprecated and were
        removed in Python 3.16.
        """
        if name == "Metrics":
            from ._metrics import Metrics

            return Metrics
        if name == "serve":
            from .http.serving import serve

            return serve
        if name in _POLICY_NAMES and sys.version_info < (3, 16):
            from . import _policy

            return getattr(_policy, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if os.environ.get("VITOK_AS_UVLOOP") == "1":
    as_uvloop()
