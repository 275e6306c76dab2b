"""Folders whose files are served instead of an application, whatever the interface of that is.

Options are not known here.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from vitok import _native

from .app import App
from .chain import problem
from .compiling import compiled
from .errors import HTTPError
from .responses import Response
from .routes import parse
from .static_files import StaticFiles

_ALLOWED = "GET, HEAD, OPTIONS"


class MountedFiles:
    """The files of one folder, as the answer to all requests below a path. Neither links nor dot files are followed.

    ValueError if the path is none, OSError if the folder can't be opened.
    """

    def __init__(self, path: str, folder: str) -> None:
        pattern = parse(path or "/", {})
        if pattern.parameters or (path and "" in pattern.segments):
            raise ValueError(f"{path!r} is not a path of fixed segments, such as /static")
        self._files = StaticFiles(folder, precompressed=True, dot_files=False)

    def answer(self, request: Any) -> Response | Coroutine[Any, Any, Response]:
        """Return the response to a request. Errors are responses, too: they are no affair of the application."""
        if request.method == "OPTIONS":
            return Response(None, 204, {"Allow": _ALLOWED})
        try:
            if request.method not in ("GET", "HEAD"):
                raise HTTPError(405, f"{request.method} is not allowed here", headers={"Allow": _ALLOWED})
            found = self._files(request)
        except HTTPError as error:
            return _refused(error)
        return found if isinstance(found, Response) else _late(found)


def compiled_with(application: Any, folders: Mapping[str, MountedFiles]) -> _native.Routes:
    """Return the routes of an application, an `App` or one of ASGI 3, with files at and below paths."""
    outer = {path: files.answer for path, files in folders.items()}
    if isinstance(application, App):
        # Nothing can be added from now on.
        application._compiled()
        return compiled(application, outer)
    native = App()
    native.mount("/", application)
    return compiled(native, outer, application)


async def _late(found: Coroutine[Any, Any, Response]) -> Response:
    """Return the response that a thread looks for."""
    try:
        return await found
    except HTTPError as error:
        return _refused(error)


def _refused(error: HTTPError) -> Response:
    response: Response = problem(error)
    return response
