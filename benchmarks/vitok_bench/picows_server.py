"""A server of picows by its own callbacks, without ASGI: `python -m vitok_bench.picows_server PORT`.

It does what `websocket_app.py` does, at the least cost that the package allows: on uvloop, with a frame taken for a
message, and its payload sent back from where it was received. Text is not decoded, which ASGI requires.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any, Final

from vitok_bench.server_process import HOST

picows: Final[Any] = importlib.import_module("picows")
uvloop: Final[Any] = importlib.import_module("uvloop")

# Many connections arrive at once.
BACKLOG: Final = 16_384
CLOSE: Final = picows.WSMsgType.CLOSE

members: Final[set[Any]] = set()


class Echo(picows.WSListener):  # type: ignore[misc]
    """Sends each message back."""

    def on_ws_frame(self, transport: Any, frame: Any) -> None:  # noqa: ANN401
        # Each look at it makes an object. Pings are answered before.
        kind = frame.msg_type
        if kind is CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            transport.send(kind, frame.get_payload_as_bytes())


class Broadcast(Echo):
    """Sends each message to all connections."""

    def on_ws_connected(self, transport: Any) -> None:  # noqa: ANN401
        members.add(transport)

    def on_ws_frame(self, transport: Any, frame: Any) -> None:  # noqa: ANN401
        kind = frame.msg_type
        if kind is CLOSE:
            super().on_ws_frame(transport, frame)
            return
        payload = frame.get_payload_as_bytes()
        for member in members:
            member.send(kind, payload)

    def on_ws_disconnected(self, transport: Any) -> None:  # noqa: ANN401
        members.discard(transport)


def listener(request: Any) -> Echo:  # noqa: ANN401
    """Route by path."""
    return Broadcast() if request.path == b"/broadcast" else Echo()


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = await picows.ws_create_server(listener, HOST, port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
