"""`loop.metrics()`: what is counted, by which deeds of a program, and from when on time is measured.

Slow callbacks are tested in test_slow_callbacks.py. asyncio has no such method.
"""

import asyncio
import dataclasses
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import vitok
from certificates_made import make_certificates
from support import pending, run_python, turn, turn_until
from vitok import _metrics

pytestmark = pytest.mark.vitok_only


@pytest.fixture
def loop() -> Iterator[vitok.Loop]:
    """A loop of ours: asyncio's has nothing to compare with."""
    with closing(vitok.new_event_loop()) as made:
        yield made


class Sink(asyncio.Protocol):
    """Counts what it received."""

    def __init__(self) -> None:
        self.received = 0

    def data_received(self, data: bytes) -> None:
        """Count the bytes."""
        self.received += len(data)


def spin(seconds: float) -> None:
    """Take at least so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_is_a_frozen_object_with_documented_names(loop: vitok.Loop) -> None:
    """It can be compared, printed and converted, and not changed."""
    metrics = loop.metrics()
    assert type(metrics) is vitok.Metrics
    assert dataclasses.asdict(metrics)["turns"] == metrics.turns
    name = "turns"
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(metrics, name, 1)


def test_turns_and_callbacks_are_counted_exactly(loop: vitok.Loop) -> None:
    """A turn counts each handle that it calls, and none that was cancelled."""
    before = loop.metrics()
    for _ in range(10):
        loop.call_soon(int)
    loop.call_soon(int).cancel()
    turn(loop)
    after = loop.metrics()
    assert after.turns - before.turns == 1
    # `turn` itself adds one that stops the loop.
    assert after.callbacks - before.callbacks == 11


def test_a_callback_that_leaves_the_loop_counts_only_what_was_called(loop: vitok.Loop) -> None:
    """The callbacks behind an interrupt are counted when they are called, in the next run."""
    before = loop.metrics().callbacks

    def interrupt() -> None:
        raise KeyboardInterrupt

    loop.call_soon(int)
    loop.call_soon(interrupt)
    loop.call_soon(int)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert loop.metrics().callbacks - before == 2
    turn(loop)
    assert loop.metrics().callbacks - before == 4


def test_sleeps_wakeups_and_events(loop: vitok.Loop) -> None:
    """A loop that sleeps until another thread posts has woken up once; a descriptor's event is counted."""
    before = loop.metrics()
    thread = threading.Timer(0.01, loop.call_soon_threadsafe, [loop.stop])
    thread.start()
    loop.run_forever()
    thread.join()
    after = loop.metrics()
    assert after.wakeups > before.wakeups
    assert after.polls - before.polls >= after.wakeups - before.wakeups
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        loop.add_reader(reader, loop.stop)
        writer.send(b"x")
        loop.run_forever()
        loop.remove_reader(reader)
    assert loop.metrics().events > after.events


def test_ready_timers_and_tasks_are_those_of_now(loop: vitok.Loop) -> None:
    """Lengths are read at the call; a cancelled timer is none, wherever it still lies."""
    timers = [loop.call_later(1000 - number, int) for number in range(5)]
    timers[2].cancel()
    loop.call_soon(int)
    waiting = pending(loop, asyncio.Event().wait())
    loop.call_soon(int)
    metrics = loop.metrics()
    assert (metrics.ready, metrics.timers, metrics.tasks) == (1, 4, 1)
    waiting.cancel()
    turn(loop, 2)
    assert (loop.metrics().ready, loop.metrics().tasks) == (0, 0)
    for timer in timers:
        timer.cancel()
    assert loop.metrics().timers == 0


def test_bytes_of_streams_are_those_on_the_wire(loop: vitok.Loop) -> None:
    """Every way into and out of a stream counts the bytes that the kernel moved: readers, protocols, long writes."""

    async def main() -> None:
        sink = Sink()
        server = await loop.create_server(lambda: sink, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        before = loop.metrics()
        sizes = [1, 1000, 300_000]
        for size in sizes:
            writer.write(b"x" * size)
            await writer.drain()
        writer.writelines([b"ab", b"cd"])
        while sink.received < sum(sizes) + 4:
            await asyncio.sleep(0)
        after = loop.metrics()
        assert after.bytes_sent - before.bytes_sent == sum(sizes) + 4
        assert after.bytes_received - before.bytes_received == sum(sizes) + 4
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_bytes_of_sock_calls(loop: vitok.Loop) -> None:
    """`sock_recv` and its kin count, over streams and datagrams."""

    async def main() -> None:
        one, other = socket.socketpair(type=socket.SOCK_DGRAM)
        left, right = socket.socketpair()
        with one, other, left, right:
            for sock in (one, other, left, right):
                sock.setblocking(False)
            before = loop.metrics()
            await loop.sock_sendall(left, b"x" * 100)
            assert len(await loop.sock_recv(right, 60)) == 60
            assert await loop.sock_recv_into(right, bytearray(100)) == 40
            one.send(b"y" * 7)
            assert len((await loop.sock_recvfrom(other, 100))[0]) == 7
            with Path(__file__).open("rb") as file:
                assert await loop.sock_sendfile(left, file, 0, 30) == 30
            after = loop.metrics()
        assert after.bytes_sent - before.bytes_sent == 130
        assert after.bytes_received - before.bytes_received == 107

    loop.run_until_complete(main())


def test_bytes_of_datagrams_and_pipes(loop: vitok.Loop) -> None:
    """Endpoints count each datagram's content, in batches too; pipes count what was read and written."""

    async def main() -> None:
        received: list[bytes] = []

        class Receiver(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                received.append(data)

        endpoint, _ = await loop.create_datagram_endpoint(Receiver, ("127.0.0.1", 0))
        address = endpoint.get_extra_info("sockname")
        sender, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=address)
        before = loop.metrics()
        for _ in range(50):
            sender.sendto(b"z" * 10)
        while len(received) < 50:
            await asyncio.sleep(0)
        after = loop.metrics()
        assert (after.bytes_sent - before.bytes_sent, after.bytes_received - before.bytes_received) == (500, 500)
        sender.close()
        endpoint.close()
        read_end, write_end = os.pipe()
        sink = Sink()
        reading, _ = await loop.connect_read_pipe(lambda: sink, os.fdopen(read_end, "rb", 0))
        writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(write_end, "wb", 0))
        writing.write(b"p" * 1234)
        while sink.received < 1234:
            await asyncio.sleep(0)
        last = loop.metrics()
        assert (last.bytes_sent - after.bytes_sent, last.bytes_received - after.bytes_received) == (1234, 1234)
        assert (last.transports["read_pipe"], last.transports["write_pipe"]) == (1, 1)
        writing.close()
        reading.close()
        await asyncio.sleep(0.01)

    loop.run_until_complete(main())


def test_transports_are_counted_by_kind(loop: vitok.Loop, tmp_path: Path) -> None:
    """A paused transport counts as well, TLS is told from clear text, and what is closed counts no more."""
    made = make_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.certificate, made.key)
    client = ssl._create_unverified_context()

    async def main() -> None:
        server = await loop.create_server(Sink, "127.0.0.1", 0)
        secure = await loop.create_server(Sink, "127.0.0.1", 0, ssl=context)
        plain, _ = await loop.create_connection(Sink, *server.sockets[0].getsockname())
        plain.pause_reading()
        await loop.create_connection(Sink, *secure.sockets[0].getsockname(), ssl=client)
        while sum(loop.metrics().transports.values()) < 4:
            await asyncio.sleep(0)
        kinds = loop.metrics().transports
        assert kinds == {"stream": 2, "tls": 2, "datagram": 0, "read_pipe": 0, "write_pipe": 0}
        server.close()
        secure.close()
        plain.abort()
        for one in (server, secure):
            one.abort_clients()
        while any(loop.metrics().transports.values()):
            await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_time_is_measured_from_the_first_call_on(loop: vitok.Loop) -> None:
    """Before it there are no times; afterwards callbacks and polls have theirs, within what was measured."""
    loop.call_soon(spin, 0.005)
    turn(loop)
    first = loop.metrics()
    assert (first.callback_seconds, first.poll_seconds, first.longest_callback) == (0.0, 0.0, 0.0)
    assert first.callbacks >= 2
    loop.call_soon(spin, 0.005)
    turn(loop)
    loop.call_later(0.005, loop.stop)
    loop.run_forever()
    second = loop.metrics()
    assert second.callback_seconds >= 0.005
    assert second.poll_seconds >= 0.004
    assert second.longest_callback >= 0.005
    assert second.callback_seconds + second.poll_seconds <= second.measured_seconds


def test_the_longest_callback_is_that_since_the_last_call(loop: vitok.Loop) -> None:
    """Each call begins anew, so that a monitor sees each pause once."""
    loop.metrics()
    loop.call_soon(spin, 0.01)
    turn(loop)
    assert loop.metrics().longest_callback >= 0.01
    assert loop.metrics().longest_callback == 0.0


def test_an_observer_takes_the_longest_callback_from_nobody(loop: vitok.Loop) -> None:
    """A server reads the numbers of its loop once a second, beside the program and `vitok top`."""
    loop.metrics()
    loop.call_soon(spin, 0.01)
    turn(loop)
    assert _metrics.observe(loop)["longest_callback"] == 0.0
    assert _metrics.measure(loop, reader=_metrics.INSPECTOR).longest_callback >= 0.01
    assert loop.metrics().longest_callback >= 0.01


def test_a_loop_that_is_closed_or_runs_elsewhere_can_be_asked(loop: vitok.Loop) -> None:
    """A monitor's thread asks a running loop, and a closed one still has its counts."""
    other = vitok.new_event_loop()
    thread = threading.Thread(target=other.run_forever)
    thread.start()
    turn_until(loop, other.is_running)
    seen = other.metrics()
    other.call_soon_threadsafe(other.stop)
    thread.join()
    assert other.metrics().turns >= seen.turns
    other.close()
    closed = other.metrics()
    assert closed.turns > 0
    assert (closed.ready, closed.timers, closed.tasks, sum(closed.transports.values())) == (0, 0, 0, 0)


def test_the_import_of_vitok_imports_no_dataclasses() -> None:
    """The class of metrics is made when a program first asks for it."""
    show = "print('vitok._metrics' in sys.modules)"
    assert run_python("-c", f"import sys, vitok; {show}; vitok.Metrics; {show}").stdout == "False\nTrue\n"
