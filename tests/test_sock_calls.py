"""The `sock_*` coroutines: their results, arguments and errors.

Waits that are cancelled, and descriptors that are reused, are tested in test_sock_calls_waiting.py; `sock_sendfile` in
test_sendfile.py.
"""

import asyncio
import errno
import inspect
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from net_support import MORE_THAN_THE_KERNEL_TAKES, Pair, bad, refusing_port, reset, run, tcp_pair, unix_pair
from support import pending, result, turn


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends of a Unix stream, non-blocking."""
    ours, peer = unix_pair()
    with ours, peer:
        yield ours, peer


def udp() -> socket.socket:
    """A bound datagram socket, non-blocking."""
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


CALLS: dict[str, Callable[[Any, socket.socket], Any]] = {
    "sock_recv": lambda loop, sock: loop.sock_recv(sock, 10),
    "sock_recv_into": lambda loop, sock: loop.sock_recv_into(sock, bytearray(10)),
    "sock_recvfrom": lambda loop, sock: loop.sock_recvfrom(sock, 10),
    "sock_recvfrom_into": lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(10)),
    "sock_sendall": lambda loop, sock: loop.sock_sendall(sock, b"x"),
    "sock_sendto": lambda loop, sock: loop.sock_sendto(sock, b"x", ("127.0.0.1", 9)),
    "sock_connect": lambda loop, sock: loop.sock_connect(sock, ("127.0.0.1", 9)),
    "sock_accept": lambda loop, sock: loop.sock_accept(sock),
}


@pytest.mark.parametrize("name", CALLS)
def test_they_are_coroutines(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """Trap "`sock_*` are coroutines": to asyncio's test of it, with a coroutine's methods; unused, they do nothing."""
    ours, peer = unix_pair()
    with ours, peer:
        peer.send(b"data")
        waiting = CALLS[name](loop, ours)
        assert asyncio.iscoroutine(waiting)
        assert inspect.isawaitable(waiting)
        assert callable(waiting.send)
        assert callable(waiting.throw)
        waiting.close()
        turn(loop, 3)
        assert ours.recv(100) == b"data"
        with pytest.raises(BlockingIOError):
            peer.recv(1)


def test_every_way_to_run_them(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Trap "`sock_*` are coroutines": as tasks, gathered, with a time limit, shielded and awaited."""
    ours, peer = pair

    async def main() -> list[bytes]:
        peer.send(b"1")
        results = [await loop.create_task(loop.sock_recv(ours, 1))]
        loop.call_soon(peer.send, b"2")
        results.append(await asyncio.wait_for(loop.sock_recv(ours, 1), 60))
        results += await asyncio.gather(loop.sock_recv(ours, 1), loop.sock_sendall(peer, b"3"))
        loop.call_soon(peer.send, b"4")
        results.append(await asyncio.shield(loop.sock_recv(ours, 1)))
        async with asyncio.timeout(60):
            loop.call_soon(peer.send, b"5")
            results.append(await loop.sock_recv(ours, 1))
        return results

    assert run(loop, main()) == [b"1", b"2", b"3", None, b"4", b"5"]


def test_receiving(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """`sock_recv`: what is there at once, otherwise what comes; as much as asked for; empty at the end."""
    ours, peer = pair
    peer.send(b"there already")
    assert run(loop, loop.sock_recv(ours, 5)) == b"there"
    assert run(loop, loop.sock_recv(ours, 100)) == b" already"
    task = pending(loop, loop.sock_recv(ours, 100))
    peer.send(b"later")
    assert result(loop, task) == b"later"
    assert run(loop, loop.sock_recv(ours, 0)) == b""
    task = pending(loop, loop.sock_recv(ours, 100))
    peer.close()
    assert result(loop, task) == b""


def test_receiving_into_a_buffer(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """`sock_recv_into`: bytearrays and views, filled to their size and no further."""
    ours, peer = pair
    buffer = bytearray(b"." * 8)
    peer.send(b"at once, and more")
    assert run(loop, loop.sock_recv_into(ours, memoryview(buffer)[2:6])) == 4
    assert buffer == b"..at o.."
    assert run(loop, loop.sock_recv_into(ours, buffer)) == 8
    assert run(loop, loop.sock_recv_into(ours, buffer)) == 5
    assert buffer[:5] == b" more"
    task = pending(loop, loop.sock_recv_into(ours, buffer))
    peer.send(b"later")
    assert result(loop, task) == 5
    assert buffer[:5] == b"later"
    # Resizing is refused while anybody holds a view.
    buffer.clear()
    with pytest.raises((TypeError, BufferError)):
        run(loop, loop.sock_recv_into(ours, bad(b"read-only")))


def test_datagrams(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`sock_sendto`, `sock_recvfrom`, `sock_recvfrom_into`": with addresses, empty ones, and a smaller buffer."""
    with udp() as ours, udp() as peer:
        assert run(loop, loop.sock_sendto(peer, b"one", ours.getsockname())) == 3
        assert run(loop, loop.sock_recvfrom(ours, 100)) == (b"one", peer.getsockname())
        assert run(loop, loop.sock_sendto(peer, b"", ours.getsockname())) == 0
        assert run(loop, loop.sock_recvfrom(ours, 100)) == (b"", peer.getsockname())
        task = pending(loop, loop.sock_recvfrom(ours, 2))
        peer.sendto(b"cut off", ours.getsockname())
        assert result(loop, task) == (b"cu", peer.getsockname())
        buffer = bytearray(b"." * 8)
        peer.sendto(b"into", ours.getsockname())
        assert run(loop, loop.sock_recvfrom_into(ours, buffer)) == (4, peer.getsockname())
        assert buffer == b"into...."
        task = pending(loop, loop.sock_recvfrom_into(ours, buffer, 3))
        peer.sendto(b"again", ours.getsockname())
        assert result(loop, task) == (3, peer.getsockname())
        assert buffer == b"agao...."
        assert run(loop, loop.sock_sendto(peer, memoryview(b"view"), ours.getsockname())) == 4
        assert run(loop, loop.sock_recv(ours, 100)) == b"view"


def test_datagrams_between_unix_sockets(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Line "AF_UNIX datagrams": by path; the sender waits while the receiver's queue is full."""
    path = str(tmp_path / "socket")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer,
    ):
        ours.bind(path)
        for sock in (ours, peer):
            sock.setblocking(False)
        sent = 0
        try:
            while True:
                sent += peer.sendto(b"x", path) == 1
        except BlockingIOError:
            pass
        task = pending(loop, loop.sock_sendto(peer, b"waits", path))
        for _ in range(sent):
            assert run(loop, loop.sock_recvfrom(ours, 100)) == (b"x", None)
        assert result(loop, task) == 5
        assert run(loop, loop.sock_recvfrom(ours, 100)) == (b"waits", None)


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_sending_much(loop: asyncio.AbstractEventLoop, pair: Pair, form: Any) -> None:
    """`sock_sendall`: waits for a slow reader until the last byte is the kernel's."""
    ours, peer = pair
    data = bytes(range(256)) * (MORE_THAN_THE_KERNEL_TAKES // 256)
    task = pending(loop, loop.sock_sendall(ours, form(data)))
    got = bytearray()
    while len(got) < len(data):
        got += run(loop, loop.sock_recv(peer, 100_000))
    assert result(loop, task) is None
    assert got == data


def test_sending_little(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """`sock_sendall`: of nothing, and of what there is room for, is done at once."""
    ours, peer = pair
    assert run(loop, loop.sock_sendall(ours, b"")) is None
    assert run(loop, loop.sock_sendall(ours, bytearray(b"little"))) is None
    assert peer.recv(100) == b"little"
    with pytest.raises(TypeError):
        run(loop, loop.sock_sendall(ours, bad("text")))


def test_sending_to_a_peer_that_leaves(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """`sock_sendall`: BrokenPipeError or ConnectionResetError, before it began and while it waits."""
    ours, peer = pair
    task = pending(loop, loop.sock_sendall(ours, bytes(MORE_THAN_THE_KERNEL_TAKES)))
    peer.close()
    with pytest.raises(ConnectionError):
        result(loop, task)
    with pytest.raises(ConnectionError):
        run(loop, loop.sock_sendall(ours, b"x"))


def test_receiving_from_a_peer_that_resets(loop: asyncio.AbstractEventLoop) -> None:
    """`sock_recv`: ConnectionResetError reaches whoever waits."""
    ours, peer = tcp_pair()
    with ours:
        task = pending(loop, loop.sock_recv(ours, 10))
        reset(peer)
        with pytest.raises(ConnectionResetError) as error:
            result(loop, task)
        assert error.value.errno == errno.ECONNRESET


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_connecting_and_accepting(loop: asyncio.AbstractEventLoop, host: str) -> None:
    """`sock_connect`, `sock_accept`: by address and by name; what is accepted does not block."""
    with socket.socket() as listener, socket.socket() as client, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        for sock in (listener, client, second):
            sock.setblocking(False)
        accepting = pending(loop, loop.sock_accept(listener))
        assert run(loop, loop.sock_connect(client, (host, listener.getsockname()[1]))) is None
        accepted, address = result(loop, accepting)
        with accepted:
            assert address == client.getsockname()
            assert accepted.getblocking() is False
            assert accepted.get_inheritable() is False
            assert accepted.getpeername() == address
            run(loop, loop.sock_sendall(client, b"hello"))
            assert run(loop, loop.sock_recv(accepted, 10)) == b"hello"
        run(loop, loop.sock_connect(second, listener.getsockname()))
        waiting, address = run(loop, loop.sock_accept(listener))
        with waiting:
            assert address == second.getsockname()


def test_connecting_over_unix(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """`sock_connect`, `sock_accept` over a path and an abstract name."""
    for name in (str(tmp_path / "socket"), f"\0vitok-test-{os.getpid()}"):
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
            listener.bind(name)
            listener.listen(1)
            listener.setblocking(False)
            client.setblocking(False)
            run(loop, loop.sock_connect(client, name))
            accepted, address = run(loop, loop.sock_accept(listener))
            accepted.close()
            assert address == ""


def test_connecting_where_nobody_listens(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """`sock_connect`: ConnectionRefusedError that names the address; FileNotFoundError for a path."""
    with refusing_port() as port, socket.socket() as sock:
        sock.setblocking(False)
        with pytest.raises(ConnectionRefusedError, match="Connect call failed") as refusal:
            run(loop, loop.sock_connect(sock, ("127.0.0.1", port)))
        assert str(("127.0.0.1", port)) in str(refusal.value)
        assert refusal.value.errno == errno.ECONNREFUSED
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        with pytest.raises(FileNotFoundError):
            run(loop, loop.sock_connect(sock, str(tmp_path / "missing")))


@pytest.mark.parametrize("name", CALLS)
def test_a_blocking_socket_in_debug_mode(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """Debug mode: a socket that blocks is a ValueError."""
    loop.set_debug(True)
    with socket.socket() as sock, pytest.raises(ValueError, match="the socket must be non-blocking"):
        run(loop, CALLS[name](loop, sock))


@pytest.mark.parametrize("name", CALLS)
def test_an_ssl_socket(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """An SSLSocket is a TypeError: its data are not the stream's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    with context.wrap_socket(socket.socket(), do_handshake_on_connect=False) as sock:
        sock.setblocking(False)
        with pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"):
            run(loop, CALLS[name](loop, sock))


@pytest.mark.parametrize("name", CALLS)
def test_a_closed_socket(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """A socket that is closed already is an error at once: OSError, or ValueError where asyncio's is."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.close()
    with pytest.raises((OSError, ValueError)):
        run(loop, CALLS[name](loop, sock))


@pytest.mark.parametrize("name", ["sock_recv", "sock_recv_into", "sock_recvfrom"])
def test_a_transports_socket(loop: asyncio.AbstractEventLoop, pair: Pair, name: str) -> None:
    """Line "on a transport's own descriptor: RuntimeError": waiting on one is refused, and the transport goes on."""
    ours, peer = pair

    async def main() -> bytes:
        reader, writer = await asyncio.open_connection(sock=ours)
        with pytest.raises(RuntimeError, match="is used by transport"):
            await CALLS[name](loop, ours)
        peer.send(b"data")
        data = await reader.read(4)
        writer.close()
        await writer.wait_closed()
        return data

    assert run(loop, main()) == b"data"


@pytest.mark.parametrize("size", [-1, "10", None, 1.5])
def test_a_size_that_is_none(loop: asyncio.AbstractEventLoop, pair: Pair, size: Any) -> None:
    """`sock_recv`: a negative size is a ValueError, anything but a number a TypeError; nothing is taken."""
    ours, peer = pair
    peer.send(b"data")
    with pytest.raises(ValueError if size == -1 else TypeError):
        run(loop, loop.sock_recv(ours, size))
    assert ours.recv(100) == b"data"
