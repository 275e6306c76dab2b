"""A Starlette application for WebSocket: endpoints and classes of endpoints, a denial response, a room.

It knows nothing of who asks or serves.
"""

from typing import Any

from rooms import FAREWELL, FIELD, SUBPROTOCOL, TOKEN, Room, total
from scene import loop_name
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

room = Room()


async def loop(request: Request) -> Response:
    """The name of the running loop, over HTTP."""
    return PlainTextResponse(loop_name())


class Echo(WebSocketEndpoint):
    """Texts come back."""

    encoding = "text"

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        """One of them."""
        await websocket.send_text(data)


class Bytes(WebSocketEndpoint):
    """Bytes come back."""

    encoding = "bytes"

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        """One message."""
        await websocket.send_bytes(data)


class Json(WebSocketEndpoint):
    """Sums of what comes as JSON."""

    encoding = "json"

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        """One body."""
        await websocket.send_json(total(data["numbers"]))


async def secret(socket: WebSocket) -> None:
    """Only for those with a token; others get a response of the application's own."""
    token = socket.query_params.get("token")
    if token != TOKEN:
        await socket.send_denial_response(PlainTextResponse("no token", status_code=403))
        return
    await socket.accept()
    await socket.send_text(f"you said {token}")
    await socket.close()


async def chat(socket: WebSocket) -> None:
    """A subprotocol and a field of the response."""
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None
    await socket.accept(subprotocol, headers=[(FIELD[0].encode(), FIELD[1].encode())])
    await socket.receive_text()


async def farewell(socket: WebSocket) -> None:
    """Close with a code and a reason."""
    await socket.accept()
    await socket.close(*FAREWELL)


class Enter(WebSocketEndpoint):
    """A guest of the room, whose texts go to all, as often as it wants."""

    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        """Enter."""
        await websocket.accept()
        await room.enter(websocket.path_params["name"], websocket.send_text)

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        """Say something."""
        for _ in range(int(websocket.query_params.get("times", "1"))):
            await room.tell(f"{websocket.path_params['name']}: {data}")

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        """Leave."""
        await room.leave(websocket.path_params["name"], close_code)


app = Starlette(
    routes=[
        Route("/loop", loop),
        WebSocketRoute("/echo", Echo),
        WebSocketRoute("/bytes", Bytes),
        WebSocketRoute("/json", Json),
        WebSocketRoute("/secret", secret),
        WebSocketRoute("/chat", chat),
        WebSocketRoute("/farewell", farewell),
        WebSocketRoute("/room/{name}", Enter),
    ]
)
