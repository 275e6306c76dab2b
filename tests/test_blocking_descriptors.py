"""Descriptors of the loop that another process has made blocking: `O_NONBLOCK` belongs to the open file.

A child that inherited a pipe or a listener can clear the flag. asyncio then waits without the GIL, and Ctrl-C ends the
wait; vitok does not wait at all. Closing a socket that lingers waits with and without the flag. Other properties of
pipes and listeners are not tested here.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import run
from pipe_support import ENDS, Ends, File, reading, terminal_ends, unbuffered, writing
from support import ErrorLog, loop_factory, next_line, python_child, script_for, turn, turn_until

MORE_THAN_FITS = b"0123456789abcdef" * 20_000


def fifo_ends(folder: Path) -> Ends:
    """The two ends of a FIFO, for which the kernel has no call that never waits."""
    path = folder / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return unbuffered(reader, "rb"), unbuffered(os.open(path, os.O_WRONLY), "wb")


@pytest.fixture
def ours(error_log: ErrorLog) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of ours: asyncio's waits."""
    loop = loop_factory("vitok")()
    yield loop
    loop.close()


@pytest.fixture(params=[*ENDS, "fifo"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Ends:
    """The reading and the writing end of each kind of file that a pipe transport takes."""
    return fifo_ends(tmp_path) if request.param == "fifo" else ENDS[request.param]()


def let_a_child_unset_the_flag(descriptor: int) -> None:
    """Have another process make a descriptor blocking."""
    code = "import os, sys; os.set_blocking(int(sys.argv[1]), True)"
    subprocess.run([sys.executable, "-c", code, str(descriptor)], pass_fds=[descriptor], check=True)
    assert os.get_blocking(descriptor)


def collect(loop: asyncio.AbstractEventLoop, file: File, count: int) -> bytes:
    """Read so much from the other end, turning the loop whenever there is nothing."""
    data = bytearray()
    os.set_blocking(file.fileno(), False)
    while len(data) < count:
        turn(loop)
        try:
            data += os.read(file.fileno(), 1 << 16)
        except BlockingIOError:
            continue
    return bytes(data)


@pytest.mark.vitok_only
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_write_to_a_full_pipe_waits_in_the_queue(ours: asyncio.AbstractEventLoop, ends: Ends, pieces: int) -> None:
    """The whole process froze in `write` and `writev`, with the GIL held."""
    other, file = ends
    with writing(ours, Recorder(), file, other) as transport:
        let_a_child_unset_the_flag(file.fileno())
        for _ in range(pieces):
            transport.write(MORE_THAN_FITS)
            turn(ours, 3)
        assert transport.get_write_buffer_size() > 0
        assert collect(ours, other, pieces * len(MORE_THAN_FITS)) == pieces * MORE_THAN_FITS
        turn_until(ours, lambda: transport.get_write_buffer_size() == 0)


@pytest.mark.vitok_only
def test_a_write_to_a_stopped_terminal_waits_in_the_queue(ours: asyncio.AbstractEventLoop) -> None:
    """The same where somebody types ^S: nothing is full."""
    other, file = terminal_ends()
    with writing(ours, Recorder(), file, other) as transport:
        let_a_child_unset_the_flag(file.fileno())
        termios.tcflow(file.fileno(), termios.TCOOFF)
        transport.write(b"not yet")
        turn(ours, 3)
        assert transport.get_write_buffer_size() == 7
        termios.tcflow(file.fileno(), termios.TCOON)
        assert collect(ours, other, 7) == b"not yet"


@pytest.mark.vitok_only
def test_what_somebody_else_has_read_is_not_waited_for(ours: asyncio.AbstractEventLoop, ends: Ends) -> None:
    """The process froze in `read` where another reader was quicker."""
    file, other = ends
    protocol = Recorder()
    with reading(ours, protocol, file, other):
        turn(ours)
        let_a_child_unset_the_flag(file.fileno())
        os.write(other.fileno(), b"stolen")
        # What is ready before the poll runs before what the poll brought.
        ours.call_soon(os.read, file.fileno(), 64)
        turn(ours, 2)
        os.write(other.fileno(), b"left")
        turn_until(ours, lambda: protocol.data)
        assert protocol.data == b"left"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.mark.vitok_only
def test_accepting_ends_with_the_queue(ours: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    """The process froze in `accept4` behind the last connection."""
    protocols: list[Recorder] = []

    def factory() -> Recorder:
        protocols.append(Recorder())
        return protocols[-1]

    server = run(ours, ours.create_server(factory, sock=listener))
    let_a_child_unset_the_flag(listener.fileno())
    with socket.create_connection(listener.getsockname()) as one, socket.create_connection(listener.getsockname()):
        turn_until(ours, lambda: len(protocols) == 2)
        one.sendall(b"served")
        turn_until(ours, lambda: any(protocol.data == b"served" for protocol in protocols))
    turn_until(ours, lambda: all(protocol.lost for protocol in protocols))
    server.close()
    run(ours, server.wait_closed())


@pytest.mark.vitok_only
def test_a_connection_that_somebody_else_has_accepted(ours: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    """The process froze in `accept4` where another process was quicker."""
    protocol = Recorder()
    server = run(ours, ours.create_server(lambda: protocol, sock=listener))
    let_a_child_unset_the_flag(listener.fileno())
    accepted: list[Any] = []
    with socket.create_connection(listener.getsockname()):
        ours.call_soon(lambda: accepted.append(listener.accept()))
        turn(ours, 2)
    assert not protocol.calls
    accepted[0][0].close()
    with socket.create_connection(listener.getsockname()):
        turn_until(ours, lambda: protocol.calls)
    turn_until(ours, lambda: protocol.lost)
    server.close()
    run(ours, server.wait_closed())


# Each is called by the loop, and makes asyncio's wait. `other` is kept open.
WAITS = {
    "pipe": "other, number = os.pipe()",
    "fifo": "os.mkfifo(path); other = os.open(path, os.O_RDWR); number = os.open(path, os.O_WRONLY)",
    "terminal": "other, number = os.openpty(); tty.setraw(number)",
    "stopped terminal": "other, number = os.openpty(); termios.tcflow(number, termios.TCOOFF)",
}

WRITE = """
async def wait():
    file = os.fdopen(number, "wb", 0)
    transport, _ = await loop.connect_write_pipe(asyncio.Protocol, file)
    os.set_blocking(number, True)
    loop.call_soon(begin)
    for _ in range(3):
        loop.call_soon(transport.write, bytes(300_000))
"""

ACCEPT = """
import socket
async def wait():
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    listener = server.sockets[0]
    os.set_blocking(listener.fileno(), True)
    client = socket.create_connection(listener.getsockname())
    loop.call_soon(begin)
    await loop.create_future()
"""

# What the kernel has taken for a client that does not read is waited for by `close()`, for ten minutes.
LINGER = """
import socket, struct
class Server(asyncio.Protocol):
    def connection_made(self, transport):
        while not transport.get_write_buffer_size():
            transport.write(bytes(1000))
        loop.call_soon(begin)
        transport.abort()
async def wait():
    server = await loop.create_server(Server, "127.0.0.1", 0)
    listener = server.sockets[0]
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 600))
    client = socket.create_connection(listener.getsockname())
    await loop.create_future()
"""

# A second thread sees the first one sleep, in the kernel or in its poll, and goes on running Python.
AROUND = """
import asyncio, faulthandler, os, sys, termios, threading, tty
faulthandler.dump_traceback_later(20, exit=True)
path = sys.argv[1]
loop = new_loop()
begun = threading.Event()
begin = begun.set
def watch():
    begun.wait()
    while True:
        with open(f"/proc/{os.getpid()}/wchan") as place:
            name = place.read()
        if name != "0" and "futex" not in name:
            break
        os.sched_yield()
    print("running", flush=True)
threading.Thread(target=watch, daemon=True).start()
task = loop.create_task(wait())
try:
    loop.run_forever()
except KeyboardInterrupt:
    print("interrupted", flush=True)
os._exit(0)
"""


CALLS = {"accept": ACCEPT, "linger": LINGER}


@pytest.mark.parametrize("case", [*WAITS, *CALLS])
def test_threads_go_on_and_ctrl_c_ends_it(loop_name: str, case: str, tmp_path: Path) -> None:
    """Only SIGKILL helped: `write` and `accept4` waited with the GIL held, and were made again after each signal."""
    head, _, tail = AROUND.partition("loop = new_loop()")
    setup = WAITS.get(case, "")
    body = head + setup + "\nloop = new_loop()" + CALLS.get(case, WRITE) + tail
    with python_child("-c", script_for(loop_name, body), tmp_path / "fifo") as child:
        assert next_line(child) == "running"
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate()
        assert (output, errors, child.returncode) == ("interrupted\n", "", 0)
