"""A server on asyncio's streams that sends everything back over TLS, until it is told to stop.

Its arguments are a certificate with its key, and the time at which TLS begins: `at-once`, or `upgraded`, after a line
on a plain connection.
"""

import asyncio
import ssl
import sys

from scene import HOST, MIB, announce, chosen, told_to_stop


async def main(certificate: str, begin: str) -> None:
    """Serve."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"TLS, please\n"
        writer.write(b"begin\n")
        try:
            await writer.start_tls(context)
        except (ssl.SSLError, ConnectionError):
            # The peer does not trust our certificate.
            writer.close()
        else:
            await echo(reader, writer)

    if begin == "at-once":
        server = await asyncio.start_server(echo, HOST, 0, ssl=context)
    else:
        server = await asyncio.start_server(upgrade, HOST, 0)
    async with server:
        announce(server.sockets[0].getsockname()[1], scheme="tcp")
        await told_to_stop()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, no faster than it is read."""
    try:
        while data := await reader.read(MIB):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=chosen().new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
