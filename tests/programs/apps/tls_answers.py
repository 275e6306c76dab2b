"""A TLS client on streams that answers each line of its server in capitals, until that says `end`.

Its arguments are the server's port and a certificate with its key, which it trusts and shows to a server that asks. At
its end it prints what was negotiated, and its loop. It uses asyncio only; the caller chooses the loop.
"""

import asyncio
import json
import ssl
import sys

from scene import HOST, chosen, loop_name


async def main(port: str, certificate: str) -> None:
    """Answer until the end."""
    context = ssl.create_default_context(cafile=certificate)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["other", "lines"])
    reader, writer = await asyncio.open_connection(HOST, int(port), ssl=context)
    tls = writer.get_extra_info("ssl_object")
    # A further handshake of TLS 1.2 may agree on less.
    found = {"version": tls.version(), "alpn": tls.selected_alpn_protocol()}
    while (line := await reader.readline()) not in (b"end\n", b""):
        writer.write(line.upper())
        await writer.drain()
    writer.close()
    await writer.wait_closed()
    print(json.dumps({**found, "is_ended": line == b"end\n"}))
    print(loop_name())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=chosen().new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
