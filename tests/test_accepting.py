"""What accepting may run into: many at once, clients gone already, factories that fail, no descriptors left.

It knows nothing of servers' options (test_servers.py).
"""

import asyncio
import errno
import gc
import socket
import warnings
from typing import Any

import pytest
from net_support import (
    IDLE_SHARE_AT_MOST,
    Recorder,
    receive_all,
    reports_of,
    reset,
    run,
    serving,
    turns_share,
)
from support import run_script, turn, turn_until

A_FEW = 5
# More than one turn accepts, and more than one poll reports.
MANY = 300


def test_many_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """A burst of connections that wait in the backlog: every one is served, and each hears its own answer."""

    def answer(data: bytes) -> None:
        protocol = next(p for p in served.protocols if p.data == data)
        protocol.transport.write(data)
        protocol.transport.close()

    with serving(loop, backlog=MANY, inside={"data_received": answer}) as served:
        for number in range(MANY):
            peer = socket.create_connection(served.address)
            peer.send(b"%d" % number)
            peer.setblocking(False)
            served.peers.append(peer)
        turn_until(loop, lambda: sum(len(protocol.lost) for protocol in served.protocols) == MANY)
        assert [receive_all(loop, peer) for peer in served.peers] == [b"%d" % number for number in range(MANY)]


def test_accepting_starves_nobody(loop: asyncio.AbstractEventLoop) -> None:
    """Hot path "bounded per turn": clients who come as fast as they are accepted don't stop callbacks or others' data."""
    ran = 0

    def count() -> None:
        nonlocal ran
        ran += 1

    def another(_: object) -> None:
        loop.call_soon(count)
        if len(served.peers) < MANY:
            served.peers.append(socket.create_connection(served.address))

    with serving(loop, inside={"connection_made": another}) as served:
        served.peers.append(socket.create_connection(served.address))
        turn_until(loop, lambda: ran > A_FEW)
        assert len(served.protocols) < MANY
        turn_until(loop, lambda: len(served.protocols) == MANY)


def test_a_client_that_is_gone_already(loop: asyncio.AbstractEventLoop) -> None:
    """A connection that was reset before it was accepted: the server goes on, and nothing is reported."""
    reports = reports_of(loop)
    with serving(loop) as served:
        for _ in range(3):
            reset(socket.create_connection(served.address))
        served.peers.extend([socket.create_connection(served.address)] * 4)
        turn_until(loop, lambda: len(served.protocols) == 4)
        turn_until(loop, lambda: sum(len(protocol.lost) for protocol in served.protocols) == 3)
    assert reports == []


def test_closed_inside_the_factory(loop: asyncio.AbstractEventLoop) -> None:
    """Habit "code that user callbacks can re-enter": a factory that closes its own server still serves that client."""

    def close(_: object) -> None:
        served.server.close()

    with serving(loop, inside={"connection_made": close}) as served:
        address = served.address
        peers = [socket.create_connection(address) for _ in range(3)]
        turn_until(loop, lambda: served.protocols and served.protocols[0].transport)
        turn(loop, A_FEW)
        assert not served.protocols[0].lost
        for peer in peers:
            peer.close()


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("error", [LookupError, asyncio.CancelledError])
def test_a_factory_that_fails(loop: asyncio.AbstractEventLoop, debug: bool, error: type[BaseException]) -> None:
    """A factory's exception drops that client and is reported in debug mode; the next one is served."""
    reports = reports_of(loop)
    loop.set_debug(debug)
    made: list[Recorder] = []
    failed: list[bool] = []

    def factory() -> Recorder:
        if not failed:
            failed.append(True)
            raise error("no protocol for the first")
        made.append(Recorder())
        return made[-1]

    server = run(loop, loop.create_server(factory, "127.0.0.1", 0))
    address = server.sockets[0].getsockname()  # type: ignore[attr-defined]
    with socket.create_connection(address) as first, socket.create_connection(address):
        first.setblocking(False)
        turn_until(loop, lambda: made and made[0].transport)
        with warnings.catch_warnings():
            # asyncio's own leaves the socket to the collector, which complains.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        try:
            assert receive_all(loop, first) == b""
        except ConnectionResetError:
            pass
    turn_until(loop, lambda: made[0].lost)
    server.close()
    turn(loop)
    messages = [report["message"] for report in reports]
    assert messages == (["Error on transport creation for incoming connection"] if debug else [])
    assert all(isinstance(report["exception"], error) for report in reports)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_factory_that_interrupts(loop: asyncio.AbstractEventLoop, error: type[BaseException]) -> None:
    """KeyboardInterrupt and SystemExit leave the run from a factory, and the server can go on in the next."""
    made: list[Recorder] = []

    def factory() -> Recorder:
        made.append(Recorder())
        if len(made) == 1:
            raise error
        return made[-1]

    server = run(loop, loop.create_server(factory, "127.0.0.1", 0))
    address = server.sockets[0].getsockname()  # type: ignore[attr-defined]
    with socket.create_connection(address):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            with pytest.raises(error):
                loop.run_forever()
            gc.collect()
        with socket.create_connection(address):
            turn_until(loop, lambda: len(made) == 2 and made[1].transport)
        turn_until(loop, lambda: made[1].lost)
    server.close()
    turn(loop)


def test_other_errors_go_to_the_handler(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "other errors go to the handler": EINVAL of a socket that was shut down behind the server's back."""
    reports = reports_of(loop)
    with serving(loop) as served:
        with socket.socket(fileno=socket.dup(served.server.sockets[0].fileno())) as behind:
            behind.shutdown(socket.SHUT_RDWR)
        turn_until(loop, lambda: reports)
        served.server.close()
        turn(loop, A_FEW)
    assert isinstance(reports[0]["exception"], OSError)
    assert reports[0]["exception"].errno == errno.EINVAL


def test_an_idle_server_costs_nothing(loop: asyncio.AbstractEventLoop) -> None:
    """Hot path "accept until the kernel is empty": served and waiting, it does not keep the loop awake."""
    with serving(loop, clients=2):
        assert turns_share(loop) < IDLE_SHARE_AT_MOST


# A child, because the limit of descriptors is the whole process's. The clients' sockets are made before they run out,
# and what they send is read when they are back. The share of time tells a loop that waits from one that tries on.
NO_DESCRIPTORS = """
import asyncio, errno, os, resource, socket, time

reports = []
served = []

class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        served.append(data)
        self.transport.close()

async def main(loop):
    loop.set_exception_handler(lambda _, context: reports.append(context))
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    clients = [socket.socket() for _ in range(3)]
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    try:
        while True:
            taken.append(os.dup(taken[0]))
    except OSError as error:
        assert error.errno == errno.EMFILE
    for number, client in enumerate(clients):
        client.connect(server.sockets[0].getsockname())
        client.send(b"%d" % number)
    while not reports:
        await asyncio.sleep(0)
    busy, start = time.process_time(), time.monotonic()
    await asyncio.sleep(0.3)
    share = (time.process_time() - busy) / (time.monotonic() - start)
    assert share < 0.5, share
    assert not served
    for context in reports:
        assert context["message"] == "socket.accept() out of system resource", context
        assert context["exception"].errno == errno.EMFILE
        assert context["socket"].fileno() == server.sockets[0].fileno()
    {before}
    for number in taken:
        os.close(number)
    {after}
    for client in clients:
        client.close()
    server.close()
    await asyncio.sleep(0.01)

loop = new_loop()
loop.run_until_complete(main(loop))
loop.close()
print("end", sorted(served))
"""


def test_no_descriptors_left(loop_name: str) -> None:
    """Trap "on EMFILE ... wait a second and go on, without a busy loop": reported, and all are served in the end."""
    script = NO_DESCRIPTORS.replace("{before}", "pass").replace(
        "{after}", "while len(served) < len(clients):\n        await asyncio.sleep(0.01)"
    )
    assert run_script(loop_name, script) == "end [b'0', b'1', b'2']\n"


@pytest.mark.vitok_only
def test_closed_while_no_descriptors_are_left() -> None:
    """Trap "wait a second and go on": a server closed meanwhile stays closed, where asyncio's own reports an error."""
    script = NO_DESCRIPTORS.replace("{before}", "server.close(); reports.clear()").replace(
        "{after}", "await asyncio.sleep(1.1)\n    assert not reports, reports"
    )
    assert run_script("vitok", script) == "end []\n"


def test_connections_are_tasks_children_of_nobody(loop: asyncio.AbstractEventLoop) -> None:
    """An accepted connection that is served leaves no task behind."""
    with serving(loop, clients=2):
        turn(loop, A_FEW)
        assert _tasks(loop) == set()


def _tasks(loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[Any]]:
    """The loop's tasks that are not done."""
    return asyncio.all_tasks(loop)
