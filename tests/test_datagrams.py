"""Datagram endpoints: how they are made, their data, and their addresses.

Full queues, errors and closing are tested in test_datagrams_flow.py.
"""

import asyncio
import contextvars
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from net_protocols import DatagramRecorder
from net_support import (
    A_FEW,
    bad,
    datagram_peer,
    endpoint,
    receive_datagram,
    run,
    skip_asyncio,
)
from support import turn, turn_until

LOCAL = ("127.0.0.1", 0)


def test_there_and_back(loop: asyncio.AbstractEventLoop) -> None:
    """An unconnected endpoint: each datagram with its sender's address, answers to whoever it was."""
    with endpoint(loop, local_addr=LOCAL) as (transport, protocol), datagram_peer() as one, datagram_peer() as two:
        address = transport.get_extra_info("sockname")
        one.sendto(b"from one", address)
        two.sendto(b"from two", address)
        turn_until(loop, lambda: len(protocol.got) == 2)
        assert protocol.got == [(b"from one", one.getsockname()), (b"from two", two.getsockname())]
        for data, sender in protocol.got:
            transport.sendto(data.upper(), sender)
        assert receive_datagram(loop, one) == (b"FROM ONE", address)
        assert receive_datagram(loop, two) == (b"FROM TWO", address)
        assert transport.get_extra_info("peername") is None


def test_a_connected_endpoint(loop: asyncio.AbstractEventLoop) -> None:
    """`remote_addr`: without an address, or with just that one; what others send is not heard; any other is refused."""
    with datagram_peer() as peer, datagram_peer() as stranger:
        name = peer.getsockname()
        with endpoint(loop, remote_addr=name) as (transport, protocol):
            assert transport.get_extra_info("peername") == name
            transport.sendto(b"without")
            transport.sendto(b"with", None)
            transport.sendto(b"to the peer", name)
            sender = transport.get_extra_info("sockname")
            assert [receive_datagram(loop, peer) for _ in range(3)] == [
                (data, sender) for data in (b"without", b"with", b"to the peer")
            ]
            with pytest.raises(ValueError, match="Invalid address: must be None or"):
                transport.sendto(b"elsewhere", stranger.getsockname())
            stranger.sendto(b"not heard", sender)
            peer.sendto(b"heard", sender)
            turn_until(loop, lambda: protocol.got)
            turn(loop, A_FEW)
            assert protocol.got == [(b"heard", name)]


def test_both_addresses(loop: asyncio.AbstractEventLoop) -> None:
    """`local_addr` and `remote_addr` together: bound and connected; by name as well."""
    with datagram_peer() as peer:
        remote = ("localhost", peer.getsockname()[1])
        options = {"local_addr": ("127.0.0.2", 0), "remote_addr": remote, "family": socket.AF_INET}
        with endpoint(loop, **options) as (transport, _):
            assert transport.get_extra_info("sockname")[0] == "127.0.0.2"
            transport.sendto(b"data")
            assert receive_datagram(loop, peer) == (b"data", transport.get_extra_info("sockname"))


def test_only_a_family(loop: asyncio.AbstractEventLoop) -> None:
    """Neither address but a family: an unbound endpoint that can send, and is bound by that."""
    with datagram_peer() as peer, endpoint(loop, family=socket.AF_INET) as (transport, protocol):
        transport.sendto(b"data", peer.getsockname())
        data, sender = receive_datagram(loop, peer)
        assert data == b"data"
        peer.sendto(b"back", sender)
        turn_until(loop, lambda: protocol.got)


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_what_can_be_sent(loop: asyncio.AbstractEventLoop, form: Any) -> None:
    """`sendto()` takes bytes, bytearray and memoryview; a buffer changed afterwards does not change what is sent."""
    with datagram_peer() as peer, endpoint(loop, remote_addr=peer.getsockname()) as (transport, _):
        buffer = form(b"data")
        assert transport.sendto(buffer) is None
        if form is bytearray:
            buffer[:] = b"changed"
        assert receive_datagram(loop, peer)[0] == b"data"


@pytest.mark.parametrize("wrong", ["text", None, 5, [b"a"]], ids=repr)
def test_what_cannot_be_sent(loop: asyncio.AbstractEventLoop, wrong: object) -> None:
    """Everything else is a TypeError that names the type, and the endpoint lives."""
    with datagram_peer() as peer, endpoint(loop, remote_addr=peer.getsockname()) as (transport, _):
        with pytest.raises(TypeError, match=f"data argument must be .*, not '{type(wrong).__name__}'"):
            transport.sendto(bad(wrong))
        transport.sendto(b"still here")
        assert receive_datagram(loop, peer)[0] == b"still here"


def test_empty_datagrams_are_received(loop: asyncio.AbstractEventLoop) -> None:
    """Line "empty datagrams": they are datagrams, and no end of file."""
    with endpoint(loop, local_addr=LOCAL) as (transport, protocol), datagram_peer() as peer:
        for data in (b"", b"one", b"", b""):
            peer.sendto(data, transport.get_extra_info("sockname"))
        turn_until(loop, lambda: len(protocol.got) == 4)
        assert [data for data, _ in protocol.got] == [b"", b"one", b"", b""]


def test_empty_datagrams_are_sent(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "empty datagrams": sent like others; asyncio's own drops them before 3.13."""
    skip_asyncio(loop_name, below=(3, 13))
    with datagram_peer() as peer, endpoint(loop, remote_addr=peer.getsockname()) as (transport, _):
        for data in (b"", bytearray(), memoryview(b"")):
            transport.sendto(data)
            assert receive_datagram(loop, peer)[0] == b""


@pytest.mark.parametrize("count", [20, 2000])
def test_bursts(loop: asyncio.AbstractEventLoop, count: int) -> None:
    """Issue "`recvmmsg`/`sendmmsg` where several are due": none lost that the kernel took, each whole, in order."""
    with (
        datagram_peer(receive_buffer=1 << 22) as peer,
        endpoint(loop, remote_addr=peer.getsockname()) as (
            transport,
            protocol,
        ),
    ):
        address = transport.get_extra_info("sockname")
        # In batches, so that the kernel's queue of the receiver holds them all.
        for batch in range(0, count, 20):
            numbers = range(batch, batch + 20)
            for number in numbers:
                transport.sendto(b"%d" % number)
            assert [receive_datagram(loop, peer)[0] for _ in numbers] == [b"%d" % number for number in numbers]
            for number in numbers:
                peer.sendto(b"%d" % number, address)
            turn_until(loop, lambda numbers=numbers: len(protocol.got) > numbers[-1])  # type: ignore[misc]
        assert [data for data, _ in protocol.got] == [b"%d" % number for number in range(count)]


def test_the_largest_datagram(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "truncation": the largest that UDP has is received whole, also when it stands between small ones."""
    largest = os.urandom(65507)
    with endpoint(loop, local_addr=LOCAL) as (transport, protocol), datagram_peer() as peer:
        address = transport.get_extra_info("sockname")
        for data in (b"small", largest, b"small", largest):
            peer.sendto(data, address)
        turn_until(loop, lambda: len(protocol.got) == 4)
        assert [data for data, _ in protocol.got] == [b"small", largest, b"small", largest]
        assert all(type(data) is bytes for data, _ in protocol.got)
        transport.sendto(largest, peer.getsockname())
        assert receive_datagram(loop, peer)[0] == largest


def test_ipv6_addresses(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "flow info and scope of IPv6": addresses have four parts, and answers go where they came from."""
    try:
        peer = datagram_peer(family=socket.AF_INET6)
    except OSError:
        pytest.skip("the machine has no IPv6")
    with peer, endpoint(loop, local_addr=("::1", 0)) as (transport, protocol):
        peer.sendto(b"data", transport.get_extra_info("sockname"))
        turn_until(loop, lambda: protocol.got)
        [(_, sender)] = protocol.got
        assert sender == peer.getsockname()
        assert len(sender) == 4
        transport.sendto(b"back", sender)
        assert receive_datagram(loop, peer)[0] == b"back"
        transport.sendto(b"short", sender[:2])
        assert receive_datagram(loop, peer)[0] == b"short"


OPTIONS = [({"allow_broadcast": True}, "BROADCAST"), ({"reuse_port": True}, "REUSEPORT")]


@pytest.mark.parametrize(("options", "option"), OPTIONS)
def test_options_of_the_socket(loop: asyncio.AbstractEventLoop, options: dict[str, bool], option: str) -> None:
    """`allow_broadcast` and `reuse_port` are seen on the socket, and not there without."""
    for given in (options, {}):
        with endpoint(loop, local_addr=LOCAL, **given) as (transport, _):
            value = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, getattr(socket, f"SO_{option}"))
            assert bool(value) == bool(given)


def test_broadcast_to_one_address(loop: asyncio.AbstractEventLoop) -> None:
    """`allow_broadcast` with `remote_addr`: not connected, but sending there without an address being named."""
    with datagram_peer() as peer:
        options = {"remote_addr": peer.getsockname(), "allow_broadcast": True}
        with endpoint(loop, **options) as (transport, protocol):
            transport.sendto(b"data")
            data, sender = receive_datagram(loop, peer)
            assert data == b"data"
            with datagram_peer() as stranger:
                stranger.sendto(b"heard", sender)
                turn_until(loop, lambda: protocol.got)
                with pytest.raises(ValueError, match="Invalid address"):
                    transport.sendto(b"x", stranger.getsockname())


def test_a_given_socket(loop: asyncio.AbstractEventLoop) -> None:
    """`sock=`: bound or connected, blocking or not, taken over as it is."""
    with datagram_peer() as peer:
        ours = socket.socket(type=socket.SOCK_DGRAM)
        ours.connect(peer.getsockname())
        with endpoint(loop, sock=ours) as (transport, protocol):
            assert ours.getblocking() is False
            transport.sendto(b"data")
            assert receive_datagram(loop, peer)[0] == b"data"
            peer.sendto(b"back", ours.getsockname())
            turn_until(loop, lambda: protocol.got)
        assert ours.fileno() == -1


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({}, ValueError, "unexpected address family"),
    ({"local_addr": "127.0.0.1"}, TypeError, "2-tuple is expected"),
    ({"local_addr": ("127.0.0.1", 0, 0)}, TypeError, "2-tuple is expected"),
    ({"local_addr": LOCAL, "remote_addr": ("::1", 9)}, ValueError, "can not get address information"),
    ({"local_addr": LOCAL, "family": socket.AF_INET6}, socket.gaierror, "."),
    ({"local_addr": ("127.0.0.1", 65536)}, OverflowError, "0-65535"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_wrong_arguments(
    loop: asyncio.AbstractEventLoop, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Arguments that don't go together are refused, and nothing stays open."""
    with pytest.raises(error, match=message):
        run(loop, loop.create_datagram_endpoint(DatagramRecorder, **arguments))


def test_wrong_sockets(loop: asyncio.AbstractEventLoop) -> None:
    """A stream's socket, or one beside other arguments, is a ValueError; an address in use is an OSError."""
    with socket.socket() as stream, pytest.raises(ValueError, match="ocket was expected"):
        run(loop, loop.create_datagram_endpoint(DatagramRecorder, sock=stream))
    with datagram_peer() as taken:
        with pytest.raises(ValueError, match="can not be used when sock is specified"):
            run(loop, loop.create_datagram_endpoint(DatagramRecorder, sock=taken, reuse_port=True))
        with pytest.raises(OSError, match="Address already in use"):
            run(loop, loop.create_datagram_endpoint(DatagramRecorder, local_addr=taken.getsockname()))


def test_unix_datagrams(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Line "AF_UNIX datagrams": by path, connected or not; a stale socket file is replaced; unnamed senders."""
    path, other = str(tmp_path / "ours"), str(tmp_path / "other")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
        stale.bind(path)
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer,
        endpoint(loop, local_addr=path, family=socket.AF_UNIX) as (transport, protocol),
        endpoint(loop, remote_addr=path, family=socket.AF_UNIX) as (client, _),
    ):
        assert transport.get_extra_info("sockname") == path
        peer.bind(other)
        peer.setblocking(False)
        peer.sendto(b"named", path)
        client.sendto(b"unnamed")
        turn_until(loop, lambda: len(protocol.got) == 2)
        assert protocol.got == [(b"named", other), (b"unnamed", None)]
        transport.sendto(b"back", other)
        assert receive_datagram(loop, peer) == (b"back", path)


def test_information(loop: asyncio.AbstractEventLoop) -> None:
    """`get_extra_info`, `get_protocol`, `set_protocol`, `is_closing` and the representation, as of other transports."""
    with endpoint(loop, local_addr=LOCAL) as (transport, protocol), datagram_peer() as peer:
        sock = transport.get_extra_info("socket")
        assert sock.type == socket.SOCK_DGRAM
        assert f"fd={sock.fileno()}" in repr(transport)
        assert transport.get_protocol() is protocol
        assert transport.get_extra_info("nothing", 5) == 5
        if sys.version_info >= (3, 12):
            assert isinstance(transport, asyncio.DatagramTransport)
        other = DatagramRecorder()
        transport.set_protocol(other)
        peer.sendto(b"data", sock.getsockname())
        turn_until(loop, lambda: other.got)
        transport.set_protocol(protocol)
        assert transport.is_closing() is False


def test_the_creators_context(loop: asyncio.AbstractEventLoop) -> None:
    """Line "the context of the protocol's callbacks": datagrams are received in the context of the creator."""
    variable = contextvars.ContextVar("variable", default="nothing")
    seen: list[str] = []
    protocol = DatagramRecorder(
        connection_made=lambda _: seen.append(variable.get()),
        datagram_received=lambda *_: seen.append(variable.get()),
    )

    async def main() -> None:
        variable.set("the creator's")
        await loop.create_datagram_endpoint(lambda: protocol, local_addr=LOCAL)

    run(loop, main())
    with datagram_peer() as peer:
        peer.sendto(b"data", protocol.transport.get_extra_info("sockname"))
        turn_until(loop, lambda: protocol.got)
    protocol.transport.close()
    turn_until(loop, lambda: protocol.lost)
    turn(loop)
    assert seen == ["the creator's"] * 2
