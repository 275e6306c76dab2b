"""What type checkers know of applications, requests and responses. It is checked, and never run."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict, assert_type
from uuid import UUID

from vitok.http import (
    App,
    Converter,
    Form,
    Headers,
    HTTPError,
    QueryParams,
    Request,
    Response,
    UploadedFile,
    WebSocket,
)


class UserParams(TypedDict):
    """The parameters of a path."""

    id: int


class Hex(Converter[int]):
    """Numbers in hexadecimal digits."""

    def parse(self, text: str) -> int:
        """Return the number."""
        return int(text, 16)

    def format(self, value: int) -> str:
        """Return the digits."""
        return f"{value:x}"


@dataclasses.dataclass
class Note:
    """A note."""

    title: str


@asynccontextmanager
async def lifespan(app: App) -> AsyncGenerator[dict[str, Any]]:
    """Keep a state."""
    yield {"notes": [Note("one")]}


app = App(lifespan=lifespan, max_body=2**20)
app.converter("hex", Hex())


@app.get("/users/{id:int}", name="user")
def user(request: Request[UserParams]) -> dict[str, object]:
    """Return JSON."""
    assert_type(request.path_params["id"], int)
    return {"id": request.path_params["id"], "q": request.query.get("q")}


@app.get("/")
def index(request: Request) -> str:
    """Return text, after everything that a head has."""
    assert_type(request.path_params, dict[str, Any])
    assert_type(request.method, str)
    assert_type(request.path, str)
    assert_type(request.raw_path, bytes)
    assert_type(request.query, QueryParams)
    assert_type(request.query.get("a"), str | None)
    assert_type(request.query.get_all("a"), list[str])
    assert_type(request.headers, Headers)
    assert_type(request.headers["a"], str)
    assert_type(request.headers.raw, list[tuple[bytes, bytes]])
    assert_type(request.cookies.get("a"), str | None)
    assert_type(request.state, dict[str, Any])
    assert_type(request.content_type, str | None)
    assert_type(request.content_length, int | None)
    assert_type(app.url_for("user", id=3), str)
    return "text"


@app.post("/notes", blocking=True)
def add(request: Request) -> tuple[Note, int, dict[str, str]]:
    """Return a dataclass with a status and fields."""
    assert_type(request.read(), bytes)
    assert_type(request.read_text(), str)
    assert_type(request.read_form(), Form)
    return Note("one"), 201, {"location": "/notes/1"}


@app.route("/content", methods=["PUT", "POST"])
async def content(request: Request) -> Response:
    """Return a response, after everything that reads content."""
    assert_type(await request.body(), bytes)
    assert_type(await request.text(), str)
    assert_type(await request.json(), Any)
    form = await request.form()
    assert_type(form, Form)
    file = form.get_file("file")
    assert_type(file, UploadedFile | None)
    if file is not None:
        assert_type(await file.read(), bytes)
    async for part in request.stream():
        assert_type(part, bytes)
    assert_type(await request.is_disconnected(), bool)
    response = Response("text", 201, {"a": "b"})
    response.headers["x"] = "y"
    response.set_cookie("a", "b", max_age=10, httponly=True, samesite="lax")
    response.delete_cookie("a")
    assert_type(response.status, int)
    assert_type(Response.json({"a": 1}), Response)
    assert_type(Response.html("<p>"), Response)
    assert_type(Response.redirect("/"), Response)
    assert_type(Response.file("a.txt", filename="b.txt"), Response)
    return response


@app.get("/none")
async def nothing(request: Request) -> None:
    """Return nothing."""
    if await request.is_disconnected():
        raise HTTPError(409)


@app.get("/stream")
def stream(request: Request) -> Response:
    """Return a stream."""

    async def made() -> AsyncIterator[bytes]:
        yield b"one"

    return Response.stream(made())


@app.get("/uuid/{id:uuid}")
def by_uuid(request: Request[dict[str, UUID]]) -> list[str]:
    """Return a list."""
    return [request.path_params["id"].hex]


@app.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    """Accept."""
    await socket.accept()


@app.before
def before(request: Request) -> Response | None:
    """Return no response."""
    return None


@app.after
async def after(request: Request, response: Response) -> Response | None:
    """Return another response."""
    return response


@app.exception_handler(ValueError)
def on_value_error(request: Request, error: ValueError) -> tuple[str, int]:
    """Return a value."""
    return str(error), 400


@app.exception_handler(404)
async def on_missing(request: Request, error: HTTPError) -> str:
    """Return a value."""
    return error.detail


# Handlers keep their own types.
assert_type(index(Request.from_scope({}, None, None, {}, None)), str)
api = App()
app.mount("/api", api)
app.files("/static", "folder")
