"""A client of tls_server.py on asyncio's streams: many connections at once, large bodies, an untrusted certificate.

Its arguments are the server's port, the certificate, and the time at which TLS begins. It uses asyncio only; the caller
chooses the loop.
"""

import asyncio
import ssl
import sys

from scene import HOST, LARGE_BODY, loop_name

CONNECTIONS = 20


async def main(port: str, certificate: str, begin: str) -> None:
    """Talk on many connections at once, and refuse to talk to somebody whom nobody vouches for."""
    trusting = ssl.create_default_context(cafile=certificate)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CONNECTIONS):
            tasks.create_task(talk(int(port), trusting, begin))
    # A server whose handshake is broken off before it has a connection says so aloud in asyncio's debug mode.
    if begin == "upgraded":
        (error,) = await asyncio.gather(talk(int(port), ssl.create_default_context(), begin), return_exceptions=True)
        assert isinstance(error, ssl.SSLCertVerificationError)
    print(loop_name())


async def talk(port: int, context: ssl.SSLContext, begin: str) -> None:
    """One connection's life: a line, and a large body that is written while it comes back."""
    reader, writer = await (connected if begin == "at-once" else upgraded)(port, context)
    try:
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.write(b"a line\n")
        assert await reader.readline() == b"a line\n"
        writer.write(LARGE_BODY)
        _, received = await asyncio.gather(writer.drain(), reader.readexactly(len(LARGE_BODY)))
        assert received == LARGE_BODY
    finally:
        writer.close()
        await writer.wait_closed()


async def connected(port: int, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that is encrypted from its first byte."""
    return await asyncio.open_connection(HOST, port, ssl=context)


async def upgraded(port: int, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that begins in plain text."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(b"TLS, please\n")
        assert await reader.readline() == b"begin\n"
        await writer.start_tls(context, server_hostname=HOST)
    except BaseException:
        writer.close()
        raise
    return reader, writer


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
