"""The system calls of a busy loop, and the io_uring ring that saves it polls.

The ring is created when it saves time, and closed with the loop. Delays because of it are tested in test_turns.py.
"""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import loop_factory

pytestmark = [
    pytest.mark.vitok_only,
    pytest.mark.skipif(sys.platform != "linux", reason="io_uring is Linux's"),
]

# Long enough for a ring to be made.
BUSY_TURNS = 3000

BUSY = """
    import socket
    loop = new_loop()
    ours, peer = socket.socketpair()
    loop.add_reader(ours, print)
    turns = 0
    def again():
        global turns
        turns += 1
        loop.call_soon(again) if turns < TURNS else loop.stop()
    loop.call_soon(again)
    loop.run_forever()
    loop.remove_reader(ours)
    loop.close()
"""


def rings() -> list[str]:
    """The rings among this process's descriptors."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        try:
            link = os.readlink(path)
        except FileNotFoundError:
            continue
        if "io_uring" in link:
            found.append(link)
    return found


@contextmanager
def watching(loop: asyncio.AbstractEventLoop) -> Iterator[socket.socket]:
    """A descriptor that the loop watches, and the peer that makes it readable: one byte stops the loop."""
    ours, peer = socket.socketpair()
    with ours, peer:
        loop.add_reader(ours, lambda: (ours.recv(1), loop.stop()))
        yield peer
        loop.remove_reader(ours)


def keep_busy(loop: asyncio.AbstractEventLoop, turns: int = BUSY_TURNS) -> None:
    """So many turns with a callback each."""

    def again(left: int) -> None:
        if left:
            loop.call_soon(again, left - 1)
        else:
            loop.stop()

    loop.call_soon(again, turns)
    loop.run_forever()


def turns_to_an_event(loop: asyncio.AbstractEventLoop, peer: socket.socket) -> int:
    """How many turns a busy loop takes for a byte that a callback has sent."""
    turns = 0

    def again() -> None:
        nonlocal turns
        turns += 1
        handle[0] = loop.call_soon(again)

    handle = [loop.call_soon(again)]
    loop.call_soon(peer.send, b"x")
    loop.run_forever()
    handle[0].cancel()
    return turns


@pytest.fixture
def ringed() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that was busy for long, where the kernel has rings to give."""
    loop = loop_factory("vitok")()
    with watching(loop):
        keep_busy(loop)
        if not rings():
            loop.close()
            pytest.skip("no io_uring here: Linux before 6.1, or forbidden")
        yield loop
    loop.close()
    assert not rings()


def test_a_loop_that_is_busy_for_a_moment_makes_no_ring() -> None:
    """A ring takes a descriptor, memory, and the time of some hundred polls."""
    loop = loop_factory("vitok")()
    with watching(loop):
        keep_busy(loop, 100)
        assert not rings()
    loop.close()


def test_no_ring_is_made_where_nothing_is_watched() -> None:
    """Then there is nothing to poll for."""
    loop = loop_factory("vitok")()
    keep_busy(loop)
    assert not rings()
    loop.close()


def test_a_variable_forbids_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """VITOK_IO_URING=0, for who must not use io_uring."""
    monkeypatch.setenv("VITOK_IO_URING", "0")
    loop = loop_factory("vitok")()
    with watching(loop) as peer:
        keep_busy(loop)
        assert not rings()
        assert turns_to_an_event(loop, peer) == 2
    loop.close()


def test_a_ring_is_not_inherited(ringed: asyncio.AbstractEventLoop) -> None:
    """Trap "our pipe ends are not inherited by children": nor is the ring."""
    child = subprocess.run(
        ["ls", "-l", "/proc/self/fd"], stdout=subprocess.PIPE, text=True, check=True, close_fds=False
    )
    assert "io_uring" not in child.stdout


def test_a_run_in_another_thread_is_as_exact(ringed: asyncio.AbstractEventLoop) -> None:
    """A ring belongs to the thread that made it; another thread gets one of its own, and its end leaves none behind."""
    seen: list[int] = []

    def run() -> None:
        with watching(ringed) as peer:
            for _ in range(3):
                keep_busy(ringed)
                seen.append(turns_to_an_event(ringed, peer))

    for _ in range(2):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    run()
    assert seen == [2] * 9
    assert len(rings()) == 1


def test_a_forked_child_is_as_exact(ringed: asyncio.AbstractEventLoop) -> None:
    """The child's loop makes a ring of its own, and leaves the parent's as it is."""
    with watching(ringed) as peer:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                keep_busy(ringed)
                if turns_to_an_event(ringed, peer) == 2 and len(rings()) == 1:
                    code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        keep_busy(ringed)
        assert turns_to_an_event(ringed, peer) == 2


def test_a_sleep_is_not_disturbed_by_the_ring(ringed: asyncio.AbstractEventLoop) -> None:
    """An event that comes while the loop sleeps ends the sleep, as without a ring."""
    with watching(ringed) as peer:
        for _ in range(10):
            timer = threading.Timer(0.005, peer.send, [b"x"])
            timer.start()
            ringed.run_forever()
            timer.join()
            ringed.call_later(0.001, ringed.stop)
            ringed.run_forever()


def test_exactness_holds_in_every_order_of_sleeps_and_busy_turns(ringed: asyncio.AbstractEventLoop) -> None:
    """The ring is set, read and set again: no order loses an event."""
    with watching(ringed) as peer:
        for busy in [0, 1, 2, 3, 4, 5, 6, 7, 20, 300, 5, 4, 0, 3]:
            keep_busy(ringed, busy)
            assert turns_to_an_event(ringed, peer) == 2
            threading.Timer(0.002, peer.send, [b"x"]).start()
            ringed.run_forever()
            assert turns_to_an_event(ringed, peer) == 2


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace counts the calls")
@pytest.mark.parametrize(("variable", "most"), [("1", BUSY_TURNS // 5), ("0", BUSY_TURNS + 10)])
def test_what_a_busy_loop_asks_of_the_kernel(
    ringed: asyncio.AbstractEventLoop, tmp_path: Path, variable: str, most: int
) -> None:
    """With a ring next to nothing; without one, a poll a turn."""
    log = tmp_path / "calls"
    script = tmp_path / "busy.py"
    source = "from vitok import new_event_loop as new_loop\n" + "\n".join(
        line.removeprefix("    ") for line in BUSY.replace("TURNS", str(BUSY_TURNS)).splitlines()
    )
    script.write_text(source)
    subprocess.run(
        [
            "strace",
            "-f",
            "-o",
            log,
            "-e",
            "trace=epoll_wait,epoll_pwait,epoll_pwait2,io_uring_enter",
            sys.executable,
            script,
        ],
        check=True,
        env={**os.environ, "VITOK_IO_URING": variable},
        timeout=50,
    )
    calls = len(re.findall(r"(?:epoll_\w+|io_uring_enter)\(", log.read_text()))
    assert calls <= most
    if variable == "0":
        assert calls >= BUSY_TURNS
