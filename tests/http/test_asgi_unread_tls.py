"""Clients that send a whole large request before they read, and applications that answer without reading it.

http.client is one of them; curl and aiohttp's client read while they send. On every transport, at a loop's full speed.
"""

import asyncio
import http.client
import ssl
from typing import Any

import pytest
from asgi_support import Site, hello, serving
from certificates_made import Certificates

pytestmark = pytest.mark.vitok_only

MEBIBYTE = 1024 * 1024
SECONDS_AT_MOST = 30


@pytest.fixture(params=["clear", "TLS", "TLS on asyncio's loop", "asyncio's loop"])
def options(request: pytest.FixtureRequest, certificates: Certificates) -> dict[str, Any]:
    """Where it is served, as options of `serving`."""
    options: dict[str, Any] = {}
    if "TLS" in request.param:
        options["tls"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        options["tls"].load_cert_chain(certificates.certificate, certificates.key)
    if "asyncio" in request.param:
        options["loop"] = asyncio.SelectorEventLoop()
    return options


def post(site: Site, size: int) -> int:
    """The status that http.client gets for so many bytes."""
    host, port = site.address
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS_AT_MOST)
    if site.context is not None:
        connection = http.client.HTTPSConnection(host, port, timeout=SECONDS_AT_MOST, context=site.context)
    try:
        connection.request("POST", "/", body=bytes(size))
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@pytest.mark.parametrize(("limit", "status"), [(None, 200), (1000, 413)])
def test_the_answer_to_a_large_upload_arrives(
    options: dict[str, Any], certificates: Certificates, limit: int | None, status: int
) -> None:
    """Whether an application or the server itself answers."""
    trusting = ssl.create_default_context(cafile=str(certificates.certificate)) if "tls" in options else None
    with serving(hello, limit_request_body=limit, **options) as site:
        site.context = trusting
        for size in (5 * MEBIBYTE, 5 * MEBIBYTE, 5 * MEBIBYTE, 30 * MEBIBYTE):
            assert site.run(asyncio.to_thread(post, site, size)) == status
        site.wait(lambda: site.http.connections == 0)
        site.run(site.loop.shutdown_default_executor())
