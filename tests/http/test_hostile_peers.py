"""Peers that leave at the worst moment, in large numbers, or all at once: nothing leaks, and others are served.

Time limits are tested in test_hostile_slow.py, invalid requests in test_hostile_requests.py.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgi_messages import body, start
from asgi_support import BLOCK, GET, Client, Gate, Site, hello, read_body, request, respond, serving
from channels import SocketChannel
from support import MIB, open_descriptors, resident, run_script

pytestmark = pytest.mark.vitok_only

POST = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


# Ten thousand work as well, and take ten seconds.
IDLE = 3000


async def patient(scope: Any, receive: Any, send: Any) -> None:
    """Reads everything, answers in pieces, and takes its client's leaving calmly."""
    content = await read_body(receive)
    await asyncio.sleep(0)
    try:
        await send(start())
        await send(body(content, True))
        await asyncio.sleep(0)
        await send(body(b"!"))
    except OSError:
        pass


@contextmanager
def leaking_nothing(site: Site) -> Iterator[None]:
    """Afterwards no connection, request or descriptor is left of what happened within, and the site serves."""
    before = open_descriptors()
    yield
    site.wait(lambda: site.http.connections == 0 == site.http.running)
    site.turn()
    assert open_descriptors() == before
    client = site.connect()
    assert client.ask().status == 200
    client.close()


@pytest.mark.parametrize("turns", [0, 1, 3])
@pytest.mark.parametrize("ending", ["reset", "close", "half_close"])
def test_leaving_at_every_point_of_a_request(ending: str, turns: int) -> None:
    """A client that leaves after any number of bytes, at once or some turns later, leaves nothing behind."""
    with serving(patient) as site, leaking_nothing(site):
        for place in range(len(POST) + 1):
            client = site.connect()
            client.offer(POST[:place])
            site.turn(turns)
            getattr(client, ending)()
            if ending == "half_close":
                client.end()
                client.close()
            site.clients.clear()


@pytest.mark.parametrize("turns", range(8))
def test_leaving_at_every_point_of_a_response(turns: int) -> None:
    """A client that is reset at any turn of a response leaves nothing behind, nor do further requests of his."""
    with serving(patient) as site, leaking_nothing(site):
        for data in (GET, POST, GET * 20, POST + GET[:7]):
            client = site.connect()
            client.offer(data)
            site.turn(turns)
            client.reset()


@pytest.mark.parametrize("turns", [0, 1, 2, 10])
def test_leaving_while_much_is_sent(turns: int) -> None:
    """A client that is reset while a stream or one large message is on its way leaves nothing behind."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/one":
            await respond(send, bytes(16 * MIB))
        elif scope["path"] == "/many":
            await send(start())
            for _ in range(100):
                await send(body(bytes(BLOCK), True))
            await send(body())
        else:
            await respond(send)

    with serving(application) as site, leaking_nothing(site):
        for path in ("/one", "/many"):
            client = site.connect(receive_buffer=4096)
            client.offer(request(path) * 3)
            site.turn(turns)
            client.reset()
            client = site.connect(receive_buffer=4096)
            client.offer(request(path) * 3)
            site.turn(turns)
            client.close()


def test_leaving_while_a_file_is_sent(tmp_path: Any) -> None:
    """A client that is reset while it gets a file leaves no descriptor of the file open."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * MIB)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            await respond(send)
            return
        await send(start())
        await send({"type": "http.response.pathsend", "path": str(path)})

    with serving(application) as site, leaking_nothing(site):
        for turns in range(6):
            client = site.connect(receive_buffer=4096)
            client.offer(request("/file"))
            site.turn(turns)
            client.reset()


def test_connections_that_are_gone_before_they_are_accepted() -> None:
    """Clients that connect and are reset before the server has looked leave nothing behind."""
    with serving(hello) as site, leaking_nothing(site):
        for _ in range(50):
            sock = socket.create_connection(site.address)
            Client(site, SocketChannel(site.loop, sock)).reset()
        site.turn(20)


def test_a_flood_of_tiny_requests() -> None:
    """Fifty thousand requests in one go are all answered; memory is bounded, and others are not kept waiting."""
    count = 50_000
    flood = GET * count
    with serving(hello) as site:
        client, other = site.connect(), site.connect()
        other.ask()
        before = resident()
        delays: list[float] = []

        async def others() -> None:
            while site.http.requests < count:
                began = time.monotonic()
                await site.loop.sock_sendall(other.sock, GET)
                await other._answer("GET")
                delays.append(time.monotonic() - began)
                await asyncio.sleep(0.01)

        async def sending() -> None:
            await site.loop.sock_sendall(client.sock, flood)

        async def reading() -> int:
            answers = 0
            rest = b""
            while answers < count:
                data = rest + await site.loop.sock_recv(client.sock, BLOCK)
                answers += data.count(b"HTTP/1.1 200 OK")
                rest = data[-14:]
            return answers

        async def all_of_it() -> int:
            answers, *_ = await asyncio.gather(reading(), sending(), others())
            return answers

        assert site.run(all_of_it()) == count
        assert max(delays) < 1
        assert resident() - before < 24 * MIB


def test_a_flood_of_connections() -> None:
    """A thousand connections, one request each, closed in the middle of things: all are served or forgotten."""
    with serving(patient) as site, leaking_nothing(site):
        for number in range(1000):
            client = site.connect()
            client.offer(GET)
            if number % 3 == 0:
                client.reset()
            elif number % 3 == 1:
                client.answer()
                client.close()
            else:
                client.close()
            site.clients.clear()


def test_chunks_of_one_byte() -> None:
    """Content in chunks of one byte that nobody asks for takes a bounded amount of memory."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            await gate.wait()
        await respond(send, b"%d" % len(await read_body(receive)))

    chunks = 300_000
    with serving(application) as site:
        client = site.connect()
        data = POST.partition(b"5\r\n")[0] + b"1\r\nx\r\n" * chunks + b"0\r\n\r\n"
        before = resident()
        sent = 0
        for _ in range(100):
            sent += client.offer(data[sent:])
            site.turn(1)
        assert resident() - before < 24 * MIB
        gate.open()
        client.send(data[sent:])
        assert client.answer().body == b"%d" % chunks


def test_descriptors_run_out() -> None:
    """When no descriptor is left, who is connected is served, and who waits is accepted as soon as there is room."""
    script = """
    import asyncio, os, resource, socket, time
    from vitok import _native
    from vitok.http.options import native_options

    class Hooks:
        def error(self, message, exception):
            print("error", message, repr(exception), flush=True)

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hello"})

    loop = new_loop()
    http = _native.HttpServer(loop, application, native_options(), Hooks())
    server = loop.run_until_complete(loop.create_server(http, "127.0.0.1", 0))
    address = server.sockets[0].getsockname()
    loop.set_exception_handler(lambda loop, context: print("report", context["message"], flush=True))

    def connect():
        client = socket.create_connection(address)
        client.setblocking(False)
        return client

    async def ask(client):
        async with asyncio.timeout(20):
            await loop.sock_sendall(client, b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
            text = b""
            while not text.endswith(b"hello"):
                text += (data := await loop.sock_recv(client, 65536))
                if not data:
                    return b"closed"
        return text[:15]

    first, waiting = connect(), socket.socket()
    print(loop.run_until_complete(ask(first)))
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
    waiting.setblocking(False)
    loop.run_until_complete(loop.sock_connect(waiting, address))
    for _ in range(3):
        print(loop.run_until_complete(ask(first)))
    for number in held:
        os.close(number)
    print(loop.run_until_complete(ask(waiting)))
    first.close()
    waiting.close()
    server.close()
    loop.run_until_complete(asyncio.sleep(0.05))
    print(http.connections)
    loop.close()
    """
    lines = run_script("vitok", script).splitlines()
    reports = [line for line in lines if line.startswith("report")]
    assert len(reports) <= 3
    assert [line for line in lines if line not in reports] == ["b'HTTP/1.1 200 OK'"] * 5 + ["0"]


def test_thousands_of_idle_connections() -> None:
    """Thousands of idle connections cost little memory each, and are closed at the end of keep-alive."""
    script = """
    import asyncio, resource, socket
    from vitok import _native
    from vitok.http.options import native_options

    def memory():
        return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hello"})

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(COUNT, (hard - 100) // 2)
    loop = new_loop()
    http = _native.HttpServer(loop, application, {**native_options(), "timeout_keep_alive": 1}, None)
    server = loop.run_until_complete(loop.create_server(http, "127.0.0.1", 0, backlog=1000))
    address = server.sockets[0].getsockname()

    async def main():
        clients = []
        before = memory()
        for _ in range(count):
            client = socket.socket()
            client.setblocking(False)
            await loop.sock_connect(client, address)
            clients.append(client)
        while http.connections < count:
            await asyncio.sleep(0.01)
        print((memory() - before) // count)
        for client in clients:
            client.send(b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
        while http.requests < count:
            await asyncio.sleep(0.01)
        print((memory() - before) // count)
        began = loop.time()
        while http.connections:
            await asyncio.sleep(0.05)
        print(loop.time() - began < 10)
        for client in clients:
            client.close()

    loop.run_until_complete(asyncio.wait_for(main(), 20))
    server.close()
    loop.close()
    print(count)
    """
    connected, served, in_time, count = run_script("vitok", script.replace("COUNT", str(IDLE))).split()
    assert int(count) > 100
    # With its client's end, which is in the same process.
    assert int(connected) < 4000
    assert int(served) < 4000
    assert in_time == "True"


def test_signals_during_requests() -> None:
    """Signals that are handled by the loop or by Python come in between, and every request is served."""
    seen: list[str] = []
    with serving(hello) as site:
        site.loop.add_signal_handler(signal.SIGUSR1, seen.append, "loop")
        before = signal.signal(signal.SIGUSR2, lambda number, frame: seen.append("python"))
        try:
            client = site.connect()
            for _ in range(50):
                os.kill(os.getpid(), signal.SIGUSR1)
                client.offer(GET)
                os.kill(os.getpid(), signal.SIGUSR2)
                assert client.answer().body == b"hello"
            site.wait(lambda: seen.count("python") == 50)
            site.wait(lambda: "loop" in seen)
        finally:
            signal.signal(signal.SIGUSR2, before)
            site.loop.remove_signal_handler(signal.SIGUSR1)


@pytest.mark.skipif(sys.platform == "darwin", reason="forking there is for the brave")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_in_an_application() -> None:
    """A child that an application forks and that ends at once disturbs neither this request nor others."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        child = os.fork()
        if child == 0:
            os._exit(7)
        _, status = os.waitpid(child, 0)
        await respond(send, b"%d" % os.waitstatus_to_exitcode(status))

    with serving(application) as site:
        client = site.connect()
        for _ in range(3):
            assert client.ask().body == b"7"
        assert site.ask().body == b"7"
