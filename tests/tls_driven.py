"""A client over TLS whose side is driven by hand, record by record or byte by byte.

Servers and loops are not known here.
"""

import asyncio
import socket
import ssl

from certificates_made import Certificates


class DrivenClient:
    """A client whose side is driven by hand: it says nothing that a test does not ask for, not even goodbye."""

    def __init__(self, port: int, certificates: Certificates, *, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setblocking(False)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        trusting = ssl.create_default_context(cafile=str(certificates.certificate))
        self.tls = trusting.wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")

    async def shake_hands(self, *, is_whole: bool = True) -> None:
        """Do the handshake, or only its first half."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.flush()
                if not is_whole:
                    return
                await self.receive()
            else:
                await self.flush()
                return

    async def send(self, data: bytes) -> None:
        """Send some bytes."""
        self.tls.write(data)
        await self.flush()

    async def read(self, size: int = 65536) -> bytes:
        """Read some bytes of a response; none if the server has said goodbye, or cut the connection."""
        while True:
            try:
                return self.tls.read(size)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLWantReadError:
                if not await self.receive(size):
                    return b""

    async def receive(self, size: int = 65536) -> bool:
        """Take bytes from the network. Return whether there are any before the end."""
        data = await asyncio.get_running_loop().sock_recv(self.sock, size)
        self._incoming.write(data)
        return bool(data)

    async def flush(self) -> None:
        """Send what waits for the network."""
        if self._outgoing.pending:
            await asyncio.get_running_loop().sock_sendall(self.sock, self._outgoing.read())

    async def offer(self, data: bytes) -> bool:
        """Send some bytes. Return whether the connection takes them; it may be gone."""
        try:
            await self.send(data)
        except OSError:
            return False
        return True

    async def drip(self, data: bytes) -> None:
        """Send some bytes, one byte of their records in each packet."""
        self.tls.write(data)
        loop = asyncio.get_running_loop()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in self._outgoing.read():
            await loop.sock_sendall(self.sock, bytes([byte]))
            await asyncio.sleep(0)

    async def rest(self) -> bytes:
        """Read to the end, with or without a goodbye."""
        found = bytearray()
        try:
            while data := await self.read():
                found += data
        except ConnectionResetError:
            pass
        return bytes(found)

    async def wait_for_end(self) -> None:
        """Wait until the connection itself has ended."""
        try:
            while await self.receive():
                pass
        except ConnectionResetError:
            return
