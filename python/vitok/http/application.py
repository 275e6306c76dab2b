"""The application: found by its name `module:attribute`, called in one convention, started and ended.

Its lifespan follows ASGI's protocol 2.0: https://asgi.readthedocs.io/en/latest/specs/lifespan.html. Requests and
connections are not known here.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .leaving import first_of
from .log import Log
from .options import OptionError, Options

Application = Callable[..., Any]
"""An ASGI 3 application: `application(scope, receive, send)` returns an awaitable. A native one is called like that,
too, but for its requests."""

_SCOPE = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
# How many modules of applications are being imported.
_loads = 0
# The time for an application to return after its last message.
_LAST_WORDS_SECONDS = 1.0


class LoadingError(OptionError):
    """The name of an application that does not exist or is no application. The message is one line with the name."""


def load(app: Any, options: Options) -> Application:
    """Return the application of this name, or the given one, native or as ASGI 3 (`app_dir`, `factory`, `interface`).

    LoadingError if there is no application of this name. Exceptions of the module and the factory are raised as they
    are, and so are those of a native application whose routes are no routes.
    """
    if options.app_dir is not None:
        look_in(options.app_dir)
    found = find(app) if isinstance(app, str) else app
    shown = repr(app) if isinstance(app, str) else f"the application {app!r}"
    if not callable(found):
        raise LoadingError(f"{shown} is not callable, but of type {type(found).__name__}")
    if options.factory:
        found = _made(found, shown)
    interface = options.interface
    if is_native(found):
        if interface == "asgi2":
            raise LoadingError(f"--interface: asgi2 is no calling convention of a vitok.http.App, which {shown} is")
        found._compiled()
        native: Application = found.asgi if interface == "asgi3" else found
        return native
    if interface == "native":
        raise LoadingError(f"--interface: {shown} is not native: expected a vitok.http.App, not {type(found).__name__}")
    return as_asgi3(found, interface)


def is_native(app: Any) -> bool:
    """Return whether an application is a `vitok.http.App`, which this does not import."""
    return hasattr(app, "_compiled")


def as_asgi3(app: Application, interface: str = "auto") -> Application:
    """Return an application as one of ASGI 3. `interface` is that of the options."""
    return Asgi2(app) if _is_asgi2(app, interface) else app


def unexpected_end(
    error: BaseException | None, was_disconnected: bool, is_unanswered: bool, is_handler: bool = False
) -> str | None:
    """Return what to report of an application that has ended with an error, or before its response is complete.

    None if that is expected: the request was cancelled, or the application was told that the client has left. The
    native server calls this; `is_handler` is for one function of a native application.
    """
    if error is None:
        if was_disconnected:
            return None
        who = "The source of a response" if is_handler else "The ASGI application"
        return f"{who} returned {'without a' if is_unanswered else 'in the middle of its'} response"
    if isinstance(error, asyncio.CancelledError) or (was_disconnected and comes_of_disconnect(error)):
        return None
    return "Exception in a handler" if is_handler else "Exception in ASGI application"


def comes_of_disconnect(error: BaseException | None, steps: int = 16) -> bool:
    """Return whether an exception is caused by the one that `send` raises once the client has left.

    Frameworks wrap it in one of their own, and task groups in a group.
    """
    for _ in range(steps):
        if isinstance(error, ConnectionError):
            return True
        if isinstance(error, BaseExceptionGroup):
            return all(comes_of_disconnect(member, steps - 1) for member in error.exceptions)
        if error is None:
            return False
        error = error.__cause__ or error.__context__
    return False


def split(name: str) -> tuple[str, str]:
    """Split a name into module and attribute. LoadingError if it has another form."""
    module, colon, attribute = name.partition(":")
    if not colon or not attribute:
        raise LoadingError(f"{name!r} has no attribute: expected module:attribute, such as {module or 'module'}:app")
    if not module or not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        raise LoadingError(f"{name!r} is not of the form module:attribute")
    return module, attribute


def look_in(folder: str) -> None:
    """Search this folder for modules first. LoadingError if there is no such folder."""
    path = Path(folder)
    if not path.is_dir():
        raise LoadingError(f"--app-dir: {folder!r} is not a folder")
    absolute = str(path.resolve())
    if sys.path[:1] != [absolute]:
        sys.path.insert(0, absolute)


def is_loading() -> bool:
    """Return whether the module of an application is being imported, by this thread or another one."""
    return _loads > 0


@contextmanager
def _loading() -> Iterator[None]:
    global _loads
    _loads += 1
    try:
        yield
    finally:
        _loads -= 1


def find(name: str) -> Any:
    """Return the object of the name `module:attribute`."""
    module_name, attribute = split(name)
    try:
        with _loading():
            found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that the module itself fails to import is an error of that module, and raised as it is.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise LoadingError(f"there is no module {error.name!r} for {name!r}") from None
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise LoadingError(f"module {module_name!r} has no attribute {attribute!r}") from None
    return found


class Asgi2:
    """An application of ASGI 2, called as one of ASGI 3: https://asgi.readthedocs.io/en/latest/specs/main.html."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Create the instance for this scope, and run it."""
        scope["asgi"] = {**scope.get("asgi", {}), "version": "2.0"}
        instance: Callable[..., Awaitable[None]] = self.app(scope)
        await instance(receive, send)


def as_coroutine_function(application: Callable[..., Any]) -> Callable[..., Any]:
    """Return the application itself if calling it runs none of its code, otherwise a coroutine function around it.

    So the code that a callable runs before it returns, and the context variables that it sets, belong to the task of
    the request; and its result may be any awaitable. The native server calls this.
    """
    if inspect.iscoroutinefunction(application):
        return application
    if inspect.iscoroutinefunction(getattr(type(application), "__call__", None)):  # noqa: B004
        return application

    async def call(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        await application(scope, receive, send)

    return call


class LifespanError(RuntimeError):
    """The application reports that it could not start, or not end. The message is the application's."""

    def __init__(self, what: str, message: str = "") -> None:
        """`what` is one line; `message` is the application's own: any number of lines, often a traceback."""
        super().__init__(f"{what}: {message}" if message else what)
        has_lines = "\n" in message.strip()
        self.summary = what if has_lines else str(self)
        """One line."""
        self.details = message.rstrip() if has_lines else ""
        """A message of the application that is longer than a line."""
        self.is_broken = False
        """Whether the application raised while it started; the cause has its traceback."""


class Lifespan:
    """One lifespan, in a task of its own. `mode` is auto, on or off."""

    def __init__(self, application: Application, mode: str, log: Log) -> None:
        self.state: dict[str, Any] | None = None
        """The state that the application keeps for its requests; None if it has no lifespan."""
        self._application = application
        self._mode = mode
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self._raised: Exception | None = None
        self._phase = "new"
        loop = asyncio.get_running_loop()
        # Each result is None for "complete", or the message of "failed".
        self._started: asyncio.Future[str | None] = loop.create_future()
        self._ended: asyncio.Future[str | None] = loop.create_future()
        self._end_asked = asyncio.Event()

    async def startup(self) -> None:
        """Tell the application to start, and wait until it has. LifespanError if it reports a failure.

        An application without a lifespan is accepted with `auto`, and a LifespanError with `on`.
        """
        if self._mode == "off":
            return
        state: dict[str, Any] = {}
        self._task = asyncio.create_task(self._run({**_SCOPE, "state": state}), name="vitok lifespan")
        await first_of(self._task, self._started)
        if self._started.done():
            if (message := self._started.result()) is not None:
                await self.cancel()
                # An application may raise the exception that it has reported.
                raise LifespanError("the application failed to start", message) from self._raised
            self.state = state
            return
        self._do_without()

    async def shutdown(self, seconds: float | None) -> None:
        """Tell the application to end, and wait this long for it. LifespanError if it fails or takes longer."""
        if self._task is None or self._task.done():
            return
        self._end_asked.set()
        await first_of(self._task, self._ended, seconds=seconds)
        if not self._ended.done() and not self._task.done():
            await self.cancel()
            raise LifespanError(f"the application did not end within {seconds:g} s")
        await self.cancel()
        if self._ended.done() and (message := self._ended.result()) is not None:
            raise LifespanError("the application failed to end", message) from self._raised

    async def cancel(self) -> None:
        """Cancel what still runs, and wait for its end. An application that does not obey is abandoned."""
        if self._task is not None and not self._task.done():
            if self._phase == "ended":
                # It has sent its last message, and is about to return.
                await asyncio.wait({self._task}, timeout=_LAST_WORDS_SECONDS)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_LAST_WORDS_SECONDS)

    def _do_without(self) -> None:
        """Handle an application that ended before it answered: it does not support the protocol, or failed."""
        reason = f"raised {type(self._raised).__name__}: {self._raised}" if self._raised else "returned"
        if self._mode == "on":
            error = LifespanError(f"--lifespan: the application has no lifespan: it {reason}")
            error.is_broken = self._raised is not None and self._phase == "starting"
            raise error from self._raised
        self._log.logger.debug("serving without lifespan: the application %s", reason)

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self._application(scope, self._receive, self._send)
        except Exception as error:
            # Before the first answer an exception may mean that there is no lifespan; after "failed" all has been
            # reported.
            self._raised = error
            if self._phase in ("started", "ending"):
                self._log.error("the application's lifespan ended with an exception", error)

    async def _receive(self) -> dict[str, Any]:
        """Return the two events, each once and in time. There is no third."""
        if self._phase == "new":
            self._phase = "starting"
            return {"type": "lifespan.startup"}
        if self._phase in ("starting", "started"):
            await self._end_asked.wait()
            if self._phase == "started":
                self._phase = "ending"
                return {"type": "lifespan.shutdown"}
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def _send(self, message: dict[str, Any]) -> None:
        """Handle a message of the application. RuntimeError for one that is not expected."""
        kind = message.get("type")
        answers = {
            "starting": ("lifespan.startup.", self._started, "started"),
            "ending": ("lifespan.shutdown.", self._ended, "ended"),
        }
        prefix, answer, following = answers.get(self._phase, ("nothing", None, ""))
        if answer is None or kind not in (f"{prefix}complete", f"{prefix}failed"):
            raise RuntimeError(f"the message {kind!r} is not expected while the lifespan is {self._phase}")
        failed = kind == f"{prefix}failed"
        self._phase = "ended" if failed else following
        answer.set_result(str(message.get("message", "")) if failed else None)


def _made(factory: Callable[..., Any], shown: str) -> Any:
    """Return the result of a factory."""
    if not _can_be_called(factory, 0):
        raise LoadingError(f"{shown} is not a factory: it can't be called without arguments")
    made = factory()
    if inspect.iscoroutine(made):
        made.close()
        raise LoadingError(f"{shown} is an async function: a factory has to return the application itself")
    if not callable(made):
        raise LoadingError(
            f"the factory {shown} returned an object that is not callable, of type {type(made).__name__}"
        )
    return made


def _is_asgi2(app: Application, interface: str) -> bool:
    """Return whether an application is called twice, with one argument first (ASGI 2), and not once with three."""
    if interface in ("asgi2", "asgi3"):
        return interface == "asgi2"
    return not _can_be_called(app, 3) and _can_be_called(app, 1)


def _can_be_called(app: Callable[..., Any], count: int) -> bool:
    """Return whether it takes this many positional arguments. Unknown parameters count as three."""
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):
        return count == 3
    try:
        signature.bind(*([None] * count))
    except TypeError:
        return False
    return True
