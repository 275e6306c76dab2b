"""Clients that look at a server's certificate, in the loop of a test and as blocking ones."""

import asyncio
import socket
import ssl
from pathlib import Path

from embedded import GET
from served import CHILD_SECONDS


def trusting_anything() -> ssl.SSLContext:
    """A client's context that accepts every certificate: tests look at it themselves."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


async def certificate_of(
    port: int, name: str | None = None, context: ssl.SSLContext | None = None, request: bytes = GET
) -> str:
    """Return the certificate in PEM that a server has for a name, from a connection that gets a response, too."""
    trusting = context or trusting_anything()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=name or "")
    try:
        writer.write(request)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return ssl.DER_cert_to_PEM_cert(der)
    finally:
        writer.transport.abort()


def certificate_at(port: int, name: str | None = None) -> str:
    """The same for a server in another process."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=CHILD_SECONDS) as plain,
        trusting_anything().wrap_socket(plain, server_hostname=name) as sock,
    ):
        sock.sendall(GET)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        der = sock.getpeercert(binary_form=True)
        assert der is not None
        return ssl.DER_cert_to_PEM_cert(der)


def put(path: Path, content: str) -> None:
    """Replace a file as programs do that renew certificates: in one step."""
    new = path.with_suffix(".new")
    new.write_text(content)
    new.replace(path)
