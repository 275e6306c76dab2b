"""Methods of transports that are called in another thread than the loop's: an error in debug mode, harmless without."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import vitok
from certificates_made import make_certificates

pytestmark = pytest.mark.vitok_only

SECONDS = 20
CALLS: dict[str, tuple[Any, ...]] = {
    "close": (),
    "abort": (),
    "pause_reading": (),
    "resume_reading": (),
    "set_protocol": (asyncio.Protocol(),),
    "set_write_buffer_limits": (100,),
    "write": (b"x",),
    "writelines": ([b"x"],),
    "write_eof": (),
    "sendto": (b"x",),
}


class Recorder(asyncio.Protocol):
    """Keeps what it receives, and tells of the end."""

    def __init__(self) -> None:
        self.data = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(None)


async def open_stream() -> tuple[Any, Any]:
    """A stream over a socket pair, and the other end."""
    near, far = socket.socketpair()
    far.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(Recorder, sock=near)
    return transport, far


async def open_datagrams() -> tuple[Any, Any]:
    """An endpoint with a peer."""
    far = socket.socket(type=socket.SOCK_DGRAM)
    far.bind(("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=far.getsockname())
    return transport, far


async def open_pipe() -> tuple[Any, Any]:
    """The writing end of a pipe, and its reader."""
    read, write = os.pipe()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(write, "wb", 0))
    return transport, os.fdopen(read, "rb", 0)


@pytest.mark.parametrize("opening", [open_stream, open_datagrams, open_pipe])
def test_debug_mode_refuses_every_method_that_changes_something(opening: Callable[[], Any]) -> None:
    """The error is that of the loop's own methods, and the transport is as it was before."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, other = await opening()
        with ThreadPoolExecutor(1) as pool:
            for name in CALLS.keys() & vars(type(transport)).keys():
                with pytest.raises(RuntimeError, match="Non-thread-safe operation"):
                    await loop.run_in_executor(pool, getattr(transport, name), *CALLS[name])
            assert await loop.run_in_executor(pool, transport.is_closing) is False
        assert transport.get_write_buffer_size() == 0
        transport.abort()
        await asyncio.sleep(0)
        other.close()

    with asyncio.Runner(debug=True, loop_factory=vitok.new_event_loop) as runner:
        runner.run(asyncio.wait_for(main(), SECONDS))


@pytest.mark.parametrize("method", ["close", "abort"])
def test_a_stream_that_another_thread_closes_ends_without_an_event(method: str) -> None:
    """The loop sleeps meanwhile, and nothing else wakes it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        with far:
            transport, protocol = await loop.create_connection(Recorder, sock=near)
            with ThreadPoolExecutor(1) as pool:
                loop.call_soon(pool.submit, getattr(transport, method))
                await protocol.ended
            assert near.fileno() == -1

    vitok.run(asyncio.wait_for(main(), SECONDS))


@pytest.mark.parametrize("engine", ["direct", "memory"])
def test_what_another_thread_writes_over_tls_leaves_in_order(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records must arrive in the order in which they were encrypted, whichever threads have written."""
    monkeypatch.setattr("vitok._tls.wanted", engine)
    made = make_certificates(tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(made.certificate, made.key)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(made.certificate)
    rounds, size = 50, 20_000

    async def main() -> None:
        loop = asyncio.get_running_loop()
        accepted: list[Recorder] = []
        server = await loop.create_server(
            lambda: accepted.append(Recorder()) or accepted[-1], "127.0.0.1", 0, ssl=served
        )
        address = server.sockets[0].getsockname()
        transport, _ = await loop.create_connection(Recorder, *address, ssl=trusting, server_hostname="127.0.0.1")

        def write_all(letter: bytes) -> None:
            for _ in range(rounds):
                transport.write(letter * size)

        with ThreadPoolExecutor(2) as pool:
            writing = [loop.run_in_executor(pool, write_all, letter) for letter in (b"a", b"b")]
            for _ in range(rounds):
                transport.write(b"c" * size)
                await asyncio.sleep(0)
            await asyncio.gather(*writing)
            # The end comes after what was written before it, also if another thread asks for it.
            await loop.run_in_executor(pool, transport.close)
        await accepted[0].ended
        assert {letter: accepted[0].data.count(letter) for letter in (b"a", b"b", b"c")} == dict.fromkeys(
            (b"a", b"b", b"c"), rounds * size
        )
        server.close()

    vitok.run(asyncio.wait_for(main(), SECONDS))
