"""Closing servers: `close`, `wait_closed`, `close_clients`, `abort_clients`, `serve_forever`, `async with`, Ctrl-C.

Making servers is tested in test_servers.py.
"""

import asyncio
import contextlib
import gc
import signal
import socket
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    A_FEW,
    MORE_THAN_THE_KERNEL_TAKES,
    fill,
    receive,
    receive_all,
    refuses,
    run,
    serving,
    skip_asyncio,
)
from support import next_line, python_child, script_for, turn, turn_until, wait_until_polling


def test_closing_leaves_the_clients(loop: asyncio.AbstractEventLoop) -> None:
    """`close()`: nobody new, and those who are there are served on; closing again does nothing."""
    with serving(loop, clients=1) as served:
        address = served.address
        served.server.close()
        served.server.close()
        assert refuses(address)
        served.peers[0].send(b"still here?")
        turn_until(loop, lambda: served.protocols[0].data)
        served.protocols[0].transport.write(b"yes")
        assert receive(loop, served.peers[0], 3) == b"yes"
        assert served.protocols[0].lost == []


def test_closing_refuses_those_who_wait(loop: asyncio.AbstractEventLoop) -> None:
    """`close()` in the turn of a connection: the waiting client is served or gets an end, and nothing is left open."""
    with serving(loop) as served, socket.create_connection(served.address) as peer:
        peer.setblocking(False)
        served.server.close()
        turn(loop, A_FEW)
        turn_until(loop, served.all_lost)
        with contextlib.suppress(ConnectionResetError):
            assert receive_all(loop, peer) == b""


@pytest.mark.parametrize("where", ["instance", "subclass"])
def test_reports_to_a_server_are_replaced(loop: asyncio.AbstractEventLoop, where: str) -> None:
    """A program that counts connections by `_attach` and `_detach`, on a server or in a subclass, is told of each."""
    server: Any = run(loop, loop.create_server(Recorder, "127.0.0.1", 0, start_serving=False))
    reports: list[str] = []

    def reporting(name: str) -> Any:
        inherited = getattr(type(server), name)

        def report(*arguments: Any) -> None:
            reports.append(name)
            # On an instance it is called without the server.
            inherited(*(arguments if arguments[:1] == (server,) else (server, *arguments)))

        return report

    replaced = {name: reporting(name) for name in ("_attach", "_detach")}
    if where == "instance":
        vars(server).update(replaced)
    else:
        server.__class__ = type("Counted", (type(server),), replaced)
    run(loop, server.start_serving())
    with socket.create_connection(server.sockets[0].getsockname()):
        turn_until(loop, lambda: reports)
        turn(loop, A_FEW)
        waiting = loop.create_task(server.wait_closed())
        server.close()
    turn_until(loop, lambda: len(reports) == 2)
    run(loop, waiting)
    assert reports == ["_attach", "_detach"]


def test_wait_closed_of_an_open_server(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`wait_closed()`": waits for `close()` even without clients, and returns at once afterwards."""
    with serving(loop) as served:
        waiting = loop.create_task(served.server.wait_closed())
        turn(loop, A_FEW)
        assert not waiting.done()
        served.server.close()
        turn_until(loop, waiting.done)
        assert waiting.result() is None
        run(loop, served.server.wait_closed())


def test_wait_closed_waits_for_clients(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "`wait_closed()` waits for clients ... on every version"; asyncio's own does from 3.12 on."""
    skip_asyncio(loop_name, below=(3, 12))
    with serving(loop, clients=2) as served:
        served.server.close()
        waiting = [loop.create_task(served.server.wait_closed()) for _ in range(3)]
        waiting[2].cancel()
        for protocol in served.protocols:
            turn(loop, A_FEW)
            assert not waiting[0].done()
            protocol.transport.close()
        turn_until(loop, lambda: all(task.done() for task in waiting))
        assert [task.cancelled() for task in waiting] == [False, False, True]
        assert all(protocol.lost for protocol in served.protocols)


def test_wait_closed_when_connection_lost_closes(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "`wait_closed()` waits for clients": the last client's `connection_lost` is over when it returns."""
    skip_asyncio(loop_name, below=(3, 12))
    with serving(loop, clients=1) as served:
        served.server.close()
        lost: list[list[Any]] = []

        async def wait() -> None:
            await served.server.wait_closed()
            lost.append(list(served.protocols[0].lost))

        waiting = loop.create_task(wait())
        served.peers[0].close()
        turn_until(loop, waiting.done)
        assert lost == [[None]]


@pytest.mark.parametrize("method", ["close_clients", "abort_clients"])
def test_sending_the_clients_away(loop: asyncio.AbstractEventLoop, loop_name: str, method: str) -> None:
    """Line "`close_clients()` and `abort_clients()` exist, on every version": the first sends what was written."""
    skip_asyncio(loop_name, below=(3, 13))
    with serving(loop, clients=3) as served:
        for protocol in served.protocols[:2]:
            protocol.transport.write(bytes(2 * MORE_THAN_THE_KERNEL_TAKES))
        served.peers[2].close()
        turn_until(loop, lambda: served.protocols[2].lost)
        getattr(served.server, method)()
        assert [len(protocol.lost) for protocol in served.protocols] == [0, 0, 1]
        if method == "close_clients":
            turn(loop, A_FEW)
            assert [len(protocol.lost) for protocol in served.protocols] == [0, 0, 1]
        sizes = [len(receive_all(loop, peer)) for peer in served.peers[:2]]
        turn_until(loop, lambda: all(protocol.lost for protocol in served.protocols))
        if method == "close_clients":
            assert sizes == [2 * MORE_THAN_THE_KERNEL_TAKES] * 2
        else:
            assert max(sizes) < 2 * MORE_THAN_THE_KERNEL_TAKES
        assert served.server.is_serving()
        served.connect()
        getattr(served.server, method)()
        turn_until(loop, lambda: served.protocols[3].lost)
        getattr(served.server, method)()


def test_the_clients_of_another_server_stay(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "`abort_clients()`": only this server's clients, and not those that a closed server has left behind."""
    skip_asyncio(loop_name, below=(3, 13))
    with serving(loop, clients=1) as served, serving(loop, clients=1) as other:
        served.server.close()
        served.server.abort_clients()
        turn_until(loop, lambda: served.protocols[0].lost)
        turn(loop, A_FEW)
        assert other.protocols[0].lost == []


def test_serve_forever_is_cancelled(loop: asyncio.AbstractEventLoop) -> None:
    """`serve_forever()`: serves until it is cancelled, and closes the server then."""
    with serving(loop, start_serving=False) as served:
        address = served.address
        forever = loop.create_task(served.server.serve_forever())
        turn(loop, 2)
        assert served.server.is_serving()
        served.connect()
        served.peers[0].close()
        turn_until(loop, lambda: served.protocols[0].lost)
        with pytest.raises(RuntimeError, match="is already being awaited on serve_forever"):
            run(loop, served.server.serve_forever())
        forever.cancel()
        turn_until(loop, forever.done)
        assert forever.cancelled()
        assert refuses(address)
        assert served.server.sockets == ()


def test_serve_forever_ends_with_close(loop: asyncio.AbstractEventLoop) -> None:
    """`serve_forever()` of a server that is closed elsewhere ends, by a CancelledError of its own."""
    with serving(loop) as served:
        forever = loop.create_task(served.server.serve_forever())
        turn(loop, 2)
        served.server.close()
        turn_until(loop, forever.done)
        assert forever.cancelled()


def test_serve_forever_with_clients_is_cancelled(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "Ctrl-C ends `serve_forever`": clients that stay connected don't keep it; asyncio's own since 3.14."""
    skip_asyncio(loop_name, since=(3, 12), below=(3, 14))
    with serving(loop, clients=1) as served:
        forever = loop.create_task(served.server.serve_forever())
        turn(loop, 2)
        forever.cancel()
        turn_until(loop, forever.done)
        assert forever.cancelled()


def test_async_with(loop: asyncio.AbstractEventLoop) -> None:
    """`async with server`: gives the server, and leaves it closed."""
    with serving(loop) as served:
        address = served.address

        async def main() -> None:
            async with served.server as same:
                assert same is served.server
                assert same.is_serving()
            assert not same.is_serving()

        run(loop, main())
        assert refuses(address)


def test_async_with_waits_for_clients(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "`wait_closed()` waits for clients": so does leaving `async with`; asyncio's own from 3.12 on."""
    skip_asyncio(loop_name, below=(3, 12))
    with serving(loop, clients=1) as served:

        async def main() -> None:
            async with served.server:
                """Leave at once."""

        leaving = loop.create_task(main())
        turn(loop, A_FEW)
        assert not leaving.done()
        served.peers[0].close()
        turn_until(loop, leaving.done)


def test_a_client_that_is_blocked_while_the_server_closes(loop: asyncio.AbstractEventLoop) -> None:
    """`close()` of the server and of a transport with a full buffer: the client gets all of it."""
    with serving(loop, clients=1) as served:
        transport = served.protocols[0].transport
        written = fill(loop, transport)
        transport.close()
        served.server.close()
        assert len(receive_all(loop, served.peers[0])) == written


CTRL_C = """
import asyncio

kept = []

def serve(reader, writer):
    kept.append(writer)

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

loop = new_loop()
with asyncio.Runner(loop_factory=lambda: loop) as runner:
    try:
        runner.run(main())
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.parametrize("clients", [0, 1])
def test_ctrl_c_ends_serve_forever(loop_name: str, clients: int) -> None:
    """Line "Ctrl-C ends `serve_forever`": also with a client connected, where asyncio's own of 3.12 and 3.13 hangs."""
    if clients:
        skip_asyncio(loop_name, since=(3, 12), below=(3, 14))
    with python_child("-c", script_for(loop_name, CTRL_C)) as child, contextlib.ExitStack() as stack:
        port = int(next_line(child))
        for _ in range(clients):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        wait_until_polling(child.pid)
        child.send_signal(signal.SIGINT)
        assert next_line(child) == "interrupted"
        assert child.wait() == 0
        assert child.stderr is not None
        assert child.stderr.read() == ""


def test_a_forgotten_server_serves_on(loop: asyncio.AbstractEventLoop) -> None:
    """A server that nobody holds but the loop goes on accepting, as programs rely on which only start one."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    made: list[Recorder] = []

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    run(loop, loop.create_server(factory, sock=bound))
    gc.collect()
    with socket.create_connection(bound.getsockname()):
        turn_until(loop, lambda: made and made[0].transport)
    turn_until(loop, lambda: made[0].lost)
    loop.close()
    bound.close()
