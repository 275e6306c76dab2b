"""A small site on aiohttp: a page with the name of its loop, a JSON answer and a streamed one.

It shows a server of another project on the loop: `vitok run examples/site.py`. It needs aiohttp, and runs on any loop.
"""

import argparse
import asyncio
import contextlib

from aiohttp import web

PAGE = """<!doctype html><meta charset="utf-8"><title>vitok</title><p>Served by the loop <code>{loop}</code>.</p>
<p>The same <a href="/json">as JSON</a>; <a href="/stream">a streamed answer</a>.</p>"""


def loop_name() -> str:
    """Return the class of the running loop, with its module."""
    kind = type(asyncio.get_running_loop())
    return f"{kind.__module__}.{kind.__qualname__}"


async def index(request: web.Request) -> web.Response:
    """Return the page with the name of the loop, or the same as JSON."""
    if request.path == "/json":
        return web.json_response({"loop": loop_name()})
    return web.Response(text=PAGE.format(loop=loop_name()), content_type="text/html")


async def stream(request: web.Request) -> web.StreamResponse:
    """Send five lines, slow enough to be seen as a stream in a browser and fast enough to wait for."""
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    await response.prepare(request)
    for number in range(1, 6):
        await response.write(f"line {number} of 5\n".encode())
        await asyncio.sleep(0.2)
    return response


async def main(host: str, port: int) -> None:
    """Serve until interrupted."""
    app = web.Application()
    app.add_routes([web.get("/", index), web.get("/json", index), web.get("/stream", stream)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    url = "http://{}:{}/".format(*runner.addresses[0])
    print(f"An aiohttp site on {loop_name()}: {url} (Ctrl-C stops it)", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A small site that names the loop it runs on.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 lets the kernel choose")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(**vars(parser.parse_args())))
