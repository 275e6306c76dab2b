"""The client of a test in a running loop: requests with cookies and redirects, and the lifespan of the application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, TypedDict, Unpack
from urllib.parse import urljoin

from vitok.http import scope as scopes
from vitok.http.application import Application, as_asgi3
from vitok.http.lifespan import Lifespan, LifespanError
from vitok.http.log import Log

from . import requests
from .cookies import Cookies
from .exchange import Exchange
from .requests import Content, Fields, Files, Pairs
from .responses import AsyncStreamedResponse, Head, TestResponse
from .sessions import AsyncTestWebSocket

# As browsers follow: https://fetch.spec.whatwg.org/#http-redirect-fetch.
_REDIRECTS_AT_MOST = 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Where the application seems to be, and its client: names and addresses that nobody has.
_BASE_URL = "http://testserver"
_CLIENT = ("127.0.0.1", 50000)
# A scope, and the dicts for its `asgi` and `extensions`.
Prototype = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


class Options(TypedDict, total=False):
    """What a request may be given besides its method and URL."""

    params: Pairs | None
    """Parameters of the query, added to those of the URL. A list stands for several values."""
    headers: Fields | None
    """Header fields, which replace those of the client with the same name."""
    json: Any
    """A value that is sent as JSON."""
    data: Pairs | None
    """Fields of a form, sent as application/x-www-form-urlencoded, or with `files` as multipart/form-data."""
    files: Files | None
    """Files of a form by field: bytes, an open file, `(name, content)` or `(name, content, media type)`."""
    content: Content | None
    """Bytes, text, or an iterable of bytes, which is sent in parts."""
    follow_redirects: bool | None
    """Whether redirects are followed, instead of what the client was given."""


class AsyncTestClient:
    """Calls an ASGI application in process, in the running loop.

        async with AsyncTestClient(app) as client:
            response = await client.get("/")

    As a context manager it runs the lifespan of the application; without that there is none.

    Args:
        app: Any ASGI application.
        base_url: Where the application seems to be served; the URLs of requests are relative to it.
        headers: Fields of every request.
        cookies: Cookies of every request. Those that responses set are kept in `cookies`.
        follow_redirects: Whether redirects to the same origin are followed. Each request may choose for itself.
        raise_server_exceptions: Whether exceptions of the application are raised. Otherwise they are responses with
            status 500, as they are to the clients of a server.
        root_path: The path under which a proxy would publish the application.
        client: The address of the client, as the application sees it.
        path_send: Whether files are sent by the extension `http.response.pathsend`, as with `vitok serve --path-send`.
    """

    __test__ = False

    def __init__(
        self,
        app: Application,
        *,
        base_url: str = _BASE_URL,
        headers: Fields | None = None,
        cookies: Mapping[str, str] | None = None,
        follow_redirects: bool = False,
        raise_server_exceptions: bool = True,
        root_path: str = "",
        client: tuple[str, int] | None = _CLIENT,
        path_send: bool = False,
    ) -> None:
        self.app = app
        """The application that is called."""
        self.cookies: Cookies = Cookies(cookies)
        """The cookies by name; `cookies.jar` has their domains and paths."""
        self.state: dict[str, Any] | None = None
        """What the lifespan has kept for requests."""
        self._application = as_asgi3(app)
        self._base_url = requests.split(base_url).geturl()
        self._headers = requests.pairs_of(headers or ())
        self._follows = follow_redirects
        self._reports_errors = raise_server_exceptions
        self._root_path = root_path
        self._client = client
        self._http: Prototype = scopes.prototype(root_path, "3.0", path_send, False)[:3]
        self._websocket: Prototype = scopes.websocket_prototype(root_path, "3.0")
        self._lifespan: Lifespan | None = None

    async def __aenter__(self) -> AsyncTestClient:
        """Start the application. Its exception if it fails to, or LifespanError if it only reports a failure."""
        lifespan = Lifespan(self._application, "auto", Log())
        try:
            await lifespan.startup()
        except LifespanError as error:
            raise (error.__cause__ or error) from None
        self._lifespan, self.state = lifespan, lifespan.state
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the application. Its exception if it fails to, or LifespanError if it only reports a failure."""
        lifespan, self._lifespan = self._lifespan, None
        if lifespan is not None:
            try:
                await lifespan.shutdown(None)
            except LifespanError as failed:
                raise (failed.__cause__ or failed) from None
            finally:
                await lifespan.cancel()

    async def request(self, method: str, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a request, and return its response when the application has returned.

        `url` is a path or a URL; `Options` lists the keywords.
        """
        follows = options.pop("follow_redirects", None)
        one = self._make(method, url, **options)
        history: list[TestResponse] = []
        while True:
            response = await self._whole(one, history)
            location = response.headers.get("location")
            follows = self._follows if follows is None else follows
            if not follows or response.status not in _REDIRECTS or location is None:
                return response
            following = one.redirected(response.status, location)
            if requests.origin(following.url) != requests.origin(one.url):
                # Only the application is here, and not what is elsewhere.
                return response
            if len(history) >= _REDIRECTS_AT_MOST:
                raise RuntimeError(f"{one.url.geturl()} redirects more than {_REDIRECTS_AT_MOST} times")
            history, one = [*history, response], following

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Unpack[Options]) -> AsyncGenerator[AsyncStreamedResponse]:
        """Send a request, and read its response part by part within the block.

        At the end of the block the client leaves. Redirects are not followed.
        """
        options.pop("follow_redirects", None)
        exchange, head = await self._begin(self._make(method, url, **options), [])
        try:
            yield AsyncStreamedResponse(head, exchange.part)
        except BaseException:
            exchange.cancel()
            raise
        await exchange.leave()

    async def get(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a GET."""
        return await self.request("GET", url, **options)

    async def head(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a HEAD."""
        return await self.request("HEAD", url, **options)

    async def options(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send an OPTIONS."""
        return await self.request("OPTIONS", url, **options)

    async def post(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a POST."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a PUT."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a PATCH."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Unpack[Options]) -> TestResponse:
        """Send a DELETE."""
        return await self.request("DELETE", url, **options)

    def websocket_connect(
        self,
        url: str,
        subprotocols: tuple[str, ...] | list[str] = (),
        *,
        params: Pairs | None = None,
        headers: Fields | None = None,
    ) -> AsyncTestWebSocket:
        """Return a WebSocket, which connects when its block begins: `async with client.websocket_connect("/chat")`."""
        own = [
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-version", b"13"),
            # The example of RFC 6455.
            (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ]
        if subprotocols:
            own.append((b"sec-websocket-protocol", ", ".join(subprotocols).encode("latin-1")))
        one = self._make("GET", url, params=params, headers=[*requests.pairs_of(headers or ()), *own])
        scope = self._scope(one, self._websocket)
        scope["scheme"] = scope["scheme"].replace("http", "ws")
        scope["subprotocols"] = list(subprotocols)
        return AsyncTestWebSocket(self._application, scope, one.url.geturl(), reports_errors=self._reports_errors)

    def _make(self, method: str, url: str, **options: Any) -> requests.Request:
        """Make a request, with the fields and cookies of the client."""
        given = requests.pairs_of(options.pop("headers", None) or ())
        names = {name.lower() for name, _ in given}
        fields = [pair for pair in self._headers if pair[0].lower() not in names]
        return requests.make(method, urljoin(self._base_url, url), headers=[*fields, *given], **options)

    async def _whole(self, one: requests.Request, history: list[TestResponse]) -> TestResponse:
        """Send a request and read its response."""
        exchange, head = await self._begin(one, history)
        try:
            parts: list[bytes] = []
            while (part := await exchange.part()) is not None:
                parts.append(part)
            await exchange.end()
        except BaseException:
            exchange.cancel()
            raise
        return TestResponse(head, b"".join(parts))

    async def _begin(self, one: requests.Request, history: list[TestResponse]) -> tuple[Exchange, Head]:
        """Send a request and wait for the head of its response."""
        scope = self._scope(one, self._http)
        exchange = Exchange(self._application, scope, one.content, reports_errors=self._reports_errors)
        try:
            await exchange.head()
        except BaseException:
            exchange.cancel()
            raise
        url = one.url.geturl()
        self.cookies.keep(url, exchange.headers)
        return exchange, Head(url, exchange.status, exchange.headers, history)

    def _scope(self, one: requests.Request, prototype: Prototype) -> dict[str, Any]:
        """Return the scope of a request."""
        common, asgi, extensions = prototype
        scope: dict[str, Any] = {
            **common,
            "asgi": dict(asgi),
            "extensions": dict(extensions),
            **one.scope(),
            "client": self._client,
        }
        scope["path"] = self._root_path + scope["path"]
        scope["raw_path"] = self._root_path.encode() + scope["raw_path"]
        if (cookie := self.cookies.field(one.url.geturl())) is not None:
            scope["headers"].append((b"cookie", cookie.encode("latin-1")))
        if self.state is not None:
            scope["state"] = dict(self.state)
        return scope
