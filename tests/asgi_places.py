"""The transports by which an application is served and clients connect, for the fixture `place`.

Applications are not known here.
"""

import asyncio
import ssl
from typing import Any

import wires
from asgi_support import Site
from certificates_made import Certificates

KINDS = ("a stream of ours", "asyncio's loop", "TLS", "TLS on asyncio's loop")


class Place:
    """Options for `asgi_support.serving`, and clients made of asyncio's streams."""

    def __init__(self, kind: str, certificates: Certificates) -> None:
        self.options: dict[str, Any] = {}
        self.trusting: ssl.SSLContext | None = None
        if "TLS" in kind:
            self.options["tls"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.options["tls"].load_cert_chain(certificates.certificate, certificates.key)
            self.trusting = ssl.create_default_context(cafile=str(certificates.certificate))
            if wires.in_use() == wires.HTTP2:
                self.options["tls"].set_alpn_protocols(["h2", "http/1.1"])
                self.trusting.set_alpn_protocols(["h2"])
        if "asyncio" in kind:
            self.options["loop"] = asyncio.SelectorEventLoop()

    def close(self) -> None:
        """Close the loop, unless it is closed already."""
        if loop := self.options.get("loop"):
            loop.close()

    def connect(self, site: Site) -> Any:
        """Return a client of the wire in use."""
        return site.connect_streams(self.trusting)

    def ask(self, site: Site, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a client that has sent this."""
        reader, writer = site.run(asyncio.open_connection(*site.address, ssl=self.trusting))
        writer.write(data)
        site.run(writer.drain())
        return reader, writer

    def exchange(self, site: Site, data: bytes) -> bytes:
        """Return what arrives until the server closes, for a client that has sent this."""
        reader, writer = self.ask(site, data)
        answer: bytes = site.run(reader.read())
        writer.transport.abort()
        site.turn()
        return answer
