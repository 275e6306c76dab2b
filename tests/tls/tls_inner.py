"""The peer of a TLS connection inside another."""

import asyncio
import ssl

from tls_certificates import SERVER, Contexts
from tls_peer import Peer


class InnerPeer(Peer):
    """The peer of the inner TLS, whose ciphertext is the data of another peer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, outer: Peer, contexts: Contexts, side: str) -> None:
        context = contexts.client() if side == "server" else contexts.server()
        name = SERVER if side == "server" else None
        super().__init__(loop, outer.sock, context, server_side=side == "client", server_hostname=name)
        self.outer = outer

    def flush(self) -> None:
        """Send through the outer peer."""
        if self.outgoing.pending:
            self.outer.write(self.outgoing.read())

    def pull(self) -> None:
        """Take what the outer peer has."""
        self.outer.pull()
        try:
            while piece := self.outer.tls.read(1 << 16):
                self.incoming.write(piece)
        except ssl.SSLWantReadError:
            self.outer.flush()
