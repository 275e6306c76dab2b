"""A TLS server on a protocol that sends lines back, until it is told to stop; `info` asks what was negotiated.

Its argument is a certificate with its key, which also vouches for clients that have one. It uses asyncio only; the
caller chooses the loop.
"""

import asyncio
import json
import ssl
import sys
from typing import Any

from scene import HOST, announce, chosen, loop_name, told_to_stop


class Echo(asyncio.Protocol):
    """Sends each line back."""

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport
        self.line = b""

    def data_received(self, data: bytes) -> None:
        """Answer the lines that are whole."""
        *lines, self.line = (self.line + data).split(b"\n")
        for line in lines:
            self.transport.write((self.info() if line == b"info" else line) + b"\n")

    def info(self) -> bytes:
        """What was negotiated, as one line."""
        tls = self.transport.get_extra_info("ssl_object")
        found = {
            "version": tls.version(),
            "alpn": tls.selected_alpn_protocol(),
            "is_reused": tls.session_reused,
            "client": (self.transport.get_extra_info("peercert") or {}).get("subject", ()),
            "loop": loop_name(),
            "engine": getattr(self.transport, "_engine", None),
        }
        return json.dumps(found).encode()


async def main(certificate: str) -> None:
    """Serve."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    context.load_cert_chain(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["lines", "other"])
    async with await asyncio.get_running_loop().create_server(Echo, HOST, 0, ssl=context) as server:
        announce(server.sockets[0].getsockname()[1], scheme="tcp")
        await told_to_stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=chosen().new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
