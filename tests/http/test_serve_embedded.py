"""A server in a running loop: the effect of its options on requests.

Processes and the command line are not tested here.
"""

import asyncio
import ssl
from typing import Any

import asgi_apps
import pytest
from certificates_made import Certificates
from embedded import GET, ask, content, fields, port_of, run, serving

pytestmark = pytest.mark.vitok_only


def test_started_and_urls() -> None:
    """`started` is set when it listens, and `urls` say where; afterwards nobody listens."""

    async def main() -> None:
        async with serving() as server:
            assert server.started.is_set()
            assert content(await ask(server))["scheme"] == "http"
        with pytest.raises(ConnectionRefusedError):
            await ask(server)

    run(main())


def test_the_state_of_the_lifespan() -> None:
    """What the application keeps at startup is in each scope as a copy; without a lifespan there is no state."""

    async def main() -> None:
        async with serving(asgi_apps.app) as server:
            assert content(await ask(server))["state"] == {"answer": 42}
        async with serving() as server:
            assert content(await ask(server))["state"] is None
        async with serving(asgi_apps.app, lifespan="off") as server:
            assert content(await ask(server))["state"] is None

    run(main())


def test_headers_of_responses() -> None:
    """Server and Date are sent or not, and others are added."""

    async def main() -> None:
        async with serving(headers=[("X-One", "1")]) as server:
            found = fields(await ask(server))
        assert b"x-one: 1" in found
        assert b"server: vitok" in found
        assert [field for field in found if field.startswith(b"date: ")]
        async with serving(server_header=False, date_header=False) as server:
            found = fields(await ask(server))
        assert not [field for field in found if field.startswith((b"date:", b"server:"))]

    run(main())


def test_the_path_of_the_application() -> None:
    """root_path is in each scope."""

    async def main() -> None:
        async with serving(root_path="/below") as server:
            assert content(await ask(server))["root_path"] == "/below"

    run(main())


def test_an_application_of_asgi_2() -> None:
    """It is seen as such, and told so."""

    async def main() -> None:
        async with serving(asgi_apps.Old) as server:
            assert content(await ask(server))["asgi"]["version"] == "2.0"

    run(main())


def test_a_proxy_is_believed_only_when_asked_to() -> None:
    """X-Forwarded-* changes nothing by default, and client and scheme with proxy_headers."""
    request = GET.replace(b"host: x", b"host: x\r\nx-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https")

    async def main() -> None:
        async with serving() as server:
            answer = content(await ask(server, request))
            assert (answer["client"][0], answer["scheme"]) == ("127.0.0.1", "http")
        async with serving(proxy_headers=True) as server:
            answer = content(await ask(server, request))
            assert (answer["client"], answer["scheme"]) == (["192.0.2.7", 0], "https")
        async with serving(proxy_headers=True, forwarded_allow_ips="10.0.0.1") as server:
            assert content(await ask(server, request))["client"][0] == "127.0.0.1"

    run(main())


@pytest.mark.parametrize(
    ("options", "request_bytes", "status"),
    [
        ({"limit_request_line": 20}, b"GET /" + b"x" * 20 + b" HTTP/1.1\r\nhost: x\r\n\r\n", b"414"),
        ({"limit_request_head": 100}, b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"x" * 100 + b"\r\n\r\n", b"431"),
        ({"limit_request_fields": 2}, b"GET / HTTP/1.1\r\nhost: x\r\na: 1\r\nb: 2\r\n\r\n", b"431"),
        ({"limit_request_body": 3}, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nabcd", b"413"),
        ({"timeout_header": 0.1}, b"GET / HTTP/1.1\r\nhost", b"408"),
        ({"timeout_body": 0.1}, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\na", b"408"),
        ({"timeout_header": 0.1}, b"", b""),
    ],
)
def test_what_is_refused(options: dict[str, Any], request_bytes: bytes, status: bytes) -> None:
    """Each limit and each timeout has its answer, and then the connection closes."""

    async def main() -> None:
        async with serving(**options) as server:
            answer = await ask(server, request_bytes)
            assert answer[9:12] == status, answer
            assert (await ask(server)).startswith(b"HTTP/1.1 200 ")

    run(main())


def test_an_idle_connection_is_closed() -> None:
    """After timeout_keep_alive without a request the connection closes; the first request was answered."""

    async def main() -> None:
        async with serving(timeout_keep_alive=0.1) as server:
            answer = await ask(server, GET.replace(b"close", b"keep-alive"))
            assert answer.count(b"HTTP/1.1 200 ") == 1

    run(main())


def test_more_requests_than_may_run() -> None:
    """Beyond limit_concurrency requests are answered with 503, and served again when there is room."""

    async def main() -> None:
        async with serving(limit_concurrency=1) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            writer.write(GET.replace(b"/ ", b"/sleep/0.3 "))
            await asyncio.sleep(0.05)
            assert (await ask(server)).startswith(b"HTTP/1.1 503 ")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()
            assert (await ask(server)).startswith(b"HTTP/1.1 200 ")

    run(main())


def test_more_connections_than_may_be() -> None:
    """Beyond limit_connections a connection is closed at once."""

    async def main() -> None:
        async with serving(limit_connections=1) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            await asyncio.sleep(0.05)
            try:
                assert await ask(server) == b""
            except ConnectionResetError:
                # Closed before what was sent had been read.
                assert True
            writer.close()

    run(main())


def test_tls_in_a_running_loop(certificates: Certificates) -> None:
    """The loop's own TLS transports carry the native protocol, and end gracefully."""

    async def main() -> None:
        async with serving(ssl_certfile=certificates.both) as server:
            context = ssl.create_default_context(cafile=str(certificates.certificate))
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server), ssl=context)
            writer.write(GET)
            answer = await reader.read()
            assert content(answer)["scheme"] == "https"
            writer.close()

    run(main())
