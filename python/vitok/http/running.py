"""`vitok.http.run()`: a script that serves its application, with one process or several, or again after each change.

from vitok.http import App, run

app = App()

@app.get("/")
def hello(request):
    return "Hello"

if __name__ == "__main__":
    run(app)
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from ssl import SSLContext
from types import ModuleType
from typing import Unpack

from .application import Application
from .options import OptionError, ServeOptions, from_keywords
from .serving import serve


def run(app: Application | str, *, ssl: SSLContext | None = None, **options: Unpack[ServeOptions]) -> None:
    """Serve an application until SIGINT or SIGTERM; then end gracefully.

    Arguments and errors are those of `vitok.serve()`, except that with `workers` or `reload` the application may be
    given itself: another process imports the module that has it, also if that is the script. ValueError if no module
    has it. The call belongs under `if __name__ == "__main__":`, since a module that is imported does not serve.
    """
    importing: ServeOptions = {}
    if "workers" in options:
        importing["workers"] = options["workers"]
    if "reload" in options:
        importing["reload"] = options["reload"]
    given = from_keywords(importing)
    if not isinstance(app, str) and (given.workers != 1 or given.reload):
        app, folder = _name_of(app, "workers" if given.workers != 1 else "reload")
        if folder is not None and options.get("app_dir") is None:
            options["app_dir"] = folder
    serve(app, ssl=ssl, **options)


run.__signature__ = inspect.signature(serve)  # type: ignore[attr-defined]


def _name_of(app: Application, option: str) -> tuple[str, str | None]:
    """Return the name of an application, module:attribute, and the folder of its module if that is the script."""
    for module in list(sys.modules.values()):
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if value is app and module.__name__ != "__main__":
                return f"{module.__name__}:{attribute}", None
            if value is app and (place := _place_of(module)) is not None:
                name, folder = place
                return f"{name}:{attribute}", folder
    raise OptionError(f"{option}: expected an application that is an attribute of a module, since workers import it")


def _place_of(script: ModuleType) -> tuple[str, str | None] | None:
    """Return the name by which a script is imported, and its folder. None if it has no file: a prompt, `python -c`."""
    spec, file = script.__spec__, getattr(script, "__file__", None)
    if spec is not None:
        # Started by `python -m`.
        return spec.name, None
    return (Path(file).stem, str(Path(file).resolve().parent)) if file else None
