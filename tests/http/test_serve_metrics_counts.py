"""What the metrics say of requests, connections, bytes and WebSockets, beside traffic that is known exactly.

With workers the counts stay exact when one is killed, exchanged or replaced because of a limit.
"""

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
from pathlib import Path

import pytest
from certificates_made import Certificates
from metrics_support import page, scraped, scraped_until, url_of
from served import CHILD_SECONDS, Served, ask, get, serving
from vitok.http.limits import DURATION_BOUNDS

pytestmark = pytest.mark.vitok_only

ADDRESS = ("--metrics", "127.0.0.1:0")
TWO = (*ADDRESS, "--workers", "2", "--log-level", "debug")
READY = re.compile(r"worker (\d+) is ready")
STATUSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "none")
HANDSHAKE = (
    b"GET /socket HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n"
)


def requests(values: dict[str, float]) -> dict[str, float]:
    """The counts of requests by status, without those that are 0."""
    counts = {status: values[f'vitok_http_requests_total{{status="{status}"}}'] for status in STATUSES}
    return {status: count for status, count in counts.items() if count}


def has(**counts: int) -> dict[str, int]:
    """Counts by status: `_2xx=3`."""
    return {name.lstrip("_"): count for name, count in counts.items()}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_by_their_status(workers: str) -> None:
    """Each is counted once, as it ends, and its duration with it."""
    with serving(*ADDRESS, "--workers", workers) as served:
        url = url_of(served)
        assert requests(scraped(url)) == {}
        for path in ("/", "/status/201", "/status/302", "/status/404", "/status/404", "/status/503", "/sleep/0.06"):
            get(served.port, path)
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            assert b" 500 " in ask(client, b"GET /error HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            assert b" 400 " in ask(client, b"no request\r\n\r\n")
        values = scraped_until(url, lambda values: sum(requests(values).values()) == 9)
        assert requests(values) == has(_2xx=3, _3xx=1, _4xx=3, _5xx=2)
        name = "vitok_http_request_duration_seconds"
        buckets = [values[f'{name}_bucket{{le="{bound!r}"}}'] for bound in DURATION_BOUNDS]
        assert buckets == sorted(buckets)
        assert values[f'{name}_bucket{{le="0.05"}}'] < 9
        assert values[f'{name}_bucket{{le="+Inf"}}'] == values[f"{name}_count"] == 9
        assert values[f"{name}_sum"] >= 0.06
        assert served.end() == 0


def test_running_requests_and_connections() -> None:
    """Gauges follow what is open."""
    with serving(*ADDRESS) as served:
        url = url_of(served)
        with socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS) as client:
            client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n")
            values = scraped_until(url, lambda values: values["vitok_http_requests_running"] == 1)
            assert values["vitok_http_connections"] == values["vitok_http_connections_accepted_total"] == 1
            assert requests(values) == {}
            client.sendall(b"x")
            assert b" 200 " in client.recv(4096)
            values = scraped_until(url, lambda values: values["vitok_http_requests_running"] == 0)
            assert values["vitok_http_connections"] == 1
            assert requests(values) == has(_2xx=1)
        values = scraped_until(url, lambda values: values["vitok_http_connections"] == 0)
        assert values["vitok_http_connections_accepted_total"] == 1


def test_a_connection_that_is_kept_and_pipelined() -> None:
    """It is one connection with several requests."""
    with serving(*ADDRESS) as served:
        url = url_of(served)
        request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            ask(client, request * 4 + request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        values = scraped_until(url, lambda values: requests(values) == has(_2xx=5))
        assert values["vitok_http_connections_accepted_total"] == 1


@pytest.mark.parametrize("is_tls", [False, True])
def test_bytes(is_tls: bool, certificates: Certificates) -> None:
    """Received and sent: exactly those of the messages, over TLS those inside of it."""
    words = ("--ssl-certfile", certificates.both) if is_tls else ()
    with serving(*ADDRESS, *words) as served:
        url = url_of(served)
        request = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", served.port)))
            if is_tls:
                trusting = ssl.create_default_context(cafile=certificates.certificate)
                client = stack.enter_context(trusting.wrap_socket(client, server_hostname="localhost"))
            answer = ask(client, request)
        assert b'"size": 100000' in answer
        values = scraped_until(url, lambda values: requests(values) == has(_2xx=1))
        assert values["vitok_http_received_bytes_total"] == len(request)
        assert values["vitok_http_sent_bytes_total"] == len(answer)


def test_a_client_that_leaves() -> None:
    """Its request counts once, whatever became of it, and nothing stays open."""
    with serving(*ADDRESS) as served:
        url = url_of(served)
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(b"GET /sleep/0.2 HTTP/1.1\r\nhost: x\r\n\r\n")
            scraped_until(url, lambda values: values["vitok_http_requests_running"] == 1)
        values = scraped_until(url, lambda values: sum(requests(values).values()) == 1)
        assert requests(values) == has(_4xx=1)
        scraped_until(url, lambda values: values["vitok_http_connections"] == 0)


def test_websockets() -> None:
    """Open ones and all; the handshake is a request that has ended with 101."""
    with serving(*ADDRESS, app="websocket_apps:waits") as served:
        url = url_of(served)
        with socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS) as client:
            client.sendall(HANDSHAKE)
            assert client.recv(4096).startswith(b"HTTP/1.1 101")
            values = scraped_until(url, lambda values: values["vitok_websockets"] == 1)
            assert requests(values) == has(_1xx=1)
            assert values["vitok_websockets_accepted_total"] == 1
        values = scraped_until(url, lambda values: values["vitok_websockets"] == 0)
        assert values["vitok_websockets_accepted_total"] == 1
        assert requests(values) == has(_1xx=1)


def test_the_metrics_do_not_count_themselves() -> None:
    """Scrapes and probes are no requests of the application."""
    with serving(*ADDRESS) as served:
        url = url_of(served)
        for _ in range(3):
            page(url, "/ready")
            values = scraped(url)
        assert requests(values) == {}
        assert values["vitok_http_connections_accepted_total"] == 0


def ask_often(served: Served, count: int) -> None:
    """Send so many requests, each on a connection of its own. One that a worker which ends closes is sent again."""
    for _ in range(count):
        get(served.port)


def test_a_worker_that_is_killed_keeps_its_counts() -> None:
    """What was scraped is never lost, and what follows is added."""
    with serving(*TWO) as served:
        url = url_of(served)
        first, _ = (int(number) for number in READY.findall(served.errors))
        ask_often(served, 50)
        scraped_until(url, lambda values: requests(values) == has(_2xx=50))
        os.kill(first, signal.SIGKILL)
        served.read_until(rf"worker {first} ended \(SIGKILL\)")
        assert requests(scraped(url)) == has(_2xx=50)
        served.read_until(READY)
        ask_often(served, 50)
        values = scraped_until(url, lambda values: requests(values) == has(_2xx=100))
        assert values["vitok_http_request_duration_seconds_count"] == 100
        assert served.end() == 0


def test_an_exchange_loses_no_count() -> None:
    """A worker that ends gracefully sends its last report when its last request has ended."""
    with serving(*TWO) as served:
        url = url_of(served)
        for _ in range(3):
            ask_often(served, 20)
            served.child.send_signal(signal.SIGHUP)
            served.read_until("all workers have been replaced")
        values = scraped_until(url, lambda values: requests(values) == has(_2xx=60))
        assert values['vitok_worker_restarts_total{reason="hangup"}'] == 6
        assert values["vitok_http_connections"] == 0


def test_a_limit_of_requests_loses_no_count() -> None:
    """Workers are replaced again and again, and the sum is exact."""
    with serving(*TWO, "--limit-max-requests", "10") as served:
        url = url_of(served)
        answered = 0
        while True:
            try:
                get(served.port)
            except (ConnectionError, http.client.HTTPException):
                # A worker that leaves may close a connection before its request.
                continue
            answered += 1
            restarts = scraped(url)['vitok_worker_restarts_total{reason="requests"}']
            if restarts >= 3:
                break
        scraped_until(url, lambda values: requests(values) == has(_2xx=answered))
        assert served.end() == 0


def test_over_a_unix_socket(tmp_path: Path) -> None:
    """The application's connections are counted there, too."""
    with serving("--uds", tmp_path / "app.sock", *ADDRESS) as served:
        url = url_of(served)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "app.sock"))
            ask(client)
        values = scraped_until(url, lambda values: requests(values) == has(_2xx=1))
        assert values["vitok_http_connections_accepted_total"] == 1
