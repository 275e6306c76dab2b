"""Objects of a request that another thread uses: requests, responses, `send`, parsers.

Reading a request elsewhere gives what its handler would read. What is wrong use (a connection belongs to its loop's
thread) may raise, and never corrupts anything: the server goes on.
"""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from asgi_support import SECONDS_AT_MOST, read_body, respond
from thread_servers import ask_many, in_threads, serving_in_threads
from vitok import httptools
from vitok.http import App, Request, Response, mounts

pytestmark = pytest.mark.vitok_only

REQUESTS = 80


def facts_of(request: Any) -> list[Any]:
    """What a request says of itself."""
    return [
        request.method,
        request.path,
        request.query.get("q"),
        request.headers.get("x-number"),
        request.cookies.get("c"),
        request.path_params,
        request.host,
        request.client[0],
        len(request.headers.raw),
    ]


def expected_facts(port: int, count: int) -> list[Any]:
    """The same for a request of `ask_requests`."""
    fields = 5  # Host, Accept-Encoding, X-Number, Cookie, and one that is not always the same.
    host = f"127.0.0.1:{port}"
    return ["GET", f"/a/{count}", str(count), str(count), str(count), {"number": count}, host, "127.0.0.1", fields]


def ask_requests(port: int) -> list[tuple[int, bytes]]:
    """Send requests one after the other."""
    return ask_many(
        port,
        REQUESTS,
        lambda count: f"/a/{count}?q={count}",
        fields=lambda count: {"x-number": str(count), "cookie": f"c={count}", "x-more": "m" * (count % 50)},
    )


@pytest.mark.parametrize("is_async", [False, True])
def test_requests_are_read_by_other_threads(*, is_async: bool) -> None:
    app = App()
    found: list[Future[list[Any]]] = []
    with ThreadPoolExecutor(3) as pool:

        def plain(request: Request[Any]) -> str:
            # The response is sent, and the next request is read, while the others look.
            found.extend(pool.submit(facts_of, request) for _ in range(3))
            return "ok"

        async def later(request: Request[Any]) -> str:
            plain(request)
            await asyncio.sleep(0)
            return "ok"

        app.get("/a/{number:int}")(later if is_async else plain)
        with serving_in_threads(mounts.compiled(app, ()), threads=1) as [server]:
            assert ask_requests(server.port) == [(200, b"ok")] * REQUESTS
            read = [future.result(SECONDS_AT_MOST) for future in found]
            expected = [expected_facts(server.port, count) for count in range(REQUESTS) for _ in range(3)]
            assert read == expected


def test_one_response_is_sent_by_threads_and_changed_by_another() -> None:
    app = App()
    response = Response("one")
    is_over = threading.Event()

    @app.get("/")
    def same(_: Request[Any]) -> Response:
        return response

    def change() -> None:
        count = 0
        while not is_over.is_set():
            count += 1
            response.headers["x-count"] = str(count)
            response.body = b"one" if count % 2 else b"other"
            response.status = 200 + count % 2

    changing = threading.Thread(target=change)
    with serving_in_threads(mounts.compiled(app, ()), threads=2) as servers:
        changing.start()
        try:
            found = in_threads(lambda number: ask_many(servers[number].port, REQUESTS, lambda _: "/"), 2)
        finally:
            is_over.set()
            changing.join(SECONDS_AT_MOST)
    for status, content in [answer for answers in found for answer in answers]:
        assert status in (200, 201)
        assert content in (b"one", b"other")


def test_one_file_response_is_sent_by_threads(tmp_path: Path) -> None:
    app = App()
    file = tmp_path / "file.txt"
    file.write_bytes(b"content" * 100)
    response = Response.file(file)

    @app.get("/")
    def same(_: Request[Any]) -> Response:
        return response

    with serving_in_threads(mounts.compiled(app, ()), threads=3) as servers:
        found = in_threads(lambda number: ask_many(servers[number].port, REQUESTS, lambda _: "/"), 3)
    assert found == [[(200, b"content" * 100)] * REQUESTS] * 3


def test_other_threads_schedule_what_is_sent() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await read_body(receive)
        loop = asyncio.get_running_loop()

        def answer() -> None:
            asyncio.run_coroutine_threadsafe(respond(send, scope["path"].encode()), loop).result(SECONDS_AT_MOST)

        await asyncio.to_thread(answer)

    with serving_in_threads(app, threads=2) as servers:
        found = in_threads(lambda number: ask_many(servers[number].port, 50, lambda count: f"/{count}"), 2)
    assert found == [[(200, f"/{count}".encode()) for count in range(50)]] * 2


def test_wrong_calls_of_other_threads_leave_the_server_whole() -> None:
    """`send` and `receive` are of the loop's thread; calls of another one may fail, and other requests are answered."""

    def meddle(receive: Any, send: Any) -> None:
        for call in (lambda: receive(), lambda: send({"type": "http.response.body", "body": b"", "more_body": True})):
            try:
                coroutine = call()
                coroutine.send(None)
                coroutine.close()
            except Exception:  # whatever it is
                pass

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/right":
            await respond(send, b"right")
            return
        await send({"type": "http.response.start", "status": 200})
        await asyncio.gather(*(asyncio.to_thread(meddle, receive, send) for _ in range(3)))
        await send({"type": "http.response.body", "body": b"end"})

    with serving_in_threads(app, threads=2) as servers:

        def work(number: int) -> list[tuple[int, bytes]]:
            return ask_many(servers[number].port, 60, lambda count: "/right" if count % 2 else "/wrong")

        for answers in in_threads(work, 2):
            assert answers == [(200, b"right" if count % 2 else b"end") for count in range(60)]


def test_one_parser_is_fed_by_threads() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.names: list[bytes] = []

        def on_header(self, name: bytes, _: bytes) -> None:
            self.names.append(name)

    parser = httptools.HttpRequestParser(Recorder())
    data = b"GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nX-Two: 2\r\n\r\n"

    def feed(_: int) -> int:
        refused = 0
        for _ in range(200):
            try:
                parser.feed_data(data)
            except httptools.HttpParserError:
                refused += 1
        return refused

    assert max(in_threads(feed, 3)) < 200
    assert parser.get_method() == b"GET"


def test_parsers_of_threads_share_names() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.names: list[bytes] = []

        def on_header(self, name: bytes, _: bytes) -> None:
            self.names.append(name)

    def feed(number: int) -> None:
        for count in range(120):
            recorder = Recorder()
            # Names that share places in the table with those of other threads.
            names = [b"host", b"accept", f"x-{count % 7}".encode(), f"x-{number}-{count}".encode()]
            lines = b"".join(b"%s: 1\r\n" % name for name in names)
            httptools.HttpRequestParser(recorder).feed_data(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
            assert recorder.names == names

    in_threads(feed, 4)
