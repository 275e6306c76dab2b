"""One application served by several threads at once: ASGI and native ones, WebSockets, HTTP/2, uploads.

Each thread has a loop and a server of its own (`vitok serve --threads` has the same). The other way round, objects of
a request that another thread uses are in test_http_objects.
"""

import asyncio
import json
import threading
from contextlib import closing
from typing import Any

import pytest
from asgi_support import read_body, respond
from http2_client import Http2Client
from thread_servers import THREADS, BareWebSocket, ask_many, in_threads, serving_in_threads
from vitok.http import App, Request, Response, mounts

pytestmark = pytest.mark.vitok_only

# Of each client; enough for the threads to be in the same code at the same time.
REQUESTS = 60
LARGE = 300_000


def compiled(application: App) -> Any:
    """Return the native application as a server takes it."""
    return mounts.compiled(application, ())


async def mirror(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what was asked, and the thread that answers."""
    content = await read_body(receive)
    fields = {name.decode(): value.decode() for name, value in scope["headers"]}
    facts = [scope["path"], scope["query_string"].decode(), fields.get("x-number"), len(content)]
    if scope["path"].startswith("/wait"):
        await asyncio.sleep(0)
    await respond(send, json.dumps([*facts, threading.get_ident()]).encode())


def test_threads_share_an_asgi_application() -> None:
    with serving_in_threads(mirror) as servers:

        def work(number: int) -> list[tuple[int, bytes]]:
            return ask_many(
                servers[number].port,
                REQUESTS,
                lambda count: f"/{'wait' if count % 3 else 'go'}/{number}?count={count}",
                fields=lambda count: {"x-number": f"{number}-{count}"},
            )

        found = in_threads(work, THREADS)
        for number, answers in enumerate(found):
            ident = servers[number].thread.ident
            for count, (status, content) in enumerate(answers):
                path = f"/{'wait' if count % 3 else 'go'}/{number}"
                expected = [path, f"count={count}", f"{number}-{count}", 0, ident]
                assert (status, json.loads(content)) == (200, expected)
        assert [server.http.requests for server in servers] == [REQUESTS] * THREADS


def test_threads_share_a_native_application() -> None:
    app = App()
    constant = Response("the same for all", headers={"x-shared": "yes"})

    @app.get("/plain/{number:int}")
    def plain(request: Request[dict[str, int]]) -> dict[str, Any]:
        return {
            "number": request.path_params["number"],
            "query": request.query["q"],
            "agent": request.headers["x-number"],
            "cookie": request.cookies["c"],
        }

    @app.get("/later/{number:int}")
    async def later(request: Request[dict[str, int]]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return plain(request)

    @app.get("/constant/{number:int}")
    def shared(_: Request[dict[str, int]]) -> Response:
        return constant

    kinds = ("plain", "later", "constant")
    with serving_in_threads(compiled(app)) as servers:

        def work(number: int) -> list[tuple[int, bytes]]:
            return ask_many(
                servers[number].port,
                REQUESTS,
                lambda count: f"/{kinds[count % 3]}/{count}?q={number}",
                fields=lambda count: {"x-number": f"{number}-{count}", "cookie": f"c={count}"},
            )

        for number, answers in enumerate(in_threads(work, THREADS)):
            for count, (status, content) in enumerate(answers):
                assert status == 200
                if count % 3 == 2:
                    assert content == b"the same for all"
                    continue
                facts = {"number": count, "query": str(number), "agent": f"{number}-{count}", "cookie": str(count)}
                assert json.loads(content) == facts


def test_threads_take_uploads() -> None:
    app = App(max_body=2 * LARGE)

    @app.post("/bytes")
    async def count_bytes(request: Request[Any]) -> dict[str, int]:
        return {"length": len(await request.body())}

    @app.post("/stream")
    async def stream(request: Request[Any]) -> dict[str, int]:
        return {"length": sum([len(part) async for part in request.stream()])}

    @app.post("/plain")
    def whole(request: Request[Any]) -> dict[str, int]:
        return {"length": len(request.read())}

    targets = ("/bytes", "/stream", "/plain")
    with serving_in_threads(compiled(app)) as servers:

        def work(number: int) -> list[tuple[int, bytes]]:
            return ask_many(
                servers[number].port, 12, lambda count: targets[count % 3], body=lambda count: bytes(LARGE + count)
            )

        for answers in in_threads(work, THREADS):
            assert [status for status, _ in answers] == [200] * 12
            assert [json.loads(content)["length"] for _, content in answers] == [LARGE + count for count in range(12)]


def test_threads_speak_http2() -> None:
    with serving_in_threads(mirror) as servers:

        def work(number: int) -> list[list[Any]]:
            answers = []
            with Http2Client(servers[number].port) as client:
                for start in range(0, 60, 6):
                    streams = []
                    for count in range(start, start + 6):
                        body = bytes(20_000 + count) if count % 2 else None
                        field = (b"x-number", str(count).encode())
                        method = "POST" if body else "GET"
                        streams.append(client.request(f"/wait/{number}", [field], method=method, body=body))
                    answers += [json.loads(client.answer(stream).body) for stream in streams]
            return answers

        for number, answers in enumerate(in_threads(work, THREADS)):
            ident = servers[number].thread.ident
            expected = [
                [f"/wait/{number}", "", str(count), (20_000 + count) * (count % 2), ident] for count in range(60)
            ]
            assert answers == expected


async def websocket_echo(scope: Any, receive: Any, send: Any) -> None:
    """Sends back what it gets."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


def test_threads_share_an_application_with_websockets() -> None:
    with serving_in_threads(websocket_echo) as servers:

        def work(number: int) -> list[bytes]:
            with closing(BareWebSocket(servers[number].port)) as client:
                return [
                    client.ask(f"{number}-{count}".encode() * (50 if count % 2 else 1)) for count in range(REQUESTS)
                ]

        for number, answers in enumerate(in_threads(work, THREADS)):
            assert answers == [f"{number}-{count}".encode() * (50 if count % 2 else 1) for count in range(REQUESTS)]


def test_servers_come_and_go_in_threads() -> None:
    for _ in range(3):
        with serving_in_threads(mirror, threads=3) as servers:
            found = in_threads(lambda number: ask_many(servers[number].port, 5, lambda count: f"/{count}"), 3)
            assert [[status for status, _ in answers] for answers in found] == [[200] * 5] * 3
