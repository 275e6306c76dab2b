"""Objects that only look like sockets: the loop moves their bytes by their own methods.

Tests and libraries (`unittest.mock`, gevent, PySocks) replace `socket.socket` by classes of their own. The native code
reads the descriptor from the memory of the object, so it must check for the original class and not for that name.
"""

import asyncio
import socket
from typing import Any

import pytest
from net_protocols import DatagramRecorder, Recorder
from net_support import connect, receive, receive_datagram, run, unix_pair
from support import run_script, turn, turn_until
from swap_support import udp_pair


class Foreign:
    """Has what asyncio asks of a socket, by way of one that it holds, and nothing of a socket's memory."""

    __slots__ = ("__weakref__", "calls", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        """Whatever a socket has."""
        self.calls.append(name)
        return getattr(self.sock, name)


@pytest.mark.parametrize("is_patched", [False, True])
def test_a_stream_over_a_foreign_socket(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, is_patched: bool
) -> None:
    """Its `recv` and `send` move the bytes."""
    ours, peer = unix_pair()
    # A socket that the native code has met shows where a descriptor lies in its memory.
    with_native(loop)
    foreign = Foreign(ours)
    protocol = Recorder()
    if is_patched:
        monkeypatch.setattr(socket, "socket", Foreign)
    with peer:
        transport = connect(loop, protocol, foreign)  # type: ignore[arg-type]
        monkeypatch.undo()
        peer.send(b"question")
        turn_until(loop, lambda: protocol.data)
        transport.write(b"answer")
        assert receive(loop, peer, 6) == b"answer"
        transport.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop)
    assert {"recv", "send", "close"} <= set(foreign.calls)


@pytest.mark.parametrize("is_patched", [False, True])
def test_datagrams_over_a_foreign_socket(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, is_patched: bool
) -> None:
    """Its `recvfrom` and `send` move the datagrams."""
    ours, peer = udp_pair()
    with_native(loop)
    foreign: Any = Foreign(ours)
    protocol = DatagramRecorder()
    if is_patched:
        monkeypatch.setattr(socket, "socket", Foreign)
    with peer:
        transport, _ = run(loop, loop.create_datagram_endpoint(lambda: protocol, sock=foreign))
        monkeypatch.undo()
        peer.send(b"question")
        turn_until(loop, lambda: protocol.got)
        transport.sendto(b"answer")
        assert receive_datagram(loop, peer)[0] == b"answer"
        transport.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop)
    assert {"recvfrom", "send", "close"} <= set(foreign.calls)


@pytest.mark.parametrize("is_patched", [False, True])
def test_listening_on_a_foreign_socket(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, is_patched: bool
) -> None:
    """Its `accept` gives the connections."""
    with_native(loop)
    foreign: Any = Foreign(socket.create_server(("127.0.0.1", 0)))
    protocol = Recorder()
    if is_patched:
        monkeypatch.setattr(socket, "socket", Foreign)
    server = run(loop, loop.create_server(lambda: protocol, sock=foreign))
    monkeypatch.undo()
    with socket.create_connection(foreign.sock.getsockname()) as peer:
        peer.setblocking(False)
        turn_until(loop, lambda: protocol.transport)
        peer.send(b"question")
        turn_until(loop, lambda: protocol.data)
        protocol.transport.close()
        turn_until(loop, lambda: protocol.lost)
        server.close()
        turn(loop)
    assert {"accept", "close"} <= set(foreign.calls)


def with_native(loop: asyncio.AbstractEventLoop) -> None:
    """Use a real socket in each way, once."""
    ours, peer = unix_pair()
    with peer:
        protocol = Recorder()
        transport = connect(loop, protocol, ours)
        peer.send(b"data")
        turn_until(loop, lambda: protocol.data)
        transport.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop)


# `socket.socket(...)` still makes sockets, for asyncio's loop and for `socketpair()`.
CALLS = """
import asyncio, socket
RealSocket = socket.socket


class Foreign:
    __slots__ = ("__weakref__", "calls", "sock")

    def __new__(cls, *arguments):
        return object.__new__(cls) if isinstance(arguments[0], RealSocket) else RealSocket(*arguments)

    def __init__(self, sock):
        self.sock, self.calls = sock, []

    def __getattr__(self, name):
        self.calls.append(name)
        return getattr(self.sock, name)


async def main():
    peer.send(b"one")
    assert await loop.sock_recv(foreign, 100) == b"one"
    receiving = loop.create_task(loop.sock_recv_into(foreign, bytearray(100)))
    await asyncio.sleep(0)
    peer.send(b"two")
    assert await receiving == 3
    await loop.sock_sendall(foreign, b"three")
    assert peer.recv(100) == b"three"


socket.socket = Foreign
loop = new_loop()
ours, peer = socket.socketpair()
ours.setblocking(False)
foreign = Foreign(ours)
with ours, peer:
    loop.run_until_complete(main())
loop.close()
print(*sorted({"recv", "recv_into", "send"} - set(foreign.calls)))
"""


def test_calls_on_a_foreign_socket_where_the_name_was_replaced_before(loop_name: str) -> None:
    """The first loop is made when `socket.socket` is another class already."""
    assert run_script(loop_name, CALLS) == "\n"


REPLACED = """
import asyncio, socket
RealSocket = socket.socket


class Other(RealSocket):
    def recv(self, size):
        data = super().recv(size)
        return data and data + b", by its own method"


class Protocol(asyncio.Protocol):
    def __init__(self):
        self.lost = loop.create_future()

    def data_received(self, data):
        print(data.decode())

    def connection_lost(self, error):
        self.lost.set_result(None)


async def use(kind):
    pair = socket.socketpair()
    ours, peer = [kind(one.family, one.type, one.proto, one.detach()) for one in pair]
    ours.setblocking(False)
    transport, protocol = await loop.create_connection(Protocol, sock=ours)
    print(type(transport).__module__)
    peer.send(b"data")
    peer.close()
    await protocol.lost


async def serve():
    server = await loop.create_server(Protocol, "127.0.0.1", 0)
    transport, protocol = await loop.create_connection(Protocol, *server.sockets[0].getsockname())
    print(type(transport).__module__, type(transport.get_extra_info("socket")._sock) is socket.socket)
    transport.abort()
    await protocol.lost
    server.close()
    await asyncio.sleep(0)


BEFORE
import vitok
AFTER
loop = vitok.new_event_loop()
loop.run_until_complete(use(RealSocket))
loop.run_until_complete(use(Other))
loop.run_until_complete(serve())
loop.close()
"""

NATIVE, INHERITED = "vitok._native", "asyncio.selector_events"


@pytest.mark.vitok_only
@pytest.mark.parametrize("place", ["BEFORE", "AFTER"])
@pytest.mark.parametrize("replacement", ["RealSocket", "Other"])
def test_who_is_native_where_the_name_was_replaced(place: str, replacement: str) -> None:
    """Real sockets are, whatever stands under the name; a class that stands there is not, when it is another one."""
    body = REPLACED.replace(place, f"socket.socket = {replacement}").replace("BEFORE", "").replace("AFTER", "")
    connected = NATIVE if replacement == "RealSocket" else INHERITED
    assert run_script("asyncio", body).splitlines() == [
        NATIVE,
        "data",
        INHERITED,
        "data, by its own method",
        f"{connected} True",
    ]


@pytest.mark.vitok_only
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("replacement", ["object", "None", "lambda *_: None"])
def test_what_replaces_the_name_need_not_be_a_socket(place: str, replacement: str) -> None:
    """A loop is made and closed, whether the name was replaced before the import or after it."""
    replace, load = f"socket.socket = {replacement}\n", "import vitok\n"
    body = replace + load if place == "before" else load + replace
    run_script("asyncio", "import asyncio, socket\n" + body + "vitok.new_event_loop().close()\n")


FILENO = """
import asyncio, socket
inherited = socket.socket.fileno
lost = []


class Protocol(asyncio.Protocol):
    transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def connection_lost(self, error):
        lost.append(error)


def fileno(self):
    if protocol.transport is not None:
        protocol.transport.get_write_buffer_size()
        protocol.transport.is_closing()
    return inherited(self)


socket.socket.fileno = fileno
protocol = Protocol()
loop = new_loop()
ours, peer = socket.socketpair()
ours.setblocking(False)


async def main():
    await loop.create_connection(lambda: protocol, sock=ours)
    peer.send(b"data")
    assert await loop.run_in_executor(None, peer.recv, 100) == b"data"
    peer.close()
    while not lost:
        await asyncio.sleep(0)


loop.run_until_complete(main())
loop.close()
print(*lost)
"""


def test_a_method_that_was_replaced_looks_at_the_transport(loop_name: str) -> None:
    """`fileno()` is Python here, and asks the transport that is about to read or write."""
    assert run_script(loop_name, FILENO) == "None\n"
