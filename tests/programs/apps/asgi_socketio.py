"""A python-socketio server: events with answers, rooms, a namespace, binary data, a refusal, how its clients left.

It knows nothing of who asks or serves.
"""

import asyncio
from typing import Any

import socketio

server = socketio.AsyncServer(async_mode="asgi", max_http_buffer_size=4 * 1024 * 1024)
app = socketio.ASGIApp(server)
ends: asyncio.Queue[str] = asyncio.Queue()


@server.event
async def connect(sid: str, environ: dict[str, Any], auth: Any) -> bool:
    """Refuse who has no token; keep the name of who has one."""
    if auth["token"] != "open sesame":
        return False
    await server.save_session(sid, {"name": auth["name"]})
    return True


@server.event
async def disconnect(sid: str, reason: str) -> None:
    """Keep why it left."""
    await ends.put(reason)


@server.on("echo")
async def echo(sid: str, *data: Any) -> tuple[Any, ...]:
    """The answer is what came."""
    return data


@server.on("enter")
async def enter(sid: str, room: str) -> None:
    """Enter a room; all in it are told, the new one too."""
    await server.enter_room(sid, room)
    session = await server.get_session(sid)
    await server.emit("entered", session["name"], room=room)


@server.on("say")
async def say(sid: str, room: str, data: Any) -> None:
    """Tell the others of a room."""
    await server.emit("said", data, room=room, skip_sid=sid)


@server.on("ask me")
async def ask(sid: str) -> str:
    """Ask the client, and answer with what it says."""
    answer = await server.call("question", "how are you", to=sid)
    return f"you are {answer}"


@server.on("how did it end")
async def how(sid: str) -> str:
    """Wait until somebody has left."""
    return await ends.get()


@server.on("count", namespace="/numbers")
async def count(sid: str, upto: int) -> None:
    """Events, one after the other, in another namespace."""
    for number in range(upto):
        await server.emit("number", number, to=sid, namespace="/numbers")


@server.on("connect", namespace="/numbers")
async def connect_numbers(sid: str, environ: dict[str, Any], auth: Any) -> None:
    """Everybody may count."""
