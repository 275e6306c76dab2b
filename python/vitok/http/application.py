"""The application: found by its name `module:attribute`, and called in one convention.

Its startup and shutdown are in lifespan.py. Requests and connections are not known here.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import no_application, suggestions, wsgi
from .convention import can_be_called, convention_of, may_be
from .narrowing import is_group
from .options import OptionError, Options

Application = Callable[..., Any]
"""An ASGI 3 application: `application(scope, receive, send)` returns an awaitable. A native one is called like that,
too, but for its requests."""

# Each `interface` in words, and what its applications are called with.
_CONVENTIONS = {
    "asgi3": ("ASGI 3", "(scope, receive, send)"),
    "asgi2": ("ASGI 2", "(scope)"),
    "wsgi": ("WSGI", "(environ, start_response)"),
}
# How many modules of applications are being imported.
_loads = 0


class LoadingError(OptionError):
    """The name of an application that does not exist or is no application. The message is one line with the name."""


def load(app: Any, options: Options) -> Application:
    """Return the application of this name, or the given one, native or as ASGI 3 (`app_dir`, `factory`, `interface`).

    LoadingError if there is no application of this name. Exceptions of the module and the factory are raised as they
    are, and so are those of a native application whose routes are no routes.
    """
    if options.app_dir is not None:
        look_in(options.app_dir)
    found = find(app, options.app_dir) if isinstance(app, str) else app
    shown = repr(app) if isinstance(app, str) else f"the application {app!r}"
    if not callable(found):
        raise LoadingError(f"{shown} is not callable: it is {no_application.description(found)}")
    if options.factory:
        found = _made(found, shown)
        shown = f"what the factory {shown} returned"
    interface = options.interface
    if is_native(found):
        if interface in ("asgi2", "wsgi"):
            raise LoadingError(
                f"--interface: {interface} is no calling convention of a vitok.http.App, which {shown} is"
            )
        app = found
        app._compiled()
        native: Application = app.asgi if interface == "asgi3" else app
        return native
    if interface == "native":
        raise LoadingError(f"--interface: {shown} is not native: expected a vitok.http.App, not {type(found).__name__}")
    if interface == "auto":
        interface = "" if no_application.own_server(found) else convention_of(found)
        if not interface:
            raise LoadingError(
                f"{shown} is no application: it is {no_application.description(found)}; expected one of ASGI 3, called "
                "with (scope, receive, send), of ASGI 2, called with (scope), of WSGI, called with (environ, "
                "start_response), a vitok.http.App, or with --factory a function that makes one of them"
            )
    elif not may_be(found, interface):
        name, parameters = _CONVENTIONS[interface]
        other = convention_of(found)
        what = f"one of {_CONVENTIONS[other][0]}" if other else no_application.description(found)
        raise LoadingError(
            f"--interface: {shown} can't be called as one of {name}: expected an application that is called with "
            f"{parameters}; it is {what}"
        )
    return as_asgi3(found, interface) if interface != "wsgi" else _as_wsgi(found, shown, options.wsgi_threads)


def is_native(app: object) -> bool:
    """Return whether an application is a `vitok.http.App`, which this does not import."""
    return hasattr(type(app), "_compiled")


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
        if is_group(error):
            return all(comes_of_disconnect(member, steps - 1) for member in error.exceptions)
        if error is None:
            return False
        error = error.__cause__ or error.__context__
    return False


def split(name: str, app_dir: str | None = None) -> tuple[str, str]:
    """Split a name into module and attribute. LoadingError if it has another form, with what was probably meant.

    `app_dir` is the folder of the modules, if it is not the current one.
    """
    folder = app_dir or "."
    if path := suggestions.for_path(name, folder):
        raise LoadingError(f"{name!r} is not of the form module:attribute: {path}")
    module, colon, attribute = name.partition(":")
    if not colon or not attribute:
        meant = suggestions.for_module(module, folder)
        raise LoadingError(f"{name!r} has no attribute: expected module:attribute, such as {meant}")
    if not module or not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        raise LoadingError(f"{name!r} is not of the form module:attribute")
    return module, attribute


def folder_of(app_dir: str) -> str:
    """Return the whole path of the folder with the application's modules. LoadingError if there is no such folder."""
    path = Path(app_dir)
    if not path.is_dir():
        raise LoadingError(f"--app-dir: {app_dir!r} is not a folder")
    try:
        return str(path.resolve())
    except OSError:
        # Only a relative path asks for it, and only a folder that was removed has none.
        raise LoadingError(f"--app-dir: {app_dir!r}: the current folder does not exist any more") from None


def look_in(folder: str) -> None:
    """Search this folder for modules first. LoadingError if there is no such folder."""
    absolute = folder_of(folder)
    if sys.path[:1] != [absolute]:
        sys.path.insert(0, absolute)


def is_loading() -> bool:
    """Return whether the module of an application is being imported, by this thread or another one."""
    return _loads > 0


@contextmanager
def _loading() -> Generator[None]:
    global _loads
    _loads += 1
    try:
        yield
    finally:
        _loads -= 1


def find(name: str, app_dir: str | None = None) -> Any:
    """Return the object of the name `module:attribute`. `app_dir` is only for what LoadingError suggests."""
    module_name, attribute = split(name, app_dir)
    try:
        with _loading():
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that the module itself fails to import is an error of that module, and raised as it is.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        meant = suggestions.for_missing_module(module_name, attribute, app_dir or ".")
        raise LoadingError(f"there is no module {error.name!r} for {name!r}{meant}") from None
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            # A built-in module has no file.
            file = getattr(module, "__file__", None)
            meant = suggestions.for_hidden_module(module_name, app_dir or ".", file)
            meant = meant or suggestions.for_missing_attribute(attribute, vars(module), file)
            raise LoadingError(f"module {module_name!r} has no attribute {attribute!r}{meant}") from None
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


def _made(factory: Callable[..., Any], shown: str) -> Any:
    """Return the result of a factory."""
    if not can_be_called(factory, 0):
        hint = (
            " (if it is the application itself, leave out --factory)" if no_application.is_application(factory) else ""
        )
        raise LoadingError(f"{shown} is not a factory: it can't be called without arguments{hint}")
    made = factory()
    if inspect.iscoroutine(made):
        made.close()
        raise LoadingError(f"{shown} is an async function: a factory has to return the application itself")
    if not callable(made):
        raise LoadingError(
            f"the factory {shown} returned an object that is not callable, of type {type(made).__name__}"
        )
    return made


def _as_wsgi(app: Callable[..., Any], shown: str, threads: int) -> Application:
    """Return a WSGI application as one of ASGI 3. LoadingError if a2wsgi is missing."""
    if not wsgi.is_available():
        raise LoadingError(f"{shown} is a WSGI application, which needs a2wsgi: pip install 'vitok[wsgi]'")
    return wsgi.Wsgi(app, threads=threads)


def _is_asgi2(app: Application, interface: str) -> bool:
    """Return whether an application is called twice, with one argument first (ASGI 2), and not once with three."""
    if interface in ("asgi2", "asgi3"):
        return interface == "asgi2"
    return not can_be_called(app, 3) and can_be_called(app, 1)
