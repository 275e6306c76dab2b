"""The smallest HTTP server on asyncio's streams, to be watched with strace, one request at a time.

    strace -f -e trace=epoll_ctl,epoll_wait,epoll_pwait2,epoll_create1 vitok run examples/server.py

It answers every request with the same page and keeps the connection open, as HTTP/1.1 does. Methods, paths and bodies
are ignored. The program runs on any loop.
"""

import argparse
import asyncio
import contextlib

BODY = b"Hello from the loop\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


async def serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request head until the peer leaves."""
    # The peer has left, between two requests or within one, or has not sent a request: there is nothing to answer.
    with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
    writer.close()


async def main(host: str, port: int) -> None:
    """Listen, print the address, and serve until interrupted."""
    server = await asyncio.start_server(serve_connection, host, port)
    bound_port = server.sockets[0].getsockname()[1]
    print(f"http://{host}:{bound_port}/ on {type(asyncio.get_running_loop()).__name__}; Ctrl-C stops it", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The smallest HTTP server on asyncio's streams.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 lets the kernel choose")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(**vars(parser.parse_args())))
