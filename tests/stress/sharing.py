"""Scenarios of native objects that only one thread should use, and several do: parsers, requests, fields.

Reading gives the right values. Where threads change the same object nothing is promised of the values, but a panic or a
dead process is a fault.
"""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from .context import Context

_REQUEST = (
    b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nCookie: a=1; b=2\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: t\r\n\r\n"
)
_ATTRIBUTES = (
    *(
        "method",
        "path",
        "raw_path",
        "path_params",
        "query_string",
        "query",
        "headers",
        "cookies",
        "host",
        "http_version",
    ),
    *("scheme", "client", "server", "url", "state", "content_type", "content_length", "route", "app", "root_path"),
)


def _hammer(context: Context, random: Random, calls: list[Callable[[], object]], times: int) -> None:
    """Make random calls. Errors that are exceptions are right; those that are not, as a panic, are faults."""
    for _ in range(times):
        with contextlib.suppress(Exception):
            random.choice(calls)()


def _hammer_all(context: Context, calls: list[Callable[[], object]]) -> None:
    times = context.count(50, 300)
    for _ in range(context.random.randint(2, 4)):
        context.start(_hammer, context, context.fork_random(), calls, times)
    context.join()


def parsers_in_threads(context: Context) -> None:
    """Threads feed the same parser of httptools, and ask it."""
    from vitok import httptools

    class Events:
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("on_"):
                raise AttributeError(name)
            return lambda *values: self.seen.append((name, values))

    for _ in range(context.count(1, 5)):
        parser = httptools.HttpRequestParser(Events())
        cut = context.random.randint(1, len(_REQUEST) - 1)
        calls: list[Callable[[], object]] = [
            partial(parser.feed_data, piece) for piece in (_REQUEST, _REQUEST[:cut], _REQUEST[cut:])
        ]
        calls += [parser.get_method, parser.get_http_version, parser.should_keep_alive, parser.should_upgrade]
        _hammer_all(context, [*calls, lambda: httptools.parse_url(b"http://a:1/b?c#d").query])


def fields_in_threads(context: Context) -> None:
    """Threads read the same fields and the same query, and change the same response."""
    from vitok.http import Headers, QueryParams, Response

    headers = Headers.from_raw([(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"cookie", b"c=d")])
    query = QueryParams.from_raw(b"a=1&b=%20&a=3")
    response = Response.text("text")

    def check_fields() -> None:
        context.check(dict(headers) == {"a": "1, 3", "b": "2", "cookie": "c=d"}, f"fields are {dict(headers)}")
        context.check(headers.get_all("A") == ["1", "3"], f"values are {headers.get_all('A')}")

    def check_query() -> None:
        context.check(dict(query) == {"a": "1", "b": " "}, f"parameters are {dict(query)}")
        context.check(query.items_all() == [("a", "1"), ("b", " "), ("a", "3")], f"items are {query.items_all()}")

    def change_status(status: int) -> None:
        response.status = status

    def change_body(length: int) -> None:
        response.body = b"x" * length

    _hammer_all(
        context,
        [
            check_fields,
            check_query,
            lambda: headers.raw,
            lambda: response.raw_headers,
            lambda: response.headers.update({"x-a": "1", "x-b": "2"}),
            lambda: response.headers.pop("x-a", None),
            lambda: response.set_cookie("a", "b"),
            lambda: change_status(201),
            lambda: change_body(100),
            lambda: response.body,
        ],
    )


def requests_in_threads(context: Context) -> None:
    """Threads read the same request, which has not been read before."""
    from vitok.http import Request

    for _ in range(context.count(5, 30)):
        request: Any = Request.from_scope(_scope(), None, None, {"id": 1})
        reads = [partial(getattr, request, name) for name in _ATTRIBUTES]
        _hammer_all(
            context, [*reads, partial(setattr, request, "state", {}), partial(_check_request, context, request)]
        )


def _scope() -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "root_path": "",
        "path": "/a",
        "raw_path": b"/a",
        "query_string": b"a=1&b=2",
        "headers": [(b"host", b"x"), (b"cookie", b"a=1; b=2"), (b"content-type", b"application/json")],
        "client": ("c", 1),
        "server": ("s", 2),
        "state": {"answer": 42},
    }


def _check_request(context: Context, request: Any) -> None:
    context.check(request.query.get("b") == "2", "another query")
    context.check(request.cookies == {"a": "1", "b": "2"}, f"cookies are {request.cookies}")
    context.check(request.headers.get("host") == "x", "another host")
    context.check(request.path_params == {"id": 1}, f"parameters are {request.path_params}")


def operations_in_threads(context: Context) -> None:
    """Threads step the coroutine of a `sock_*` call, which the loop's own thread should do alone."""
    with context.running_loop() as loop:
        loop.set_debug(False)
        loop.set_exception_handler(lambda _loop, _about: None)
        for _ in range(context.count(2, 8)):
            ours, theirs = socket.socketpair()
            for end in (ours, theirs):
                end.setblocking(False)
            with ours, theirs:
                operation: Any = context.result(asyncio.run_coroutine_threadsafe(_begin_reading(ours), loop))
                steps: list[Callable[[], object]] = [
                    partial(operation.send, None),
                    partial(operation.throw, ValueError("on purpose")),
                    partial(repr, operation),
                    partial(theirs.send, b"x"),
                ]
                _hammer_all(context, steps)
                operation.close()
                context.result(asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop))


async def _begin_reading(end: socket.socket) -> Any:
    return asyncio.get_running_loop().sock_recv(end, 100)


def runs_from_threads(context: Context) -> None:
    """Threads run the same loop, and only one of them does; others close it, which is refused while it runs."""
    loop = context.make_loop()
    ran: list[int] = []
    running = [0]
    lock = threading.Lock()

    def enter() -> None:
        with lock:
            running[0] += 1
            context.check(running[0] == 1, "two threads run one loop")
        ran.append(1)
        with lock:
            running[0] -= 1

    def run() -> None:
        for _ in range(times):
            try:
                loop.call_soon_threadsafe(enter)
                loop.call_soon_threadsafe(loop.stop)
                loop.run_forever()
            except RuntimeError:
                pass

    def close() -> None:
        for _ in range(times):
            with contextlib.suppress(RuntimeError):
                if loop.is_running():
                    loop.close()

    times = context.count(20, 100)
    threads = [context.start(run) for _ in range(context.random.randint(2, 3))]
    context.start(close)
    while any(thread.is_alive() for thread in threads):
        # The run of one thread may have taken the `stop` of another, and the loop may be closed between two runs.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(loop.stop)
        time.sleep(0.001)
    context.join()
    loop.close()


# Without the GIL asyncio's loop lets two threads into `run_forever` now and then.
VITOK_SCENARIOS = (
    parsers_in_threads,
    fields_in_threads,
    requests_in_threads,
    operations_in_threads,
    runs_from_threads,
)
