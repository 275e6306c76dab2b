"""Making connections: `create_connection`, `create_unix_connection`, `connect_accepted_socket`, and their arguments.

Servers are bare listening sockets here, and the data of connections is not tested. Cancelling is tested in
test_cancel_anywhere.py.
"""

import asyncio
import errno
import inspect
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    bad,
    is_open,
    receive,
    refusing_port,
    run,
    skip_asyncio,
    tcp_pair,
    unix_pair,
)
from support import turn, turn_until


@contextmanager
def listening(family: int = socket.AF_INET) -> Iterator[socket.socket]:
    """A bare listening socket, which does not block."""
    with socket.socket(family) as listener:
        listener.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        listener.listen(10)
        listener.setblocking(False)
        yield listener


@contextmanager
def connected(loop: asyncio.AbstractEventLoop, *arguments: Any, **options: Any) -> Iterator[tuple[Any, Recorder]]:
    """What `create_connection` gives for a Recorder, closed afterwards."""
    transport, protocol = run(loop, loop.create_connection(Recorder, *arguments, **options))
    try:
        yield transport, protocol
    finally:
        transport.abort()
        turn_until(loop, lambda: protocol.lost)
        turn(loop)


def has_ipv6() -> bool:
    """Whether this machine can listen at ::1."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", b"127.0.0.1"])
@pytest.mark.parametrize("kind", [int, str])
def test_by_host_and_port(loop: asyncio.AbstractEventLoop, host: Any, kind: Any) -> None:
    """A literal address or a name, as text or bytes, and a port as number or text."""
    with listening() as listener:
        port = listener.getsockname()[1]
        with connected(loop, host, kind(port), family=socket.AF_INET) as (transport, protocol):
            assert transport.get_protocol() is protocol
            assert transport.get_extra_info("peername") == ("127.0.0.1", port)
            accepted, address = listener.accept()
            with accepted:
                assert address == transport.get_extra_info("sockname")
                transport.write(b"hello")
                assert receive(loop, accepted, 5) == b"hello"


@pytest.mark.skipif(not has_ipv6(), reason="the machine has no IPv6")
def test_over_ipv6(loop: asyncio.AbstractEventLoop) -> None:
    """A literal address of IPv6: `peername` has its four parts."""
    with listening(socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
        with connected(loop, "::1", port) as (transport, _):
            assert transport.get_extra_info("peername") == ("::1", port, 0, 0)
            assert transport.get_extra_info("socket").family == socket.AF_INET6


def test_a_socket_that_is_connected(loop: asyncio.AbstractEventLoop) -> None:
    """`sock=`: taken over whatever its family, and made non-blocking."""
    for ours, peer in (tcp_pair(), unix_pair()):
        ours.setblocking(True)
        with peer, connected(loop, sock=ours) as (transport, _):
            assert ours.getblocking() is False
            assert transport.get_extra_info("socket").fileno() == ours.fileno()


def test_a_refused_connection(loop: asyncio.AbstractEventLoop) -> None:
    """Refused: ConnectionRefusedError with its errno, which names the address, and no protocol is made."""
    made: list[Recorder] = []

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    with refusing_port() as port:
        with pytest.raises(ConnectionRefusedError) as refusal:
            run(loop, loop.create_connection(factory, "127.0.0.1", port))
        assert refusal.value.errno == errno.ECONNREFUSED
        assert str(("127.0.0.1", port)) in str(refusal.value)
    assert made == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in Python 3.12")
def test_all_errors(loop: asyncio.AbstractEventLoop) -> None:
    """`all_errors=True`: the errors of all addresses in a group."""
    with refusing_port() as port:
        connecting = loop.create_connection(Recorder, "127.0.0.1", port, **bad({"all_errors": True}))
        with pytest.raises(ExceptionGroup, match="create_connection failed") as refusal:
            run(loop, connecting)
        assert [type(error) for error in refusal.value.exceptions] == [ConnectionRefusedError]


def test_the_next_address_when_one_refuses(loop: asyncio.AbstractEventLoop) -> None:
    """Several addresses of one name are tried in their order until one accepts."""
    with refusing_port() as refused, listening() as listener:
        port = listener.getsockname()[1]
        answer = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", number)) for number in (refused, port, refused)
        ]

        async def look_up(*_: object, **__: object) -> list[Any]:
            return answer

        bad(loop).getaddrinfo = look_up
        with connected(loop, "two.example", 1) as (transport, _):
            assert transport.get_extra_info("peername") == ("127.0.0.1", port)
        answer[1] = answer[0]
        with pytest.raises(ConnectionRefusedError):
            run(loop, loop.create_connection(Recorder, "two.example", 1))
        answer.clear()
        with pytest.raises(OSError, match=r"getaddrinfo\(\) returned empty list"):
            run(loop, loop.create_connection(Recorder, "two.example", 1))


def test_different_errors_are_told_together(loop: asyncio.AbstractEventLoop) -> None:
    """Several addresses with different errors: one OSError that has the text of each."""
    with refusing_port() as one, refusing_port() as two:
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in (one, two)]

        async def look_up(*_: object, **__: object) -> list[Any]:
            return answer

        bad(loop).getaddrinfo = look_up
        with pytest.raises(OSError, match="Multiple exceptions: ") as refusal:
            run(loop, loop.create_connection(Recorder, "two.example", 1))
        assert str(one) in str(refusal.value)
        assert str(two) in str(refusal.value)


@pytest.mark.parametrize("options", [{"happy_eyeballs_delay": 0.2}, {"interleave": 1}, {"interleave": 2}])
def test_happy_eyeballs(loop: asyncio.AbstractEventLoop, options: dict[str, Any]) -> None:
    """`happy_eyeballs_delay` and `interleave`: an address that refuses does not keep the other waiting."""
    with refusing_port() as refused, listening() as listener:
        port = listener.getsockname()[1]
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", number)) for number in (refused, port)]

        async def look_up(*_: object, **__: object) -> list[Any]:
            return answer

        bad(loop).getaddrinfo = look_up
        with connected(loop, "two.example", 1, **options) as (transport, _):
            assert transport.get_extra_info("peername") == ("127.0.0.1", port)


def test_a_local_address(loop: asyncio.AbstractEventLoop) -> None:
    """`local_addr`: the connection comes from there; by address, by name, and with a port of the system's choice."""
    with listening() as listener:
        for local in (("127.0.0.2", 0), ("127.0.0.1", 0), ("localhost", 0)):
            with connected(loop, *listener.getsockname(), local_addr=local, family=socket.AF_INET) as (transport, _):
                name = transport.get_extra_info("sockname")
                assert name[0] == ("127.0.0.1" if local[0] == "localhost" else local[0])
                assert name[1] != 0


def test_a_local_address_in_use(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "A bind error names the address": with the errno kept."""
    with listening() as listener, refusing_port() as taken:
        connecting = loop.create_connection(Recorder, *listener.getsockname(), local_addr=("127.0.0.1", taken))
        with pytest.raises(OSError, match="error while attempting to bind on address") as refusal:
            run(loop, connecting)
        assert refusal.value.errno == errno.EADDRINUSE
        assert str(("127.0.0.1", taken)) in str(refusal.value)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "host and port was not specified and no sock specified"),
    ({"host": "127.0.0.1", "port": 1, "server_hostname": "x"}, "server_hostname is only meaningful with ssl"),
    ({"host": "127.0.0.1", "port": 1, "ssl_handshake_timeout": 1}, "ssl_handshake_timeout is only meaningful with ssl"),
    ({"host": "127.0.0.1", "port": 1, "ssl_shutdown_timeout": 1}, "ssl_shutdown_timeout is only meaningful with ssl"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_arguments(loop: asyncio.AbstractEventLoop, arguments: dict[str, Any], message: str) -> None:
    """Arguments that don't go together are a ValueError before anything is opened."""
    with pytest.raises(ValueError, match=message):
        run(loop, loop.create_connection(Recorder, **arguments))


def test_wrong_sockets(loop: asyncio.AbstractEventLoop) -> None:
    """A socket beside a host, or of datagrams, is a ValueError, and stays open: it is the caller's."""
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        with pytest.raises(ValueError, match="can not be specified at the same time"):
            run(loop, loop.create_connection(Recorder, "127.0.0.1", 1, sock=stream))
        with pytest.raises(ValueError, match="A Stream Socket was expected"):
            run(loop, loop.create_connection(Recorder, sock=datagram))
        assert is_open(stream.fileno())
        assert is_open(datagram.fileno())


@pytest.mark.parametrize(("host", "error"), [("127.0.0.1", OverflowError), ("localhost", (OverflowError, OSError))])
def test_a_port_past_the_last(loop: asyncio.AbstractEventLoop, host: str, error: Any) -> None:
    """Names: "a port past 65535 is refused, not truncated"."""
    with pytest.raises(error):
        run(loop, loop.create_connection(Recorder, host, 65536 + 80))


def test_the_wrong_family(loop: asyncio.AbstractEventLoop) -> None:
    """`family=`: an address of another family is refused by the look-up."""
    with pytest.raises(socket.gaierror):
        run(loop, loop.create_connection(Recorder, "127.0.0.1", 1, family=socket.AF_INET6))


def test_family_proto_and_flags(loop: asyncio.AbstractEventLoop) -> None:
    """`family=`, `proto=`, `flags=`: given as what they are anyway, they change nothing."""
    options = {"family": socket.AF_INET, "proto": socket.IPPROTO_TCP, "flags": socket.AI_NUMERICHOST}
    with listening() as listener, connected(loop, *listener.getsockname(), **options) as (transport, _):
        assert transport.get_extra_info("socket").proto == socket.IPPROTO_TCP


def test_a_factory_that_fails(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "One owner, closed once": the socket made for a failing factory is closed; to 3.14.7 asyncio leaks it."""
    skip_asyncio(loop_name, below=(3, 14, 8))

    def factory() -> Recorder:
        raise LookupError("no protocol today")

    with listening() as listener:
        with pytest.raises(LookupError):
            run(loop, loop.create_connection(factory, *listener.getsockname()))
        accepted, _ = listener.accept()
        with accepted:
            accepted.setblocking(False)
            with pytest.raises(EOFError):
                receive(loop, accepted, 1)


def test_it_is_a_coroutine(loop: asyncio.AbstractEventLoop) -> None:
    """`create_connection` is a coroutine: nothing happens before it is awaited, and nothing if it never is."""
    with listening() as listener:
        connecting = loop.create_connection(Recorder, *listener.getsockname())
        assert inspect.isawaitable(connecting)
        assert asyncio.iscoroutine(connecting)
        turn(loop, 3)
        connecting.close()
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("form", [str, os.fsencode, Path])
def test_unix_by_path(loop: asyncio.AbstractEventLoop, tmp_path: Path, form: Any) -> None:
    """`create_unix_connection`: the path as text, bytes or PathLike, and abstract addresses."""
    path = str(tmp_path / "socket")
    addresses = [path] if form is Path else [path, f"\0vitok-test-{os.getpid()}"]
    for address in addresses:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen(1)
            transport, protocol = run(loop, loop.create_unix_connection(Recorder, form(address)))
            accepted, _ = listener.accept()
            with accepted:
                accepted.send(b"hello")
                turn_until(loop, lambda protocol=protocol: protocol.data)  # type: ignore[misc]
            turn_until(loop, lambda protocol=protocol: protocol.lost)  # type: ignore[misc]
            turn(loop)
            assert protocol.data == b"hello"
            assert transport.is_closing()


def test_unix_errors(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """`create_unix_connection`: no such path, nobody listening, the wrong kind of socket, wrong arguments."""
    path = str(tmp_path / "socket")
    with pytest.raises(FileNotFoundError):
        run(loop, loop.create_unix_connection(Recorder, path))
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        with pytest.raises(ConnectionRefusedError):
            run(loop, loop.create_unix_connection(Recorder, path))
        with pytest.raises(ValueError, match="can not be specified at the same time"):
            run(loop, loop.create_unix_connection(Recorder, path, sock=silent))
    with pytest.raises(ValueError, match="no path and sock were specified"):
        run(loop, loop.create_unix_connection(Recorder))
    with pytest.raises(ValueError, match="server_hostname is only meaningful with ssl"):
        run(loop, loop.create_unix_connection(Recorder, path, server_hostname="x"))
    with socket.socket() as tcp, pytest.raises(ValueError, match="A UNIX Domain Stream Socket was expected"):
        run(loop, loop.create_unix_connection(Recorder, sock=tcp))


def test_an_accepted_socket(loop: asyncio.AbstractEventLoop) -> None:
    """`connect_accepted_socket`: the other end's transport over a socket that somebody else accepted."""
    ours, peer = tcp_pair()
    transport, protocol = run(loop, loop.connect_accepted_socket(Recorder, peer))
    with ours:
        ours.send(b"hello")
        turn_until(loop, lambda: protocol.data)
        transport.write(b"and back")
        assert receive(loop, ours, 8) == b"and back"
    turn_until(loop, lambda: protocol.lost)
    turn(loop)
    assert protocol.data == b"hello"
    with socket.socket(type=socket.SOCK_DGRAM) as datagram, pytest.raises(ValueError, match="A Stream Socket was"):
        run(loop, loop.connect_accepted_socket(Recorder, datagram))
