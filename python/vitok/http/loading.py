"""Finds the application by its name: `module:attribute`, a factory, and its kind of callable.

Serving is not known here.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .errors import LoadingError
from .options import Options

Application = Callable[..., Any]
"""An ASGI 3 application: `application(scope, receive, send)` returns an awaitable."""


def load(app: Any, options: Options) -> Application:
    """Return the application of this name, or the given one, as ASGI 3 (`app_dir`, `factory`, `interface`).

    LoadingError if there is no application of this name. Exceptions of the module and the factory are raised as they
    are.
    """
    if options.app_dir is not None:
        look_in(options.app_dir)
    found = find(app) if isinstance(app, str) else app
    shown = repr(app) if isinstance(app, str) else f"the application {app!r}"
    if not callable(found):
        raise LoadingError(f"{shown} is not callable, but of type {type(found).__name__}")
    if options.factory:
        found = _made(found, shown)
    return Asgi2(found) if _is_asgi2(found, options.interface) else found


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


def find(name: str) -> Any:
    """Return the object of the name `module:attribute`."""
    module_name, attribute = split(name)
    try:
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
    if interface != "auto":
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


class Asgi2:
    """An application of ASGI 2, called as one of ASGI 3: https://asgi.readthedocs.io/en/latest/specs/main.html."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Create the instance for this scope, and run it."""
        scope["asgi"] = {**scope.get("asgi", {}), "version": "2.0"}
        instance: Callable[..., Awaitable[None]] = self.app(scope)
        await instance(receive, send)
