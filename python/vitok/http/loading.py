"""The application by its name: `module:attribute`, a factory, and what kind of callable it is.

It knows nothing of serving.
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
"""An ASGI 3 application: `application(scope, receive, send)` gives an awaitable."""


def load(app: Any, options: Options) -> Application:
    """The application behind a name, or the one given, as ASGI 3 (`app_dir`, `factory`, `interface`).

    LoadingError if there is none under the name. What the module or the factory raises is raised.
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
    """Module and attribute of a name. LoadingError if it is not of that form."""
    module, colon, attribute = name.partition(":")
    if not colon or not attribute:
        raise LoadingError(f"{name!r} names no attribute: write module:attribute, as in {module or 'module'}:app")
    if not module or not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        raise LoadingError(f"{name!r} is not of the form module:attribute")
    return module, attribute


def look_in(folder: str) -> None:
    """Look for modules in this folder first. LoadingError if there is no such folder."""
    path = Path(folder)
    if not path.is_dir():
        raise LoadingError(f"--app-dir: {folder!r} is not a folder")
    absolute = str(path.resolve())
    if sys.path[:1] != [absolute]:
        sys.path.insert(0, absolute)


def find(name: str) -> Any:
    """The object behind `module:attribute`."""
    module_name, attribute = split(name)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # One that the module itself fails to import is the module's own error, and raised as such.
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
    """What a factory gives."""
    if not _can_be_called(factory, 0):
        raise LoadingError(f"{shown} can't be called without arguments, as a factory is")
    made = factory()
    if inspect.iscoroutine(made):
        made.close()
        raise LoadingError(f"{shown} is an async function; a factory gives the application itself")
    if not callable(made):
        raise LoadingError(f"the factory {shown} gave something that is not callable, of type {type(made).__name__}")
    return made


def _is_asgi2(app: Application, interface: str) -> bool:
    """Whether it is called twice, with one argument first (ASGI 2), and not once with three."""
    if interface != "auto":
        return interface == "asgi2"
    return not _can_be_called(app, 3) and _can_be_called(app, 1)


def _can_be_called(app: Callable[..., Any], count: int) -> bool:
    """Whether it takes so many arguments by position. What hides its parameters is believed to take three."""
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
        """Make the instance for this scope, and run it."""
        scope["asgi"] = {**scope.get("asgi", {}), "version": "2.0"}
        instance: Callable[..., Awaitable[None]] = self.app(scope)
        await instance(receive, send)
