"""The server of metrics under clients that are slow, many, or send what is no request."""

import asyncio
import http.client
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from embedded import run
from embedded import serving as embedded
from metrics_support import connected, page, scraped, url_of
from served import CHILD_SECONDS, drain, get, serving
from vitok.http import metrics

pytestmark = pytest.mark.vitok_only

ADDRESS = ("--metrics", "127.0.0.1:0")
REQUEST = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n"


def port_of(url: str) -> int:
    """The port of the URL."""
    return int(url.split("/")[2].rpartition(":")[2])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_thousand_scrapes(workers: str) -> None:
    """Twenty connections with fifty scrapes each; the application answers meanwhile, and afterwards."""
    with serving(*ADDRESS, "--workers", workers) as served:
        url = url_of(served)

        def scrape(_: int) -> int:
            connection = connected(url)
            try:
                answered = 0
                for _ in range(50):
                    connection.request("GET", "/metrics")
                    answer = connection.getresponse()
                    answered += answer.status == 200 and b"vitok_workers" in answer.read()
                return answered
            finally:
                connection.close()

        with ThreadPoolExecutor(20) as pool:
            answered = pool.map(scrape, range(20))
            get(served.port)
            assert sum(answered) == 1000
        get(served.port)
        assert served.end() == 0


def test_a_scraper_that_never_reads() -> None:
    """It sends thousands of requests and reads no answer: others are answered, and the end does not wait for it."""
    with serving(*ADDRESS) as served:
        url = url_of(served)
        with socket.create_connection(("127.0.0.1", port_of(url))) as deaf:
            deaf.setblocking(False)
            sent = 0
            try:
                while sent < 2**24:
                    sent += deaf.send(REQUEST * 1000)
            except BlockingIOError:
                # The server has stopped reading.
                pass
            assert scraped(url)["vitok_workers"] == 1
            get(served.port)
            assert served.end() == 0


def test_a_scraper_that_leaves_in_the_middle() -> None:
    """Its scrape is one of several that are answered together: the others get theirs."""
    with serving(*ADDRESS, "--workers", "2") as served:
        url = url_of(served)
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port_of(url))) as leaving:
                leaving.sendall(REQUEST)
        assert scraped(url)["vitok_workers"] == 2
        assert served.end() == 0
    assert "ERROR" not in served.errors


def test_slow_and_many_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that does not come is cut off in time; connections beyond the limit are closed at once, and then there is
    room again.
    """
    monkeypatch.setitem(metrics._LIMITS, "timeout_header", 0.05)
    monkeypatch.setitem(metrics._LIMITS, "limit_connections", 2)

    async def main() -> None:
        async with embedded(metrics="127.0.0.1:0") as server:
            [url] = server.metrics_urls
            for _ in range(3):
                clients = [await asyncio.open_connection("127.0.0.1", port_of(url)) for _ in range(3)]
                for reader, writer in clients:
                    writer.write(b"GET /metr")
                    assert not (await reader.read()).startswith(b"HTTP/1.1 200")
                    writer.close()
            while await asyncio.to_thread(status_of, url) != 200:
                continue

    run(main())


def status_of(url: str) -> int:
    """The status of a scrape, 0 if this client was too slow, or one too many."""
    try:
        return page(url)[0]
    except (ConnectionError, http.client.HTTPException):
        return 0


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /metrics HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 4096 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nhost: x\r\naccept: " + b"x" * 20000 + b"\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\nconnection: close\r\n\r\n" + b"x" * 2000,
        (
            b"GET /metrics HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade, close\r\n"
            b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n"
        ),
    ],
)
def test_what_is_no_request(sent: bytes) -> None:
    """It is refused, and the next scrape is answered."""
    with serving(*ADDRESS) as served:
        url = url_of(served)
        with socket.create_connection(("127.0.0.1", port_of(url)), timeout=CHILD_SECONDS) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            assert not drain(client).startswith(b"HTTP/1.1 101")
        assert scraped(url)["vitok_workers"] == 1
        assert served.end() == 0
    assert "Traceback" not in served.errors
