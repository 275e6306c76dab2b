"""A FastAPI application for WebSocket: a dependency that refuses, checked parameters, JSON, iterators, a room.

It knows nothing of who asks or serves.
"""

from typing import Annotated

from fastapi import Depends, FastAPI, Query, WebSocket, WebSocketDisconnect, WebSocketException, status
from fastapi.responses import PlainTextResponse
from rooms import FAREWELL, FIELD, SUBPROTOCOL, TOKEN, Room, total
from scene import loop_name

app = FastAPI()
room = Room()


async def checked(token: Annotated[str | None, Query()] = None) -> str:
    """A dependency: who has no token is refused before anything is accepted."""
    if token != TOKEN:
        raise WebSocketException(code=status.WS_1008_POLICY_VIOLATION)
    return token


@app.get("/loop", response_class=PlainTextResponse)
async def loop() -> str:
    """The name of the running loop, over HTTP."""
    return loop_name()


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    """Texts, one after the other, until the client closes."""
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


@app.websocket("/bytes")
async def bytes_(socket: WebSocket) -> None:
    """The same with bytes."""
    await socket.accept()
    async for data in socket.iter_bytes():
        await socket.send_bytes(data)


@app.websocket("/json")
async def json(socket: WebSocket) -> None:
    """Sums of what comes as JSON."""
    await socket.accept()
    async for body in socket.iter_json():
        await socket.send_json(total(body["numbers"]))


@app.websocket("/secret")
async def secret(socket: WebSocket, token: Annotated[str, Depends(checked)]) -> None:
    """Only for those with a token."""
    await socket.accept()
    await socket.send_text(f"you said {token}")
    await socket.close()


@app.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    """A subprotocol and a field of the response."""
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None
    await socket.accept(subprotocol, headers=[(FIELD[0].encode(), FIELD[1].encode())])
    await socket.receive_text()


@app.websocket("/farewell")
async def farewell(socket: WebSocket) -> None:
    """Close with a code and a reason."""
    await socket.accept()
    await socket.close(*FAREWELL)


@app.websocket("/room/{name}")
async def enter(socket: WebSocket, name: str, times: int = 1) -> None:
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
