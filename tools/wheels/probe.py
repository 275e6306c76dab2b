"""A program that uses an installed vitok: an echo over TCP, a request to `vitok serve`, and `vitok info`.

It is copied to a folder outside the checkout and run there by the Python that has the wheel, with -W error; it knows
nothing of how vitok was installed. It ends with a line that says what it used, or with a traceback.
"""

import asyncio
import os
import platform
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import vitok

APPLICATION = '''\
async def app(scope, receive, send):
    """Answer every request with its path."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"path " + scope["path"].encode()})
'''
# An emulated processor needs seconds for what takes a tenth of one otherwise.
SECONDS = 240
# The interpreter, and before it what runs it on another processor: `sys.executable` alone would not start there.
COMMAND = [*os.environ.get("VITOK_PROBE_COMMAND", sys.executable).split(), "-W", "error", "-m", "vitok"]


async def echo(data: bytes) -> bytes:
    """Send bytes through a server that sends them back, on the running loop, and return what came."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(data)))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(data)
        came = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert isinstance(asyncio.get_running_loop(), vitok.Loop)
    return came


def request(folder: Path) -> str:
    """Start `vitok serve`, request a path, stop it by SIGTERM, and return the text of the response."""
    Path(folder, "probed.py").write_text(APPLICATION, encoding="utf-8")
    words = [*COMMAND, "serve", "probed:app", "--app-dir", str(folder), "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = ""
        try:
            while not (found := re.search(r"(http://127\.0\.0\.1:\d+)", said)):
                line = server.stderr.readline()
                assert line, f"vitok serve ended before it listened: {said}"
                said += line
            with urllib.request.urlopen(found[1] + "/one", timeout=SECONDS) as response:
                text: str = response.read().decode()
        finally:
            server.terminate()
        rest = server.stderr.read()
    assert server.returncode == 0, (server.returncode, rest)
    assert "Traceback" not in said + rest, said + rest
    return text


def main() -> None:
    """Use each, and print a line."""
    data = bytes(range(256)) * 1024
    assert vitok.run(echo(data)) == data
    with tempfile.TemporaryDirectory() as folder:
        assert request(Path(folder)) == "path /one"
    information = subprocess.run([*COMMAND, "info"], check=True, capture_output=True, text=True, timeout=SECONDS).stdout
    assert platform.python_version() in information, information
    assert Path(vitok.__file__).with_name("py.typed").exists()
    where = f"CPython {platform.python_version()}, {platform.machine()}"
    print(f"{information.splitlines()[0]}: echo, HTTP and info on {where}")


if __name__ == "__main__":
    main()
