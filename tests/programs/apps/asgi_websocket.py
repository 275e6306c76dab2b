"""A plain ASGI application for WebSocket clients: echoes, closing from either side, refusals, a room, and the scope.

Each route is a WebSocket. What a client's end looked like from here is told to whoever asks `/ended`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Scope = dict[str, Any]

# The subprotocol that `/echo` speaks, and a field of its response.
SUBPROTOCOL = "chat"
FIELD = (b"x-room", b"blue")
# What `/denied` answers with.
DENIAL = (b"a ticket, ", b"please")
ends: dict[str, asyncio.Future[list[object]]] = {}
rooms: dict[str, list[Send]] = {}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a handshake by its path."""
    assert scope["type"] == "websocket"
    connect = await receive()
    assert connect == {"type": "websocket.connect"}
    await ROUTES[scope["path"]](scope, receive, send)


def argument(scope: Scope, name: str) -> str:
    """A parameter of the query."""
    return parse_qs(scope["query_string"].decode())[name][0]


def end_of(name: str) -> asyncio.Future[list[object]]:
    """How the connection of this name ends, or ended."""
    if name not in ends:
        ends[name] = asyncio.get_running_loop().create_future()
    return ends[name]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send each message back; a connection with a name leaves its end behind."""
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": [FIELD]})
    while (message := await receive())["type"] == "websocket.receive":
        data = {kind: message[kind] for kind in ("text", "bytes") if message.get(kind) is not None}
        await send({"type": "websocket.send", **data})
    if scope["query_string"]:
        end_of(argument(scope, "name")).set_result([message["code"], message.get("reason") or ""])


async def ended(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell how the connection of this name ended, once it has: code and reason as JSON."""
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": json.dumps(await end_of(argument(scope, "name")))})


async def close(scope: Scope, receive: Receive, send: Send) -> None:
    """Close with what is asked for, behind a message."""
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "last words"})
    await send({"type": "websocket.close", "code": int(argument(scope, "code")), "reason": argument(scope, "reason")})


async def refused(scope: Scope, receive: Receive, send: Send) -> None:
    """Close before accepting."""
    await send({"type": "websocket.close"})


async def denied(scope: Scope, receive: Receive, send: Send) -> None:
    """A response of the application's own (ASGI, extension `websocket.http.response`), in parts."""
    length = b"%d" % sum(map(len, DENIAL))
    headers = [(b"content-length", length), (b"content-type", b"text/plain"), FIELD]
    await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
    for part in DENIAL:
        await send({"type": "websocket.http.response.body", "body": part, "more_body": part != DENIAL[-1]})


async def meet(scope: Scope, receive: Receive, send: Send) -> None:
    """A room: when as many as are wanted are in it, each message goes to all of them."""
    await send({"type": "websocket.accept"})
    name, wanted = argument(scope, "room"), int(argument(scope, "wanted"))
    room = rooms.setdefault(name, [])
    room.append(send)
    if len(room) == wanted:
        await tell(room, "all are here")
    while (message := await receive())["type"] == "websocket.receive":
        await tell(room, message["text"])
    room.remove(send)


async def tell(room: list[Send], text: str) -> None:
    """Send a text to everybody in a room; those who have just left are no error."""
    for send in tuple(room):
        try:
            await send({"type": "websocket.send", "text": text})
        except OSError:
            pass


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """What the server says of the handshake, as JSON; bytes are written as Latin-1."""
    plain = {key: scope.get(key) for key in ("type", "asgi", "http_version", "scheme", "path", "root_path")}
    plain |= {key: scope[key].decode("latin-1") for key in ("raw_path", "query_string")}
    plain |= {key: scope.get(key) for key in ("client", "server", "extensions", "subprotocols")}
    plain["headers"] = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": json.dumps(plain)})
    await receive()


ROUTES = {f"/{route.__name__}": route for route in (echo, ended, close, refused, denied, meet, told)}
