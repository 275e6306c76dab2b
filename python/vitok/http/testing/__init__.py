"""Testing an application: clients that call it in process, without a socket, and a server in a thread of its own.

    from vitok.http.testing import TestClient

    def test_greeting():
        with TestClient(app) as client:
            assert client.get("/hello", params={"name": "Ada"}).json() == {"hello": "Ada"}

`TestClient` and `AsyncTestClient` take any ASGI application; `serve` takes whatever `vitok.serve` does.
"""

from .async_client import AsyncTestClient, Options
from .client import StreamedResponse, TestClient, TestWebSocket
from .responses import AsyncStreamedResponse, ServerSentEvent, TestResponse
from .serving import serve
from .sessions import AsyncTestWebSocket, WebSocketRefused

__all__ = [
    "AsyncStreamedResponse",
    "AsyncTestClient",
    "AsyncTestWebSocket",
    "Options",
    "ServerSentEvent",
    "StreamedResponse",
    "TestClient",
    "TestResponse",
    "TestWebSocket",
    "WebSocketRefused",
    "serve",
]
