"""The server of metrics and health beside a single process: its pages, its addresses, and what it tells of the server.

Several workers are in test_serve_metrics_workers.py, hostile clients in test_serve_metrics_hostile.py.
"""

import asyncio
import socket
from pathlib import Path

import pytest
import vitok
import vitok.http
from certificates_made import Certificates
from embedded import run
from embedded import serving as embedded
from metrics_support import METRICS, page, ready_until, scraped, scraped_until, url_of, values_of
from served import CHILD_SECONDS, refused, serving, started
from vitok.http.exposition import OPENMETRICS, TEXT

pytestmark = pytest.mark.vitok_only

ADDRESS = ("--metrics", "127.0.0.1:0")


def test_the_pages() -> None:
    """Three of them, by GET and HEAD; other paths and methods are refused. None of this is logged."""
    with serving(*ADDRESS) as served:
        url = url_of(served)
        assert page(url, "/live")[:2] == (200, "alive\n")
        assert page(url, "/ready")[:2] == (200, "ready\n")
        status, text, fields = page(url)
        assert (status, fields["content-type"]) == (200, TEXT)
        assert values_of(text)["vitok_workers"] == 1
        status, text, fields = page(url, method="HEAD")
        assert (status, text, fields["content-type"]) == (200, "", TEXT)
        assert int(fields["content-length"]) > 0
        assert page(url, "/")[0] == 404
        assert page(url, "/metrics/")[0] == 404
        assert page(url, method="POST")[0] == 405
        assert served.end() == 0
    assert "/metrics" not in served.output
    assert "/live" not in served.output


def test_the_format_is_negotiated() -> None:
    """OpenMetrics for a client that asks for it."""
    with serving(*ADDRESS) as served:
        _, text, fields = page(url_of(served), accept="application/openmetrics-text;version=1.0.0, text/plain;q=0.5")
        assert fields["content-type"] == OPENMETRICS
        assert fields["vary"] == "accept"
        assert text.endswith("# EOF\n")


@pytest.mark.parametrize("form", ["127.0.0.1:0", "[::1]:0", ":0", "unix"])
def test_addresses(form: str, tmp_path: Path) -> None:
    """The forms of --bind; the file of a Unix socket is removed at the end."""
    path = tmp_path / "metrics.sock"
    with serving("--metrics", f"unix:{path}" if form == "unix" else form) as served:
        urls = served.errors.partition("metrics: ")[2].splitlines()[0].split()
        for url in urls:
            assert "process_cpu_seconds_total" in scraped(url)
        assert urls[0].startswith("unix:" if form == "unix" else "http://")
        assert served.end() == 0
    assert not path.exists()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("address", ["9000", "localhost", "unix:", "fd://3", "http://localhost:9000/metrics", ""])
def test_what_is_no_address(address: str, workers: str) -> None:
    """One line with the option, and the exit code of a wrong option."""
    code, lines = refused("--port", "0", "--metrics", address, "--workers", workers)
    assert code == 2
    assert lines == [
        f"vitok serve: --metrics: {address!r} is not HOST:PORT, [::1]:PORT, :PORT or unix:PATH",
    ]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_address_in_use(workers: str) -> None:
    """One line with the option and the address, and the exit code of what can't be started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        code, lines = refused("--port", "0", "--metrics", where, "--workers", workers)
    assert (code, lines) == (3, [f"vitok serve: --metrics: {where}: in use by another process"])


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("form", ["127.0.0.1:{}", ":{}", "0.0.0.0:{}", "localhost:{}"])
def test_the_address_of_the_server_itself(form: str, workers: str) -> None:
    """It is refused, although two sockets can be bound to it before either listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = form.format(port)
    code, lines = refused("--port", port, "--metrics", where, "--workers", workers)
    assert code == 2
    assert lines == [f"vitok serve: --metrics: {where} is the address of the server itself: expected another one"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_unix_socket_of_the_server_itself(workers: str, tmp_path: Path) -> None:
    """By whatever name; the file of the server is removed as always."""
    (tmp_path / "link").symlink_to(tmp_path)
    path = f"unix:{tmp_path}/link/app.sock"
    code, lines = refused("--uds", tmp_path / "app.sock", "--metrics", path, "--workers", workers)
    assert code == 2
    assert lines == [f"vitok serve: --metrics: {path} is the address of the server itself: expected another one"]
    assert not (tmp_path / "app.sock").exists()


def test_without_the_option_there_is_none() -> None:
    """Nothing listens, and nothing is said."""
    with serving() as served:
        assert served.end() == 0
    assert METRICS.search(served.errors) is None


def test_a_server_that_starts() -> None:
    """It lives, and is not ready until the application has started."""
    with started("--port", "0", *ADDRESS, app="asgi_apps:starts_for_ever") as served:
        url = url_of(served)
        assert page(url, "/live")[0] == 200
        assert page(url, "/ready")[:2] == (503, "starting: the application has not started yet\n")
        assert scraped(url)["vitok_workers"] == 0
        assert served.end() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_ends(workers: str) -> None:
    """While a request runs, the metrics stay, and say that the server is ending."""
    with serving(*ADDRESS, "--workers", workers) as served:
        url = url_of(served)
        assert ready_until(url, 200) == "ready\n"
        with socket.create_connection(("127.0.0.1", served.port)) as slow:
            slow.settimeout(CHILD_SECONDS)
            slow.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n")
            scraped_until(url, lambda values: values['vitok_loop_transports{kind="stream"}'] > 0)
            served.child.terminate()
            assert ready_until(url, 503) == "ending: the server is shutting down\n"
            assert page(url, "/live")[0] == 200
            assert scraped(url)["process_cpu_seconds_total"] > 0
            slow.sendall(b"x")
            assert b"200 OK" in slow.recv(4096)
        assert served.wait() == 0


def test_over_tls_the_metrics_are_not(certificates: Certificates) -> None:
    """The server has a certificate, its metrics have none."""
    with serving("--ssl-certfile", certificates.both, *ADDRESS) as served:
        assert served.urls[0].startswith("https://")
        assert scraped(url_of(served))["vitok_workers"] == 1


def test_numbers_of_the_process() -> None:
    """They are named as by Prometheus' own clients."""
    with serving(*ADDRESS) as served:
        url = url_of(served)
        first, second = scraped(url), scraped(url)
        assert first["process_resident_memory_bytes"] > 2**20
        assert 0 < first["process_cpu_seconds_total"] < second["process_cpu_seconds_total"]
        assert first["process_start_time_seconds"] == second["process_start_time_seconds"]
        assert first["process_start_time_seconds"] > 1.6e9
        assert first["vitok_loop_turns_total"] < second["vitok_loop_turns_total"]
        assert first[f'vitok_build_info{{version="{vitok.__version__}"}}'] == 1
        assert not any("restarts" in name for name in first)


def test_an_embedded_server() -> None:
    """A server in a running loop has them, too, as long as it serves."""

    async def main() -> None:
        async with embedded(metrics="127.0.0.1:0") as server:
            [url] = server.metrics_urls
            assert (await asyncio.to_thread(page, url, "/ready"))[:2] == (200, "ready\n")
            values = await asyncio.to_thread(scraped, url)
            assert values["vitok_workers"] == 1
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(page, url)

    run(main())


def test_an_embedded_server_with_its_own_address() -> None:
    """An error of the address is a ValueError, before anything is served."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with pytest.raises(ValueError, match=r"--metrics: .* the address of the server itself"):
            await vitok.http.Server("asgi_apps:app", port=port, metrics=f"127.0.0.1:{port}").serve()

    run(main())
