"""Kinds of calls on descriptors and sockets to which `memory_child` refuses memory, by the rules of `memory_kinds`."""

import asyncio
import socket

from memory_kinds import Kind, cancel_all, nothing, turn


class AddReader(Kind):
    """add_reader()."""

    def set_up(self) -> None:
        self.left, self.right = self.pair()

    def call(self) -> None:
        self.loop.add_reader(self.left, nothing, 1)

    def check(self, succeeded: bool) -> None:
        assert self.loop.remove_reader(self.left) or not succeeded
        assert not self.loop.remove_reader(self.left)


class ReaderRuns(Kind):
    """The callback of add_reader() is called."""

    def set_up(self) -> None:
        self.left, self.right = self.pair()
        self.right.send(b"a")
        self.loop.add_reader(self.left, self.read)
        self.open.append(lambda: self.loop.remove_reader(self.left))

    def read(self) -> None:
        self.left.recv(1)

    def call(self) -> None:
        turn(self.loop)


class RemoveReader(Kind):
    """remove_reader()."""

    def set_up(self) -> None:
        self.left, self.right = self.pair()
        self.loop.add_reader(self.left, nothing)

    def call(self) -> None:
        self.loop.remove_reader(self.left)

    def check(self, succeeded: bool) -> None:
        assert not self.loop.remove_reader(self.left) or not succeeded


class SockCalls(Kind):
    """An echo by sock_recv() and sock_sendall()."""

    def set_up(self) -> None:
        self.left, self.right = self.pair()

    def call(self) -> None:
        self.drive(self.main())

    async def main(self) -> None:
        loop = self.loop
        read = loop.create_task(loop.sock_recv(self.left, 100))
        await asyncio.sleep(0)
        await loop.sock_sendall(self.right, b"hello")
        await read
        await loop.sock_sendall(self.right, bytearray(b"hello"))
        await loop.sock_recv_into(self.left, bytearray(10))

    def close(self) -> None:
        cancel_all(self.loop)
        super().close()


class SockConnect(Kind):
    """sock_connect() and sock_accept()."""

    may_leak = True

    def set_up(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.open.append(self.listener.close)

    def call(self) -> None:
        self.drive(self.main())

    async def main(self) -> None:
        loop = self.loop
        client = socket.socket()
        try:
            client.setblocking(False)
            accepting = loop.create_task(loop.sock_accept(self.listener))
            await loop.sock_connect(client, self.listener.getsockname())
            accepted, _ = await accepting
            accepted.close()
        finally:
            client.close()

    def close(self) -> None:
        cancel_all(self.loop)
        super().close()


class LookUp(Kind):
    """getaddrinfo() and getnameinfo() of a literal."""

    def call(self) -> None:
        self.drive(self.main())

    async def main(self) -> None:
        await self.loop.getaddrinfo("127.0.0.1", 80)
        await self.loop.getaddrinfo("::1", "80", type=socket.SOCK_STREAM)
        await self.loop.getnameinfo(("::1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)


KINDS: list[type[Kind]] = [
    AddReader,
    ReaderRuns,
    RemoveReader,
    LookUp,
    SockCalls,
    SockConnect,
]
