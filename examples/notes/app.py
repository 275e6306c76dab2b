"""The application: its parts, its database, and what holds for each response.

The variable NOTES_DATABASE may name a PostgreSQL database: postgresql://user:password@host/name. Without it the notes
are in an SQLite file. NOTES_FOLDER is the folder of that file and of the attached files.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from vitok.http import App, HTTPError, Request, Response

from . import pages, visitors
from .api import api
from .board import Board
from .database import connect
from .live import live
from .protection import protect, restrict
from .site import site
from .store import Store

HERE = Path(__file__).parent


@asynccontextmanager
async def lifespan(_app: App) -> AsyncGenerator[dict[str, Any], None]:
    """Open the database when the server starts, and close it when the server ends."""
    folder = Path(os.environ.get("NOTES_FOLDER") or HERE / "data")
    (folder / "files").mkdir(parents=True, exist_ok=True)
    database = await connect(os.environ.get("NOTES_DATABASE", "sqlite:"), folder)
    try:
        yield {"board": Board(Store(database), folder / "files")}
    finally:
        await database.close()


app = App(lifespan=lifespan, middleware=[protect])
app.after(visitors.remember)
app.after(restrict)
app.files("/static", HERE / "static")
app.mount("/api", api)
app.mount("/live", live)
app.mount("/", site)


@app.exception_handler(HTTPError)
def show_error(request: Request, error: HTTPError) -> Response:
    """Show an error as a page to a browser. To all others it is JSON, as it is without this function."""
    if "text/html" not in request.headers.get("accept", ""):
        raise error
    return pages.page(request, error.title, pages.show_message(error.title, error.detail), status=error.status)
