"""A Quart application for WebSocket: accepting late, refusing, JSON, a room. Quart cancels a handler whose client left.

It knows nothing of who asks or serves.
"""

import asyncio
from typing import Any

from quart import Quart, abort, websocket
from rooms import FAREWELL, FIELD, SUBPROTOCOL, TOKEN, Room, total
from scene import loop_name

app = Quart(__name__)
room = Room()
# Quart tells no handler the code of a close.
NO_CODE = 0


@app.get("/loop")
async def loop() -> str:
    """The name of the running loop, over HTTP."""
    return loop_name()


async def echo() -> None:
    """Each message, of either kind, as it came."""
    while True:
        await websocket.send(await websocket.receive())


app.websocket("/echo")(echo)
app.add_websocket("/bytes", "bytes", echo)


@app.websocket("/json")
async def json() -> None:
    """Sums of what comes as JSON."""
    while True:
        body = await websocket.receive_json()
        await websocket.send_json(total(body["numbers"]))


@app.websocket("/secret")
async def secret() -> None:
    """Only for those with a token; nothing is accepted before something is sent."""
    token = websocket.args.get("token")
    if token != TOKEN:
        abort(403)
    await websocket.send(f"you said {token}")
    await websocket.close(1000)


@app.websocket("/chat")
async def chat() -> None:
    """A subprotocol and a field of the response."""
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in websocket.requested_subprotocols else None
    await websocket.accept(headers=dict([FIELD]), subprotocol=subprotocol)
    await websocket.receive()


@app.websocket("/farewell")
async def farewell() -> None:
    """Close with a code and a reason."""
    await websocket.accept()
    await websocket.close(*FAREWELL)


@app.websocket("/room/<name>")
async def enter(name: str) -> None:
    """A guest of the room, whose texts go to all, as often as it wants."""
    times = int(websocket.args.get("times", "1"))
    told: asyncio.Queue[str] = asyncio.Queue()
    # What is sent must be sent from within this handler's context.
    teller = asyncio.create_task(pass_on(told))
    await room.enter(name, told.put)
    try:
        while True:
            text = await websocket.receive()
            for _ in range(times):
                await room.tell(f"{name}: {text}")
    finally:
        teller.cancel()
        await room.leave(name, NO_CODE)


async def pass_on(told: asyncio.Queue[Any]) -> None:
    """Send what a guest is told."""
    while True:
        await websocket.send(await told.get())
