"""What the scopes of a server have in common. Requests and WebSockets are not known here."""

import pytest
from vitok.http.scope import prototype, websocket_prototype

pytestmark = pytest.mark.vitok_only


def test_the_scope_of_a_websocket() -> None:
    """It has a key for everything in the specification except the state, and none of a request's own."""
    scope, asgi, extensions = websocket_prototype("/api", "3.0")
    assert list(scope) == [
        *("type", "asgi", "http_version", "scheme", "path", "raw_path", "query_string", "root_path"),
        *("headers", "client", "server", "subprotocols", "extensions"),
    ]
    assert (scope["type"], scope["scheme"], scope["root_path"]) == ("websocket", "ws", "/api")
    assert asgi == {"version": "3.0", "spec_version": "2.5"}
    assert extensions == {"websocket.http.response": {}}


def test_both_kinds_of_scope_differ_in_two_keys() -> None:
    """A request has a method, a WebSocket subprotocols."""
    of_request, of_websocket = prototype("", "3.0", False, False)[0], websocket_prototype("", "3.0")[0]
    assert of_request.keys() ^ of_websocket.keys() == {"method", "subprotocols"}


def test_each_call_makes_dicts_of_its_own() -> None:
    """A server changes its own ones."""
    first, second = websocket_prototype("", "3.0"), websocket_prototype("", "3.0")
    assert first == second
    assert not {id(one) for one in first} & {id(one) for one in second}
