"""Requests on kept connections while workers are exchanged: none of them fails.

The client looks whether the server has closed a connection before it uses it again, as pools of connections do, and
never repeats a request. `VITOK_EXCHANGED_REQUESTS=100000` makes the test the long one (CONTRIBUTING.md).
"""

import asyncio
import contextlib
import faulthandler
import os
import re
import signal
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from certificates_made import Certificates
from served import CHILD_SECONDS, Served, serving

pytestmark = pytest.mark.vitok_only

REQUESTS = int(os.environ.get("VITOK_EXCHANGED_REQUESTS", "4000"))
# The long run has twenty exchanges, each with thousands of requests.
EXCHANGES = 20 if REQUESTS >= 100_000 else 4
READY = re.compile(r"worker (\d+) is ready")
# How long each client waits before its next request: most do not, some are idle when a worker leaves, and one is idle
# for longer than the server leaves it a connection then.
PAUSES = [0, 0, 0, 0, 0.001, 0.01, 0.05, 1.7]


class Load:
    """Clients that send one request after the other until they are told to stop."""

    def __init__(self, port: int, context: ssl.SSLContext | None) -> None:
        self.answered = 0
        self.connections = 0
        self.failures: list[str] = []
        self.has_enough = threading.Event()
        self._port = port
        self._context = context
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the clients in a thread of their own."""
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(pause) for pause in PAUSES))

    async def _client(self, pause: float) -> None:
        while not self._stop.is_set():
            try:
                await self._connection(pause)
            except (OSError, EOFError) as error:
                self.failures.append(repr(error))

    async def _connection(self, pause: float) -> None:
        """Use one connection for as long as the server leaves it open."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._context)
        self.connections += 1
        try:
            while not self._stop.is_set() and not reader.at_eof():
                writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length: ")[2].split()[0])
                await reader.readexactly(length)
                if not head.startswith(b"http/1.1 200 "):
                    raise EOFError(head)
                self.answered += 1
                if self.answered >= REQUESTS:
                    self.has_enough.set()
                if b"\r\nconnection: close\r\n" in head:
                    return
                await asyncio.sleep(pause)
        finally:
            writer.close()
            # The server may be gone, and over TLS it may have left without an end.
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def exchange(served: Served, kind: str, number: int) -> None:
    """Exchange all workers by SIGHUP, or end one of them, which is replaced; or wait for the exchange of one."""
    if kind == "limit":
        served.read_until(READY)
        return
    if number % 2 == 0:
        served.child.send_signal(signal.SIGHUP)
        served.read_until("all workers have been replaced")
        return
    newest = READY.findall(served.errors)[-1]
    os.kill(int(newest), signal.SIGTERM)
    served.read_until(rf"worker {newest} ended \(exit code 0\)")
    served.read_until(READY)


@pytest.mark.timeout(60 + REQUESTS // 100)
@pytest.mark.parametrize("kind", ["plain", "limit", "tls"])
def test_no_request_fails_while_workers_are_exchanged(kind: str, certificates: Certificates) -> None:
    """Every request is answered with 200, whatever exchanges the workers: a signal, their end, their limit."""
    if REQUESTS > 4000:
        # The watchdog of tests/conftest.py would end a run of this length.
        faulthandler.cancel_dump_traceback_later()
    words: list[str | Path] = ["--workers", "2", "--log-level", "debug", "--no-access-log"]
    context = None
    if kind == "limit":
        words += ["--limit-max-requests", str(REQUESTS // 25), "--limit-max-requests-jitter", str(REQUESTS // 100)]
    if kind == "tls":
        context = ssl.create_default_context(cafile=certificates.certificate)
        words += ["--ssl-certfile", certificates.certificate, "--ssl-keyfile", certificates.key]
    with serving(*words) as served:
        load = Load(served.port, context)
        with load.running():
            for number in range(EXCHANGES):
                exchange(served, kind, number)
            assert load.has_enough.wait(REQUESTS // 200 + CHILD_SECONDS)
        print(f"{kind}: {load.answered} requests on {load.connections} connections, {EXCHANGES} exchanges")
        assert load.failures == []
        assert served.end() == 0
