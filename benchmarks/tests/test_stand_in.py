"""A small HTTP server with selectable faults, run as a child by the tests of the HTTP benchmarks.

`python -m test_stand_in PORT [FAULT]`. It gives the answers of `http_app.py`, on asyncio's streams, or fails in the way
that FAULT names. It contains no tests.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from typing import Final

from vitok_bench.http_app import LARGE, MESSAGE, PART, PARTS, TEXT

ANSWERS: Final = {"/text": TEXT, "/large": LARGE, "/json": json.dumps(MESSAGE).encode()}
LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
# The child of a parent; it ends when the group of the parent is ended.
HELPER: Final = (sys.executable, "-c", "import time; time.sleep(60)")


async def serve(port: int, fault: str) -> None:
    """Serve until the process is ended."""
    if fault == "silent":
        await asyncio.sleep(60)
    helper = subprocess.Popen(HELPER) if fault == "helper" else None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _answer_one(reader, writer, fault):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()
    assert helper is None


async def _answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: str) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    path = head.split()[1].decode()
    if fault == "dies":
        sys.exit("the stand-in has had enough")
    if fault == "mute":
        await asyncio.sleep(60)
    status = b"500 Internal Server Error" if fault == "status" else b"200 OK"
    if path == "/stream" and fault != "whole":
        framing, sent = b"transfer-encoding: chunked", b"400\r\n" + PART + b"\r\n"
        sent = sent * PARTS + b"0\r\n\r\n"
    else:
        sent = b"%d" % len(body) if body else ANSWERS.get(path, PART * PARTS)
        sent = b"Good bye" if fault == "body" else sent
        framing = b"content-length: %d" % len(sent)
    writer.write(b"HTTP/1.1 " + status + b"\r\n" + framing + b"\r\n\r\n" + sent)
    await writer.drain()
    return b"\r\nconnection: close" not in head.lower() and fault != "forgets"


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), "".join(sys.argv[2:])))
