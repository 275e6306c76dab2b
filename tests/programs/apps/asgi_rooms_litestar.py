"""A Litestar application for WebSocket: handlers, a guard that refuses, a listener with checked data, a room.

It knows nothing of who asks or serves.
"""

from litestar import Litestar, MediaType, WebSocket, get, websocket, websocket_listener
from litestar.connection import ASGIConnection
from litestar.exceptions import PermissionDeniedException, WebSocketDisconnect
from litestar.handlers.base import BaseRouteHandler
from rooms import FAREWELL, FIELD, SUBPROTOCOL, TOKEN, Room, total
from scene import loop_name

room = Room()


@get("/loop", media_type=MediaType.TEXT)
async def loop() -> str:
    """The name of the running loop, over HTTP."""
    return loop_name()


@websocket_listener("/echo")
async def echo(data: str) -> str:
    """Each text as it came."""
    return data


@websocket_listener("/bytes", receive_mode="binary", send_mode="binary")
async def bytes_(data: bytes) -> bytes:
    """The same with bytes."""
    return data


@websocket_listener("/json")
async def json(data: dict[str, list[int]]) -> dict[str, int]:
    """Sums of what comes as JSON, which Litestar checks."""
    return total(data["numbers"])


def guard(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]
    """Who has no token is refused before anything is accepted."""
    if connection.query_params.get("token") != TOKEN:
        raise PermissionDeniedException


@websocket("/secret", guards=[guard])
async def secret(socket: WebSocket) -> None:  # type: ignore[type-arg]
    """Only for those with a token."""
    await socket.accept()
    await socket.send_text(f"you said {socket.query_params['token']}")
    await socket.close()


@websocket("/chat")
async def chat(socket: WebSocket) -> None:  # type: ignore[type-arg]
    """A subprotocol and a field of the response."""
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None
    await socket.accept(subprotocols=subprotocol, headers=dict([FIELD]))
    await socket.receive_text()


@websocket("/farewell")
async def farewell(socket: WebSocket) -> None:  # type: ignore[type-arg]
    """Close with a code and a reason."""
    await socket.accept()
    await socket.close(*FAREWELL)


@websocket("/room/{name:str}")
async def enter(socket: WebSocket, name: str, times: int = 1) -> None:  # type: ignore[type-arg]
    """A guest of the room, whose texts go to all, as often as it wants."""
    await socket.accept()
    await room.enter(name, socket.send_text)
    try:
        while True:
            text = await socket.receive_text()
            for _ in range(times):
                await room.tell(f"{name}: {text}")
    except WebSocketDisconnect as left:
        await room.leave(name, left.code)


app = Litestar(
    [loop, echo, bytes_, json, secret, chat, farewell, enter],
    openapi_config=None,
)
