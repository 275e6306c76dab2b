"""Bottle: the same routes as in wsgi_flask.py."""

from collections.abc import Iterator
from typing import Any

import bottle

app = bottle.Bottle()


@app.get("/hello/<name>")
def hello(name: str) -> str:
    """Greet."""
    return f"Hello, {name}! {bottle.request.query.getunicode('q', '')} {bottle.request.remote_addr}"


@app.post("/upload")
def upload() -> dict[str, Any]:
    """Tell what arrived."""
    file = bottle.request.files["file"]
    return {"name": file.filename, "length": len(file.file.read()), "field": bottle.request.forms["field"]}


@app.get("/parts")
def parts() -> Iterator[bytes]:
    """Send a thousand parts."""
    for number in range(1000):
        yield b"%d\n" % number


@app.get("/broken")
def broken() -> str:
    """Raise."""
    raise RuntimeError("broken on purpose")
