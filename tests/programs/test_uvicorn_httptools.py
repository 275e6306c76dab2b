"""uvicorn with `--http httptools` after two lines of docs/reference/httptools.md: it runs on vitok.httptools.

The tests of uvicorn's behaviour and of WebSockets take the class too, as `HTTPTOOLS_ON_OURS`.
"""

from needs import need_library
from support import run_python

PROGRAM = """
import asyncio
import sys

import vitok.httptools

sys.modules["httptools"] = vitok.httptools

import uvicorn


async def app(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message.get("more_body", False)
    content = scope["path"].encode() + b" " + body
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(content))]})
    await send({"type": "http.response.body", "body": content})


async def main():
    config = uvicorn.Config(app, host="127.0.0.1", port=0, http="httptools", lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /caf%C3%A9?a HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5\\r\\n\\r\\n"
    for pieces in ([head + b"hello"], [head[:9], head[9:40], head[40:], b"hel", b"lo"]):
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        answer = await reader.readuntil(b"hello")
        assert answer.startswith(b"HTTP/1.1 200 OK\\r\\n"), answer
        assert answer.endswith("\\r\\n\\r\\n/caf\\u00e9 hello".encode()), answer
    writer.write(head.replace(b"Host: a\\r\\n", b""))
    assert (await reader.read()).startswith(b"HTTP/1.1 400 Bad Request\\r\\n")
    writer.close()
    server.should_exit = True
    await serving
    print(sys.modules["uvicorn.protocols.http.httptools_impl"].httptools.__name__)


asyncio.run(main())
"""


def test_uvicorn_serves_by_our_parser() -> None:
    need_library("uvicorn")
    child = run_python("-c", PROGRAM)
    assert (child.stdout.split(), child.returncode) == (["vitok.httptools"], 0), child.stderr
