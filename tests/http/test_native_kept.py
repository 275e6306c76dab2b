"""Requests and responses that an application keeps, and what is released with the last reference."""

import gc
from typing import Any

import pytest
from asgi_support import serving
from native_support import compiled, plain
from vitok import _native
from wires import both_wires

pytestmark = [pytest.mark.vitok_only, both_wires]


class Last(_native.Response):
    """A response that asks for something when nothing refers to it any more."""

    request: Any
    seen: list[Any]

    def __del__(self) -> None:
        """Ask the connection, as any code may."""
        self.seen.append(self.request.scheme)


def test_a_response_is_released_when_the_connection_is_free() -> None:
    """What its finalizer asks for is there."""
    seen: list[Any] = []

    def endpoint(request: Any) -> Any:
        response = Last(b"content")
        response.request, response.seen = request, seen
        return response

    with serving(compiled(plain(endpoint))) as site:
        client = site.connect()
        for _ in range(2):
            assert client.ask().body == b"content"
        gc.collect()
        assert seen == ["http", "http"]


@pytest.mark.parametrize("is_asked_before", [True, False])
def test_a_request_that_outlives_its_response_has_the_client_that_a_proxy_names(is_asked_before: bool) -> None:
    """The same before and after the response, and once the connection is closed."""
    kept: list[Any] = []

    def forwarded(scope: dict[str, Any]) -> None:
        assert scope["client"][0] == "127.0.0.1"
        scope["client"] = "192.0.2.7", 0
        scope["scheme"] = "https"

    def endpoint(request: Any) -> str:
        kept.append(request)
        return str(request.client) if is_asked_before else ""

    with serving(compiled(plain(endpoint)), forwarded=forwarded) as site:
        client = site.connect()
        client.ask()
        assert kept[0].client == ("192.0.2.7", 0)
        assert kept[0].scheme == "https"
        client.close()
        site.wait(lambda: site.http.connections == 0)
        assert kept[0].client == ("192.0.2.7", 0)
        assert kept[0].server[0] == "127.0.0.1"
