"""A plain ASGI application for clients: bodies in and out, streams, methods, conditions, trailers, the scope.

Routes that other programs of this folder have, too, are those of scene.py.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from scene import Scene, loop_name

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Scope = dict[str, Any]

TRAILERS = "http.response.trailers"
started: list[Scene] = []
left = asyncio.Event()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Start and end with the server, and answer requests by their first word."""
    if scope["type"] == "lifespan":
        return await live(receive, send)
    word = scope["path"].split("/")[1]
    return await ROUTES.get(word, nothing)(scope, receive, send)


async def live(receive: Receive, send: Send) -> None:
    """Set the scene when the server starts, and clear it when it ends."""
    while True:
        kind = (await receive())["type"]
        if kind == "lifespan.startup":
            started.append(Scene())
        else:
            started.clear()
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def body_of(receive: Receive) -> bytes:
    """A request's whole body; ConnectionError if the client left before its end."""
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client left")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def respond(send: Send, body: bytes, *fields: tuple[bytes, bytes], status: int = 200) -> None:
    """A whole response of a known length."""
    headers = [(b"content-length", b"%d" % len(body)), *fields]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Whatever is not a route."""
    await respond(send, b"nothing here", status=404)


async def loop(scope: Scope, receive: Receive, send: Send) -> None:
    """The name of the running loop."""
    await respond(send, loop_name().encode())


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """The body, as it came, after all of it came; and its type."""
    kind = dict(scope["headers"]).get(b"content-type", b"application/octet-stream")
    await respond(send, await body_of(receive), (b"content-type", kind))


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """The body, each part as soon as it is there, without a length."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


async def digest(scope: Scope, receive: Receive, send: Send) -> None:
    """How long the body is, its SHA-256, and by which method it came."""
    body = await body_of(receive)
    told = {"method": scope["method"], "length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    await respond(send, json.dumps(told).encode(), (b"content-type", b"application/json"))


async def scope_told(scope: Scope, receive: Receive, send: Send) -> None:
    """What the server says of the request, as JSON; bytes are written as Latin-1."""
    plain = {key: scope.get(key) for key in ("type", "asgi", "http_version", "method", "scheme", "path", "root_path")}
    plain |= {key: scope[key].decode("latin-1") for key in ("raw_path", "query_string")}
    plain |= {"client": scope.get("client"), "server": scope.get("server"), "extensions": scope.get("extensions")}
    plain["headers"] = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    await respond(send, json.dumps(plain).encode(), (b"content-type", b"application/json"))


async def status(scope: Scope, receive: Receive, send: Send) -> None:
    """`/status/404` and so on: that status, with content where it may have some (RFC 9110, section 6.4.1)."""
    code = int(scope["path"].rpartition("/")[2])
    if code in (204, 304):
        await send({"type": "http.response.start", "status": code, "headers": [(b"etag", b'"plain"')]})
        await send({"type": "http.response.body"})
    else:
        await respond(send, b"status %d" % code, (b"x-fact", b"one"), (b"x-fact", b"two"), status=code)


async def farewell(scope: Scope, receive: Receive, send: Send) -> None:
    """An answer after which the application wants the connection to end (RFC 9112, section 9.6)."""
    await respond(send, b"farewell", (b"connection", b"close"))


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """An answer that does not wait for the body."""
    await respond(send, b"no, thank you", status=403)


async def trailers(scope: Scope, receive: Receive, send: Send) -> None:
    """Two parts and two trailers (ASGI, extension `http.response.trailers`); 501 from a server without them."""
    if TRAILERS not in (scope.get("extensions") or {}):
        return await respond(send, b"no trailers here", status=501)
    start = {"type": "http.response.start", "status": 200, "headers": [(b"trailer", b"x-sum, x-end")], "trailers": True}
    await send(start)
    await send({"type": "http.response.body", "body": b"first\n", "more_body": True})
    await send({"type": "http.response.body", "body": b"last\n"})
    await send({"type": TRAILERS, "headers": [(b"x-sum", b"11")], "more_trailers": True})
    await send({"type": TRAILERS, "headers": [(b"x-end", b"yes")]})
    return None


async def meet(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait for the others."""
    await respond(send, (await started[0].meet()).encode())


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """A stream that waits in its middle."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    async for part in started[0].stream():
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body"})


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    """More than a connection holds; it is no error if the client has had enough of it."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        async for part in started[0].flood():
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
    except OSError:
        return


async def late(scope: Scope, receive: Receive, send: Send) -> None:
    """Part of an answer, and another when its client has left: an error of the kind that task groups make of one."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"early", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass
    left.set()
    try:
        await send({"type": "http.response.body", "body": b"late", "more_body": True})
    except OSError as error:
        raise RuntimeError("what a framework says") from ExceptionGroup("what a task group says", [error])


async def gone(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait until that client has left."""
    await left.wait()
    await respond(send, b"gone")


async def sent(scope: Scope, receive: Receive, send: Send) -> None:
    """How far the flood has come."""
    await respond(send, started[0].sent().encode())


async def release(scope: Scope, receive: Receive, send: Send) -> None:
    """Let the stream go on."""
    await respond(send, started[0].release().encode())


ROUTES = {
    route.__name__: route
    for route in (
        loop,
        echo,
        mirror,
        digest,
        status,
        farewell,
        refuse,
        trailers,
        meet,
        stream,
        flood,
        late,
        gone,
        sent,
        release,
    )
} | {"scope": scope_told}
