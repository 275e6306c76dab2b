"""Accepting under difficulties: many at once, clients that have left, factories that fail, no descriptors left.

Options of servers are tested in test_servers.py.
"""

import asyncio
import errno
import gc
import socket
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    A_FEW,
    IDLE_SHARE_AT_MOST,
    receive_all,
    reports_of,
    reset,
    run,
    serving,
    turns_share,
)
from support import ErrorLog, run_script, turn, turn_until

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
    """Hot path "bounded per turn": clients who come as fast as they are accepted don't keep callbacks waiting."""
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


# asyncio's own leaves the socket for which there is no protocol to the collector, which complains.
leaves_a_socket = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class FailingOnce:
    """A factory that raises for the first client, and the server that has it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, error: type[BaseException]) -> None:
        self.error = error
        self.made: list[Recorder] = []
        self.calls = 0
        self.server: Any = run(loop, loop.create_server(self.make, "127.0.0.1", 0))
        self.address = self.server.sockets[0].getsockname()

    def make(self) -> Recorder:
        """Fail or make a protocol."""
        self.calls += 1
        if self.calls == 1:
            raise self.error("no protocol for the first")
        self.made.append(Recorder())
        return self.made[-1]

    def serve_one(self, loop: asyncio.AbstractEventLoop) -> None:
        """A client that comes after the failure is served."""
        with socket.create_connection(self.address):
            turn_until(loop, lambda: self.made and self.made[-1].transport)
        turn_until(loop, lambda: self.made[-1].lost)


@leaves_a_socket
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("error", [LookupError, asyncio.CancelledError])
def test_a_factory_that_fails(
    loop: asyncio.AbstractEventLoop, loop_name: str, debug: bool, error: type[BaseException]
) -> None:
    """A factory's exception drops that client, by ours at once, and is reported in debug mode; the next is served."""
    reports = reports_of(loop)
    loop.set_debug(debug)
    failing = FailingOnce(loop, error)
    with socket.create_connection(failing.address) as first:
        first.setblocking(False)
        turn_until(loop, lambda: failing.calls == 1)
        turn(loop, A_FEW)
        if loop_name == "vitok":
            assert receive_all(loop, first) == b""
        failing.serve_one(loop)
    failing.server.close()
    turn(loop)
    messages = [report["message"] for report in reports]
    assert messages == (["Error on transport creation for incoming connection"] if debug else [])
    assert all(type(report["exception"]) is error for report in reports)
    # The traceback holds asyncio's socket, and the loop, whose handler this is, outlives the test.
    reports.clear()


@leaves_a_socket
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_factory_that_interrupts(
    loop: asyncio.AbstractEventLoop, error_log: ErrorLog, error: type[BaseException]
) -> None:
    """KeyboardInterrupt and SystemExit leave the run from a factory, and the server goes on in the next."""
    failing = FailingOnce(loop, error)
    with socket.create_connection(failing.address), pytest.raises(error):
        loop.run_forever()
    failing.serve_one(loop)
    failing.server.close()
    turn(loop)
    # asyncio's own has the exception in a task, too, which nobody looks at.
    gc.collect()
    error_log.take()


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
    # So many that there is one for each client when they are free again.
    limit = taken[0] + 1 + len(clients)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
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


# The 0.3 seconds above and the one to wait; ten more leave room for a busy machine.
ALL_ARE_SERVED = """while len(served) < len(clients):
        await asyncio.sleep(0.01)
    assert time.monotonic() - start < 0.3 + 1 + 10"""
NOBODY_IS_SERVED = """await asyncio.sleep(1.1)
    assert not reports, reports"""


def test_no_descriptors_left(loop_name: str) -> None:
    """Trap "on EMFILE ... wait a second and go on, without a busy loop": reported, and all are served in the end."""
    script = NO_DESCRIPTORS.replace("{before}", "pass").replace("{after}", ALL_ARE_SERVED)
    assert run_script(loop_name, script) == "end [b'0', b'1', b'2']\n"


@pytest.mark.vitok_only
def test_closed_while_no_descriptors_are_left() -> None:
    """Trap "wait a second and go on": a server closed meanwhile stays closed, where asyncio's own reports an error."""
    script = NO_DESCRIPTORS.replace("{before}", "server.close(); reports.clear()").replace("{after}", NOBODY_IS_SERVED)
    assert run_script("vitok", script) == "end []\n"


def test_no_task_is_left(loop: asyncio.AbstractEventLoop) -> None:
    """An accepted connection that is served leaves no task behind."""
    with serving(loop, clients=2):
        turn(loop, A_FEW)
        assert asyncio.all_tasks(loop) == set()
