"""The client of a test without a loop: in its calls it runs a vitok loop of its own, in the thread of the test."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Coroutine, Generator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, TypeVar, Unpack

from vitok._loop import Loop
from vitok.http.application import Application
from vitok.http.native.websocket import Closed, WebSocketClosed

from .async_client import AsyncTestClient, Options
from .cookies import Cookies
from .requests import Fields, Pairs
from .responses import AsyncStreamedResponse, Head, ServerSentEvent, TestResponse
from .sessions import AsyncTestWebSocket

_T = TypeVar("_T")


class TestClient:
    """Calls an ASGI application in process.

        with TestClient(app) as client:
            assert client.get("/").text == "Hello"

    As a context manager it runs the lifespan of the application, and one loop for all requests of the block: tasks that
    the application starts go on in each call of the client. Without that there is no lifespan, and each request has a
    loop of its own.

    The arguments are those of `AsyncTestClient`, which is the client for a running loop.
    """

    __test__ = False

    def __init__(
        self,
        app: Application,
        *,
        base_url: str = "http://testserver",
        headers: Fields | None = None,
        cookies: Mapping[str, str] | None = None,
        follow_redirects: bool = False,
        raise_server_exceptions: bool = True,
        root_path: str = "",
        client: tuple[str, int] | None = ("127.0.0.1", 50000),
        path_send: bool = False,
    ) -> None:
        self.app = app
        """The application that is called."""
        self._client = AsyncTestClient(
            app,
            base_url=base_url,
            headers=headers,
            cookies=cookies,
            follow_redirects=follow_redirects,
            raise_server_exceptions=raise_server_exceptions,
            root_path=root_path,
            client=client,
            path_send=path_send,
        )
        self._runner: asyncio.Runner | None = None

    @property
    def cookies(self) -> Cookies:
        """The cookies by name; `cookies.jar` has their domains and paths."""
        return self._client.cookies

    @property
    def state(self) -> dict[str, Any] | None:
        """What the lifespan has kept for requests."""
        return self._client.state

    def __enter__(self) -> TestClient:
        """Start the application. Its exception if it fails to, or LifespanError if it only reports a failure."""
        if self._runner is not None:
            raise RuntimeError("the client is in use as a context manager already")
        runner = _runner()
        try:
            _run(runner, self._client.__aenter__())
        except BaseException:
            runner.close()
            raise
        self._runner = runner
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the application, and cancel what it has left running."""
        runner, self._runner = self._runner, None
        if runner is not None:
            try:
                _run(runner, self._client.__aexit__(kind, error, trace))
            finally:
                runner.close()

    def request(self, method: str, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a request, and return its response when the application has returned.

        `url` is a path or a URL; `Options` lists the keywords.
        """
        with self._running() as runner:
            return _run(runner, self._client.request(method, url, **options))

    @contextmanager
    def stream(self, method: str, url: str, **options: Unpack[Options]) -> Generator[StreamedResponse]:
        """Send a request, and read its response part by part within the block.

        At the end of the block the client leaves. Redirects are not followed.
        """
        with self._running() as runner, _entered(runner, self._client.stream(method, url, **options)) as response:
            yield StreamedResponse(response, runner)

    @contextmanager
    def websocket_connect(
        self,
        url: str,
        subprotocols: tuple[str, ...] | list[str] = (),
        *,
        params: Pairs | None = None,
        headers: Fields | None = None,
    ) -> Generator[TestWebSocket]:
        """Connect a WebSocket for the block. WebSocketRefused if the application does not accept it."""
        made = self._client.websocket_connect(url, subprotocols, params=params, headers=headers)
        with self._running() as runner, _entered(runner, made) as socket:
            yield TestWebSocket(socket, runner)

    def get(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a GET."""
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a HEAD."""
        return self.request("HEAD", url, **options)

    def options(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send an OPTIONS."""
        return self.request("OPTIONS", url, **options)

    def post(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a POST."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a PUT."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a PATCH."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a DELETE."""
        return self.request("DELETE", url, **options)

    @contextmanager
    def _running(self) -> Generator[asyncio.Runner]:
        """Give the loop of the client, or one for this block."""
        if self._runner is not None:
            yield self._runner
            return
        with _runner() as runner:
            yield runner


class StreamedResponse(Head):
    """A response that is read part by part. Each part can be read once."""

    def __init__(self, response: AsyncStreamedResponse, runner: asyncio.Runner) -> None:
        super().__init__(response.url, response.status, response.headers.raw, response.history)
        self._response = response
        self._runner = runner

    def read(self) -> bytes:
        """Return the rest of the content."""
        return _run(self._runner, self._response.read())

    def iter_bytes(self) -> Iterator[bytes]:
        """Iterate over the parts of the content as they were sent."""
        return _each(self._runner, self._response.iter_bytes())

    def iter_lines(self) -> Iterator[str]:
        """Iterate over the lines of the content, without their ends."""
        return _each(self._runner, self._response.iter_lines())

    def iter_events(self) -> Iterator[ServerSentEvent]:
        """Iterate over server-sent events."""
        return _each(self._runner, self._response.iter_events())


class TestWebSocket:
    """The client's end of a WebSocket."""

    __test__ = False

    def __init__(self, socket: AsyncTestWebSocket, runner: asyncio.Runner) -> None:
        self._socket = socket
        self._runner = runner

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the application has chosen."""
        return self._socket.subprotocol

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The fields that the application has added to the response."""
        return self._socket.headers

    @property
    def closed(self) -> Closed | None:
        """How the application has closed it: None while it is open."""
        return self._socket.closed

    def send(self, message: str | bytes) -> None:
        """Send a message. WebSocketClosed if the application has closed the WebSocket."""
        _run(self._runner, self._socket.send(message))

    def send_json(self, value: Any) -> None:
        """Send a value as JSON."""
        _run(self._runner, self._socket.send_json(value))

    def receive(self) -> str | bytes:
        """Return the next message. WebSocketClosed once the application has closed the WebSocket, or its exception."""
        return _run(self._runner, self._socket.receive())

    def receive_text(self) -> str:
        """Return the next message. AssertionError if it is not text."""
        return _run(self._runner, self._socket.receive_text())

    def receive_bytes(self) -> bytes:
        """Return the next message. AssertionError if it is not bytes."""
        return _run(self._runner, self._socket.receive_bytes())

    def receive_json(self) -> Any:
        """Return the value of the next message."""
        return _run(self._runner, self._socket.receive_json())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the WebSocket. No effect once either side has."""
        _run(self._runner, self._socket.close(code, reason))

    def __iter__(self) -> Iterator[str | bytes]:
        """Iterate over the messages, until the application closes the WebSocket."""
        while True:
            try:
                message = self.receive()
            except WebSocketClosed:
                return
            yield message


def _runner() -> asyncio.Runner:
    if asyncio.events._get_running_loop() is not None:
        raise RuntimeError("TestClient has a loop of its own: use AsyncTestClient in a running loop")
    return asyncio.Runner(loop_factory=Loop)


def _run(runner: asyncio.Runner, work: Coroutine[Any, Any, _T]) -> _T:
    # Each in a context with what the test has set by now.
    return runner.run(work, context=contextvars.copy_context())


@contextmanager
def _entered(runner: asyncio.Runner, manager: AbstractAsyncContextManager[_T]) -> Generator[_T]:
    """Enter and leave an asynchronous context manager."""
    with _Entered(runner, manager) as value:
        yield value


class _Entered(AbstractContextManager[_T]):
    """An asynchronous context manager as one without a loop: an exception of the block reaches it."""

    def __init__(self, runner: asyncio.Runner, manager: AbstractAsyncContextManager[_T]) -> None:
        self._runner = runner
        self._manager = manager

    def __enter__(self) -> _T:
        return _run(self._runner, _awaited(self._manager.__aenter__()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return _run(self._runner, _awaited(self._manager.__aexit__(kind, error, trace)))


async def _awaited(waiting: Awaitable[_T]) -> _T:
    return await waiting


def _each(runner: asyncio.Runner, parts: AsyncIterator[_T]) -> Iterator[_T]:
    """Iterate over an asynchronous iterator."""
    iterator = aiter(parts)
    while True:
        try:
            part = _run(runner, _awaited(anext(iterator)))
        except StopAsyncIteration:
            return
        yield part
