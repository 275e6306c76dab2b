"""Servers: their addresses and options, and that they serve.

Closing servers is tested in test_servers_ending.py, difficulties of accepting in test_accepting.py, Unix addresses in
test_servers_unix.py.
"""

import asyncio
import errno
import socket
import sys
from asyncio.trsock import TransportSocket
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    bad,
    receive,
    refuses,
    run,
    serving,
)
from support import turn, turn_until


def test_a_server_serves(loop: asyncio.AbstractEventLoop) -> None:
    """Port 0 becomes a real one, several clients are served at once, each by a protocol of its own."""
    with serving(loop, clients=3) as served:
        assert served.server.is_serving() is True
        assert served.server.get_loop() is loop
        assert served.address[1] != 0
        for number, peer in enumerate(served.peers):
            peer.send(b"%d" % number)
        turn_until(loop, lambda: all(protocol.data for protocol in served.protocols))
        assert [bytes(protocol.data) for protocol in served.protocols] == [b"0", b"1", b"2"]
        for protocol, peer in zip(served.protocols, served.peers, strict=True):
            assert protocol.transport.get_extra_info("peername") == peer.getsockname()
            assert protocol.transport.get_extra_info("sockname") == served.address
            protocol.transport.write(b"hello")
            assert receive(loop, peer, 5) == b"hello"


def test_sockets(loop: asyncio.AbstractEventLoop) -> None:
    """`sockets`: a tuple of TransportSockets, empty once closed; the representation names them."""
    with serving(loop) as served:
        [sock] = served.server.sockets
        assert isinstance(served.server.sockets, tuple)
        assert isinstance(sock, TransportSocket)
        assert sock.gettimeout() == 0
        assert str(served.address[1]) in repr(served.server)
        served.server.close()
        assert served.server.sockets == ()
        assert served.server.is_serving() is False
        assert repr(served.server).startswith("<Server sockets=()")


def test_not_serving_at_first(loop: asyncio.AbstractEventLoop) -> None:
    """`start_serving=False`: bound but refusing, until `start_serving()`, which may be called twice."""
    with serving(loop, start_serving=False) as served:
        assert served.server.is_serving() is False
        assert refuses(served.address)
        for _ in range(2):
            run(loop, served.server.start_serving())
            assert served.server.is_serving() is True
        served.connect().send(b"data")
        turn_until(loop, lambda: served.protocols[0].data)


def test_closed_before_it_served(loop: asyncio.AbstractEventLoop) -> None:
    """`start_serving=False` and then `close()`: the socket is gone, and serving is refused."""
    with serving(loop, start_serving=False) as served:
        address = served.address
        served.server.close()
        assert refuses(address)
        with pytest.raises(RuntimeError, match="is closed"):
            run(loop, served.server.serve_forever())
        run(loop, served.server.wait_closed())


def test_several_hosts(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "several equal hosts become one socket": different ones get one each, and all serve."""
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.1"]
    with serving(loop, host=hosts) as served:
        names = [sock.getsockname() for sock in served.server.sockets]
        assert sorted(host for host, _ in names) == ["127.0.0.1", "127.0.0.2"]
        for name in names:
            with socket.create_connection(name):
                count = len(served.protocols) + 1
                turn_until(loop, lambda count=count: len(served.protocols) == count)  # type: ignore[misc]
                turn_until(loop, lambda: served.protocols[-1].transport)


@pytest.mark.parametrize("form", [tuple, iter, set, frozenset, lambda hosts: dict.fromkeys(hosts)])
def test_hosts_of_all_kinds(loop: asyncio.AbstractEventLoop, form: Any) -> None:
    """Hosts as a tuple, an iterator, a set or whatever else can be gone through."""
    with serving(loop, host=form(["127.0.0.1"])) as served:
        assert served.address[0] == "127.0.0.1"


def test_a_host_by_name(loop: asyncio.AbstractEventLoop) -> None:
    """A host by name, in the family asked for."""
    with serving(loop, host="localhost", family=socket.AF_INET) as served:
        assert served.address[0] == "127.0.0.1"


def test_a_bind_error_names_the_address(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "A bind error names the address, as asyncio's does": with the errno kept, and nothing left open."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = taken.getsockname()
        with pytest.raises(OSError, match="error while attempting to bind on address") as refusal:
            run(loop, loop.create_server(Recorder, ["127.0.0.2", address[0]], address[1]))
    assert refusal.value.errno == errno.EADDRINUSE
    assert str(address) in str(refusal.value)
    assert "address already in use" in str(refusal.value)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_given_socket(loop: asyncio.AbstractEventLoop, blocking: bool) -> None:
    """`sock=`: a bound one, blocking or not, is listened on and closed with the server."""
    bound = socket.socket()
    bound.setblocking(blocking)
    bound.bind(("127.0.0.1", 0))
    with serving(loop, host=None, port=None, sock=bound, clients=1) as served:
        assert bound.getblocking() is False
        assert served.address == bound.getsockname()
    assert bound.fileno() == -1


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({}, ValueError, "Neither host/port nor sock were specified"),
    ({"host": "127.0.0.1", "port": 0, "ssl": True}, TypeError, "ssl argument must be an SSLContext or None"),
    ({"host": "127.0.0.1", "port": 0, "ssl_handshake_timeout": 1}, ValueError, "only meaningful with ssl"),
    ({"host": "127.0.0.1", "port": 0, "ssl_shutdown_timeout": 1}, ValueError, "only meaningful with ssl"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_wrong_arguments(
    loop: asyncio.AbstractEventLoop, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Arguments that don't go together are refused, and nothing stays open."""
    with pytest.raises(error, match=message):
        run(loop, loop.create_server(Recorder, **arguments))


def test_wrong_sockets(loop: asyncio.AbstractEventLoop) -> None:
    """A socket beside a host, or of datagrams, is a ValueError."""
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        with pytest.raises(ValueError, match="can not be specified at the same time"):
            run(loop, bad(loop).create_server(Recorder, "127.0.0.1", 0, sock=stream))
        with pytest.raises(ValueError, match="A Stream Socket was expected"):
            run(loop, loop.create_server(Recorder, sock=datagram))


@pytest.mark.parametrize("port", [65536, -1])
def test_a_port_that_is_none(loop: asyncio.AbstractEventLoop, port: int) -> None:
    """Names: "a port past 65535 is refused, not truncated": and below zero."""
    with pytest.raises((OverflowError, OSError)):
        run(loop, loop.create_server(Recorder, "127.0.0.1", port))


@pytest.mark.parametrize(
    ("options", "address", "port"),
    [({}, True, False), ({"reuse_address": False}, False, False), ({"reuse_port": True}, True, True)],
)
def test_options_of_the_socket(
    loop: asyncio.AbstractEventLoop, options: dict[str, Any], address: bool, port: bool
) -> None:
    """`reuse_address`, which is the default, and `reuse_port` are seen on the socket."""
    with serving(loop, **options) as served:
        [sock] = served.server.sockets
        assert bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)) is address
        assert bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)) is port


@pytest.mark.skipif(sys.version_info < (3, 13), reason="new in Python 3.13")
def test_keep_alive(loop: asyncio.AbstractEventLoop) -> None:
    """`keep_alive=True` is seen on the socket."""
    with serving(loop, keep_alive=True) as served:
        assert served.server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0


def test_two_servers_share_a_port(loop: asyncio.AbstractEventLoop) -> None:
    """`reuse_port=True` twice: both serve at one port; closing one leaves the other."""
    with serving(loop, reuse_port=True) as first:
        host, port = first.address
        with serving(loop, host=host, port=port, reuse_port=True) as second:
            assert second.address == first.address
        first.connect()


def test_an_accepted_connection_has_no_delay(loop: asyncio.AbstractEventLoop) -> None:
    """TCP's waiting for more to send is switched off at the server's end too, and the socket does not block."""
    with serving(loop, clients=1) as served:
        sock = served.protocols[0].transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        assert sock.gettimeout() == 0
        assert sock.family == socket.AF_INET
        assert sock.type == socket.SOCK_STREAM


def test_a_transport_of_a_server(loop: asyncio.AbstractEventLoop) -> None:
    """An accepted connection's transport is as good as a client's: it pauses, ends and is closed by either side."""
    with serving(loop, clients=2, inside={"connection_made": lambda transport: transport.pause_reading()}) as served:
        served.peers[0].send(b"data")
        turn(loop, 5)
        first, second = served.protocols
        assert first.calls == second.calls == ["connection_made"]
        first.transport.resume_reading()
        second.transport.resume_reading()
        turn_until(loop, lambda: first.data)
        served.peers[0].close()
        turn_until(loop, lambda: first.lost)
        second.transport.write(b"the end")
        second.transport.close()
        turn_until(loop, lambda: second.lost)
        assert receive(loop, served.peers[1], 7) == b"the end"
        assert first.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]
        assert second.calls == ["connection_made", "connection_lost"]
