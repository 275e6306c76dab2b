"""docs/differences.md: each difference names its tests, and those that no other file tests are tested here."""

import ast
import asyncio
import os
import re
import socket
import sys
from functools import cache
from typing import Any

import pytest
import vitok
from net_protocols import BufferedRecorder, Recorder
from net_support import datagram_peer, endpoint, receive_datagram, unix_pair, wired
from support import PROJECT, private, run_script, turn, turn_until

pytestmark = pytest.mark.vitok_only

PAGE = PROJECT / "docs" / "differences.md"
# What stands behind each difference: the tests of it, by file and name.
BACKING = re.compile(r"<!-- (tests/[^>]*?) -->", re.DOTALL)
A_FEW = 10
HOST_WITH_A_COLON = """
import asyncio, socket, sys

events = []
sys.addaudithook(lambda name, _: events.append(name) if name == "socket.getaddrinfo" else None)

async def main():
    try:
        await asyncio.get_running_loop().getaddrinfo("1:2:x", 80, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        print(len(events))

loop = new_loop()
loop.run_until_complete(main())
loop.close()
"""


@pytest.fixture
def ours() -> Any:
    """Return a loop of vitok's."""
    loop = vitok.new_event_loop()
    yield loop
    loop.close()


def test_each_difference_names_its_tests() -> None:
    """Each item of the page names tests that exist."""
    items = re.split(r"^- ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    assert len(items) > 60, "the page has more differences"
    for item in items:
        tests = [test for found in BACKING.findall(item) for test in found.split()]
        assert tests, f"no test is named behind: {item.splitlines()[0]}"
        for test in tests:
            file, _, name = test.partition("::")
            assert name in functions(file), f"{test} does not exist"


@cache
def functions(file: str) -> frozenset[str]:
    """Return the names of the functions of a file."""
    tree = ast.parse((PROJECT / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_view_of_the_selector_cannot_poll(ours: Any) -> None:
    with pytest.raises(TypeError):
        private(vitok.Loop)(None)
    with pytest.raises(RuntimeError, match="cannot be polled"):
        ours._selector.select()
    assert not isinstance(ours._ssock, socket.socket)
    assert not isinstance(ours._csock, socket.socket)


def test_attributes_of_asyncios_own_transport_are_missing(ours: Any) -> None:
    with wired(ours) as (transport, _):
        assert not hasattr(transport, "_read_ready_cb")
        assert not hasattr(transport, "_buffer")
        with pytest.raises(AttributeError):
            transport._sock = None


def test_a_datagram_with_gaps_is_sent_whole(ours: Any) -> None:
    with datagram_peer() as peer, endpoint(ours, remote_addr=peer.getsockname()) as (transport, _):
        transport.sendto(memoryview(b"a-b-c-")[::2])
        assert receive_datagram(ours, peer)[0] == b"abc"


def test_another_file_under_the_number_of_a_waiting_read_is_not_noticed(ours: Any) -> None:
    waiting, peer = unix_pair()
    other, other_peer = unix_pair()
    with waiting, peer, other, other_peer:
        task = ours.create_task(ours.sock_recv(waiting, 10))
        turn(ours, A_FEW)
        os.dup2(other.fileno(), waiting.fileno())
        other_peer.send(b"for the other")
        turn(ours, A_FEW)
        assert not task.done()
        task.cancel()
        turn(ours, A_FEW)


def test_no_task_is_made_for_a_child(ours: Any) -> None:
    """asyncio makes one, which connects the pipes."""
    made: list[Any] = []

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def main() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "", stdout=asyncio.subprocess.PIPE)
        assert len(made) == 1, "that is the task of the test"
        await process.communicate()

    ours.set_task_factory(factory)
    ours.run_until_complete(main())


def test_no_buffer_is_updated_after_the_protocol_has_closed(ours: Any) -> None:
    protocol = BufferedRecorder(16, get_buffer=lambda _: protocol.transport.close())
    with wired(ours, protocol) as (_, peer):
        peer.send(b"data")
        turn_until(ours, lambda: protocol.lost)
    assert "buffer_updated" not in protocol.calls


def test_the_end_is_told_once(ours: Any) -> None:
    """asyncio tells it again after a pause."""
    protocol = Recorder()
    protocol.eof_received = lambda: protocol.calls.append("eof_received") or True  # type: ignore[assignment, func-returns-value]
    with wired(ours, protocol) as (transport, peer):
        peer.shutdown(socket.SHUT_WR)
        turn_until(ours, lambda: "eof_received" in protocol.calls)
        transport.pause_reading()
        transport.resume_reading()
        turn(ours, A_FEW)
        assert protocol.calls.count("eof_received") == 1


def test_a_host_with_a_colon_is_looked_up_twice() -> None:
    """Both look-ups are without the network here, because the flags say so."""
    assert run_script("vitok", HOST_WITH_A_COLON) == "2\n"
    assert run_script("asyncio", HOST_WITH_A_COLON) == "1\n"
