"""Kinds of requests to which `memory_child` refuses memory, by the rules of `memory_kinds`."""

import asyncio
import socket
from typing import Any

from memory_kinds import Kind, cancel_all, nothing, turn
from vitok import _native
from vitok.http.options import native_options

GET = b"GET /path?query HTTP/1.1\r\nhost: a\r\nx-odd: b\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Reads the content and answers."""
    if scope["type"] != "http":
        return
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
    await send({"type": "http.response.body", "body": b"ok", "more_body": True})
    await send({"type": "http.response.body", "body": b"ok"})


class Hooks:
    """The callbacks of a server."""

    access = staticmethod(nothing)

    def __init__(self) -> None:
        self.is_told = False

    def error(self, *what: Any) -> None:
        """A failure of the application."""
        self.is_told = True


class Request(Kind):
    """A request, after which the server's counts are as before."""

    request = GET
    # What is sent back, from its beginning.
    expected = b"HTTP/1.1 200 OK"
    application = staticmethod(application)

    def set_up(self) -> None:
        self.hooks = Hooks()
        self.server: Any = _native.HttpServer(self.loop, self.application, native_options(), self.hooks)
        ours, self.client = self.pair()
        self.loop.run_until_complete(self.loop.connect_accepted_socket(self.server, ours))

    def call(self) -> None:
        self.client.send(self.request)
        turn(self.loop, 4)

    def check(self, succeeded: bool) -> None:
        turn(self.loop, 3)
        self.met_failure = self.hooks.is_told
        if succeeded and not self.met_failure:
            assert self.client.recv(1000).startswith(self.expected)
        self.client.close()
        turn(self.loop, 5)
        cancel_all(self.loop)
        # The next tick finds a task that has ended without its callbacks, the one after it a task that was never woken.
        for _ in range(2):
            self.server._tick()
            turn(self.loop, 3)
        # CPython itself loses a task whose step has no memory to wait for a future: it is pending, and never woken.
        lost = [task for task in asyncio.all_tasks(self.loop) if getattr(task, "_fut_waiter", None) is None]
        most = len(lost)
        assert self.server.running <= most, "a request is still counted"
        assert self.server.connections <= most, "a connection is still counted"


class RequestWithContent(Request):
    """One with content."""

    request = POST


class RequestWaitedFor(Request):
    """One whose end, and that of its connection, others wait for."""

    def set_up(self) -> None:
        super().set_up()
        self.waited = [self.server.drained(), self.server.disconnected(), self.server.served(1)]

    def call(self) -> None:
        super().call()
        self.client.shutdown(socket.SHUT_WR)
        turn(self.loop, 4)

    def check(self, succeeded: bool) -> None:
        super().check(succeeded)
        turn(self.loop, 3)
        if self.server.running or self.server.connections:
            return
        count = 3 if self.server.requests else 2
        assert all(future.done() for future in self.waited[:count]), "nobody is told of the end"


KINDS: list[type[Kind]] = [Request, RequestWithContent, RequestWaitedFor]
