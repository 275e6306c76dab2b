"""What type checkers know of `vitok.http.App`. It is checked, and never run.

A line with `type: ignore` has a mistake that both checkers find; each complains where there is none.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypedDict, assert_type

from vitok._native import Request
from vitok.http import App, HTTPError, Response, WebSocket
from vitok.http.native.handlers import CallNext


class UserParams(TypedDict):
    """The parameters of a path."""

    id: int


@dataclass
class User:
    """A value that becomes JSON."""

    name: str


class Date:
    """A converter."""

    def parse(self, text: str) -> tuple[int, ...]:
        """Read a date."""
        return tuple(int(part) for part in text.split("-"))

    def format(self, value: tuple[int, ...]) -> str:
        """Write a date."""
        return "-".join(map(str, value))


@asynccontextmanager
async def lifespan(app: App) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the state."""
    yield {"app": app}


app = App(lifespan=lifespan, max_body=2**20, redirect_slashes=True)
app.converter("date", Date())
assert_type(app.url_for("user", id=3, _query={"q": "x"}), str)


@app.get("/users/{id:int}", name="user")
def user(request: Request[UserParams]) -> dict[str, object]:
    """Take parameters whose types are known."""
    assert_type(request.path_params["id"], int)
    return {"id": request.path_params["id"]}


# The decorator keeps the type of the function.
kept: Callable[[Request[UserParams]], dict[str, object]] = user


@app.post("/users")
async def make(request: Request) -> tuple[User, int]:
    """Return a value with a status."""
    assert_type(await request.body(), bytes)
    return User(str(await request.json())), 201


@app.get("/value", blocking=True)
def value(request: Request) -> list[int]:
    """Return a list."""
    assert_type(request.path_params, dict[str, Any])
    return [len(request.read())]


@app.get("/nothing")
def nothing(request: Request) -> None:
    """Return nothing."""


@app.get("/response")
async def response(request: Request) -> Response | str:
    """Return one or the other."""
    return Response.text("text") if request.query else "text"


@app.get("/fields")
def fields(request: Request) -> tuple[str, int, dict[str, str]]:
    """Return a value with a status and fields."""
    return "made", 201, {"location": "/"}


@app.get("/set")  # type: ignore[type-var]
def returns_a_set(request: Request) -> set[int]:
    """Return what is no response."""
    return {1}


@app.get("/two")  # type: ignore[type-var]
def takes_two(request: Request, more: int) -> str:
    """Take more than the request."""
    return str(more)


@app.middleware
async def timing(request: Request, call_next: CallNext) -> Response:
    """Surround every request."""
    answer = await call_next(request)
    assert_type(answer, Response)
    answer.headers["x-time"] = "1"
    return answer


@app.before
async def check(request: Request) -> Response | None:
    """Refuse a request."""
    return None if request.query else Response.text("no", 403)


@app.after
def sign(request: Request, response: Response) -> None:
    """Change a response."""
    response.headers["x-signed"] = request.path


@app.exception_handler(KeyError)
def missing(request: Request, error: KeyError) -> tuple[str, int]:
    """Handle a class."""
    return str(error), 404


@app.exception_handler(404)
async def not_found(request: Request, error: HTTPError) -> str:
    """Handle a status."""
    return error.detail


@app.exception_handler(KeyError)  # type: ignore[arg-type]
def wrong(request: Request, error: ValueError) -> str:
    """Handle another class than that of the decorator."""
    return str(error)


@app.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    """Take a WebSocket."""
    await socket.accept()


@app.websocket("/plain")  # type: ignore[type-var]
def plain(socket: WebSocket) -> None:
    """Be no coroutine function."""


async def asgi(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Be an ASGI application."""


app.mount("/asgi", asgi)
app.mount("/app", App(), name="other")
