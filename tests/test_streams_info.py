"""Information about a stream transport, its protocol, and transports that are not closed.

Data is tested in test_streams_reading.py and test_streams_writing.py.
"""

import asyncio
import gc
import re
import socket
import weakref
from asyncio.trsock import TransportSocket
from pathlib import Path
from typing import Any

import pytest
from net_protocols import BufferedRecorder, Recorder
from net_support import (
    A_FEW,
    PAIRS,
    SMALL_BUFFER,
    connect,
    fill,
    is_open,
    receive_all,
    skip_asyncio,
    tcp_pair,
    unix_pair,
    wired,
)
from support import turn, turn_until

KINDS = sorted(PAIRS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_socket(loop: asyncio.AbstractEventLoop, kind: str) -> None:
    """Line "`get_extra_info("socket")` is a `TransportSocket`": of this descriptor, and usable for its options."""
    ours, peer = PAIRS[kind]()
    with wired(loop, pair=(ours, peer)) as (transport, _):
        sock = transport.get_extra_info("socket")
        assert isinstance(sock, TransportSocket)
        assert sock.fileno() == ours.fileno()
        assert sock.family == ours.family
        assert sock.type == socket.SOCK_STREAM
        assert sock.getsockname() == ours.getsockname()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.gettimeout() == 0
        assert transport.get_extra_info("socket") is sock


def test_names(loop: asyncio.AbstractEventLoop) -> None:
    """`get_extra_info`: both addresses, None or the default for a name that there is not."""
    ours, peer = tcp_pair()
    with wired(loop, pair=(ours, peer)) as (transport, _):
        assert transport.get_extra_info("sockname") == ours.getsockname()
        assert transport.get_extra_info("peername") == peer.getsockname()
        assert transport.get_extra_info("peername", "default") == peer.getsockname()
        assert transport.get_extra_info("ssl_object") is None
        assert transport.get_extra_info("no such thing") is None
        assert transport.get_extra_info("no such thing", 42) == 42
        assert transport.get_extra_info("no such thing", default=42) == 42


def test_names_of_an_unnamed_pair(loop: asyncio.AbstractEventLoop) -> None:
    """`get_extra_info`: the addresses of a Unix pair are the kernel's empty ones, which is not None."""
    with wired(loop) as (transport, _):
        assert transport.get_extra_info("sockname") == ""
        assert transport.get_extra_info("peername") == ""


def test_the_peers_name_when_it_has_gone(loop: asyncio.AbstractEventLoop) -> None:
    """`get_extra_info("peername")`: known before the peer leaves, in `connection_lost` and afterwards."""
    seen: list[Any] = []
    protocol = Recorder(connection_lost=lambda _: seen.append(protocol.transport.get_extra_info("peername")))
    ours, peer = tcp_pair()
    name = peer.getsockname()
    with wired(loop, protocol, pair=(ours, peer)) as (transport, _):
        peer.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop)
        assert seen == [name]
        assert transport.get_extra_info("peername") == name
        assert transport.get_extra_info("sockname") is not None
        assert transport.get_extra_info("socket").fileno() == -1


def test_the_state_of_a_transport(loop: asyncio.AbstractEventLoop) -> None:
    """`is_closing()` from `close()` on, for good."""
    protocol = Recorder()
    with wired(loop, protocol) as (transport, _):
        assert transport.is_closing() is False
        transport.close()
        assert transport.is_closing() is True
        turn_until(loop, lambda: protocol.lost)
        assert transport.is_closing() is True


def test_the_representation(loop: asyncio.AbstractEventLoop) -> None:
    """`repr()` names the descriptor, what is polled, what is buffered, and that it is closing or closed."""
    protocol = Recorder()
    ours, peer = unix_pair(send_buffer=SMALL_BUFFER)
    number = ours.fileno()
    with wired(loop, protocol, pair=(ours, peer)) as (transport, _):
        turn(loop)
        assert re.fullmatch(rf"<\w+ fd={number} read=polling write=<idle, bufsize=0>>", repr(transport))
        transport.pause_reading()
        fill(loop, transport)
        size = transport.get_write_buffer_size()
        assert f"fd={number} read=idle write=<polling, bufsize={size}>" in repr(transport)
        transport.close()
        assert re.match(rf"<\w+ closing fd={number} ", repr(transport))
        receive_all(loop, peer)
        turn_until(loop, lambda: protocol.lost)
        turn(loop)
        assert re.fullmatch(rf"<\w+ closed fd={number}>", repr(transport))


def test_the_representation_after_the_loop_closed(loop: asyncio.AbstractEventLoop) -> None:
    """`repr()` of a transport whose loop is closed works, as in the warning about it."""
    ours, peer = unix_pair()
    with peer:
        transport = connect(loop, Recorder(), ours)
        transport.abort()
        turn(loop)
        loop.close()
        assert "closed" in repr(transport)


def test_nodelay(loop: asyncio.AbstractEventLoop) -> None:
    """TCP's waiting for more to send is switched off, as asyncio does since 3.6."""
    with wired(loop, pair=tcp_pair()) as (transport, _):
        sock = transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.parametrize("first", [Recorder, BufferedRecorder])
@pytest.mark.parametrize("second", [Recorder, BufferedRecorder])
def test_the_protocol_changes(loop: asyncio.AbstractEventLoop, first: type[Any], second: type[Any]) -> None:
    """Trap "`set_protocol` switches between plain and buffered": between two pieces of data, without another made."""
    old, new = first(), second()
    with wired(loop, old) as (transport, peer):
        assert transport.get_protocol() is old
        peer.send(b"for the old")
        turn_until(loop, lambda: old.data)
        assert transport.set_protocol(new) is None
        assert transport.get_protocol() is new
        peer.send(b"for the new")
        peer.close()
        turn_until(loop, lambda: new.lost)
    assert (old.data, new.data) == (b"for the old", b"for the new")
    assert old.lost == []
    assert "connection_made" not in new.calls
    assert new.calls[-2:] == ["eof_received", "connection_lost"]


@pytest.mark.parametrize("first", [Recorder, BufferedRecorder])
@pytest.mark.parametrize("second", [Recorder, BufferedRecorder])
def test_the_protocol_changes_inside_its_reading(
    loop: asyncio.AbstractEventLoop, first: type[Any], second: type[Any]
) -> None:
    """Trap "`set_protocol` inside `data_received`": what lies behind in the kernel is the new one's, all of it."""
    new = second()
    method = "data_received" if first is Recorder else "buffer_updated"
    old = first(**{method: lambda _: old.transport.set_protocol(new)})
    with wired(loop, old) as (transport, peer):
        peer.send(b"the handshake")
        turn_until(loop, lambda: transport.get_protocol() is new)
        for _ in range(3):
            peer.send(b"data")
            turn(loop)
        turn_until(loop, lambda: len(new.data) == 12)
    assert old.data == b"the handshake"
    assert old.calls.count(method) == 1


@pytest.mark.parametrize("second", [Recorder, BufferedRecorder])
def test_the_protocol_changes_inside_connection_made(loop: asyncio.AbstractEventLoop, second: type[Any]) -> None:
    """Trap "`set_protocol` switches": a protocol that hands over at once sees nothing but `connection_made`."""
    new = second()
    old = Recorder(connection_made=lambda transport: transport.set_protocol(new))
    with wired(loop, old) as (_, peer):
        peer.send(b"data")
        turn_until(loop, lambda: new.data)
    assert old.calls == ["connection_made"]
    assert new.calls[-1] == "connection_lost"


def test_the_old_buffer_is_let_go_of(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "and lets go of the old buffer view": after the change nobody holds the protocol's buffer or itself."""
    ours, peer = unix_pair()
    new = Recorder()
    with peer:
        transport = connect(loop, BufferedRecorder(), ours)
        peer.send(b"data")
        turn_until(loop, lambda: transport.get_protocol().data)
        gone = weakref.ref(transport.get_protocol())
        buffer = transport.get_protocol().buffer
        transport.set_protocol(new)
        # Emptying a bytearray is refused while a view of it exists.
        buffer.clear()
        turn(loop, A_FEW)
        gc.collect()
        assert gone() is None
        transport.close()
        turn_until(loop, lambda: new.lost)


def test_a_paused_transport_stays_paused_for_a_new_protocol(loop: asyncio.AbstractEventLoop) -> None:
    """`set_protocol` changes nothing of what is paused."""
    with wired(loop) as (transport, peer):
        transport.pause_reading()
        new = Recorder()
        transport.set_protocol(new)
        peer.send(b"data")
        turn(loop, A_FEW)
        assert new.calls == []
        transport.resume_reading()
        turn_until(loop, lambda: new.data == b"data")


def test_no_cycle_is_left(loop: asyncio.AbstractEventLoop) -> None:
    """After `connection_lost` the transport holds neither its protocol nor its socket: counting frees them."""
    ours, peer = unix_pair()
    lost: list[BaseException | None] = []
    with peer:
        transport = connect(loop, Recorder(connection_lost=lost.append), ours)
        gone = weakref.ref(transport.get_protocol())
        transport.write(b"data")
        peer.send(b"data")
        gc.disable()
        try:
            turn(loop, A_FEW)
            transport.close()
            turn_until(loop, lambda: lost)
            turn(loop)
            assert gone() is None
        finally:
            gc.enable()
    assert transport.is_closing()


@pytest.mark.parametrize("paused", [True, False])
def test_a_forgotten_transport_warns(loop: asyncio.AbstractEventLoop, paused: bool) -> None:
    """A transport that is garbage while open, as one that doesn't read or of a closed loop, warns and closes."""
    ours, peer = unix_pair()
    number = ours.fileno()
    with peer:
        transport = connect(loop, asyncio.Protocol(), ours)
        if paused:
            transport.pause_reading()
        else:
            loop.close()
        with pytest.warns(ResourceWarning, match=rf"unclosed transport <\w+ .*fd={number}"):
            del transport
            gc.collect()
        assert ours.fileno() == -1
        assert not is_open(number)
        assert peer.recv(1) == b""


def test_a_transport_that_reads_is_not_forgotten(loop: asyncio.AbstractEventLoop) -> None:
    """A transport that nobody holds but the loop goes on serving its protocol."""
    protocol = Recorder()
    ours, peer = unix_pair()
    with peer:
        transport = connect(loop, protocol, ours)
        protocol.transport = None
        del transport, ours
        gc.collect()
        peer.send(b"data")
        turn_until(loop, lambda: protocol.data)
        peer.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop)
    assert protocol.lost == [None]


def test_a_forgotten_transport_sends_what_was_written(loop: asyncio.AbstractEventLoop) -> None:
    """A closing transport that nobody holds sends its buffer to the end."""
    ours, peer = unix_pair(send_buffer=SMALL_BUFFER)
    with peer:
        transport = connect(loop, asyncio.Protocol(), ours)
        written = fill(loop, transport)
        transport.close()
        del transport, ours
        gc.collect()
        assert len(receive_all(loop, peer)) == written
        turn(loop, A_FEW)


@pytest.mark.vitok_only
def test_weak_references_and_attributes(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "Transports ... are instances of asyncio's classes": they take weak references as asyncio's do."""
    skip_asyncio(loop_name)
    with wired(loop) as (transport, _):
        assert weakref.ref(transport)() is transport
        assert len({transport, transport}) == 1


def test_nothing_is_left_in_the_file_system(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """A Unix connection leaves the address of its server alone."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        protocol = Recorder()
        transport, _ = loop.run_until_complete(loop.create_unix_connection(lambda: protocol, str(path)))
        assert transport.get_extra_info("peername") == str(path)
        transport.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop)
    assert path.is_socket()
