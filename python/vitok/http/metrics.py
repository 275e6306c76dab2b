"""The server of metrics and health, on an address of its own (`--metrics`): /metrics, /live and /ready.

It is a second, small server in a loop that runs already: that of a single process, or that of a supervisor. Its
requests are neither logged nor counted, and it never uses TLS. Where the numbers come from is not known here.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vitok._native import HttpServer

from . import sockets
from .exposition import Family, chosen, rendered
from .leaving import first_of
from .log import Log
from .metric_families import server_families, worker_families
from .options import OptionError, Options, native_options
from .report import FRESH_SECONDS

# Prometheus has one connection, a probe one for each question, and neither sends content: with small limits, clients
# that are slow, or many, take little from the application beside which this runs. Prometheus asks once a minute by
# default, on a connection that it keeps.
_LIMITS: dict[str, Any] = {
    "timeout_header": 5.0,
    "timeout_body": 5.0,
    "timeout_keep_alive": 75.0,
    "limit_request_line": 2048,
    "limit_request_head": 16 * 1024,
    "limit_request_body": 1024,
    "limit_connections": 100,
    "http": "1",
    "ws": "none",
}
_BACKLOG = 128
# The time for running scrapes when the server ends, and for their connections to be told.
_END_SECONDS = 0.5
_ABORT_SECONDS = 0.1
# A thread that has not answered for so long is stuck, as far as can be known.
SILENT_SECONDS = 3.0
_WILDCARDS = ("0.0.0.0", "::")


class Source(Protocol):
    """Where the numbers and the state of the server come from."""

    async def families(self) -> list[Family]:
        """Return the metrics of this moment, within a second."""
        ...

    async def unready(self) -> str:
        """Return in a line why requests are not served now, "" if they are, within a second."""
        ...

    async def stuck(self) -> str:
        """Return in a line what hangs and is not replaced, "" for nothing; within a second."""
        ...


@dataclass(frozen=True, slots=True)
class SingleProcess:
    """A server without workers."""

    report: Callable[[], dict[str, Any]]
    reason: Callable[[], str]
    """Why requests are not served, or ""."""
    answered: Callable[[], Awaitable[object]]
    """Waits until all further threads have answered, and told their numbers."""
    silent: Callable[[float], list[str]]
    """The names of the threads that have not answered for so many seconds."""

    async def families(self) -> list[Family]:
        """Return the metrics of this process. Those of a thread that is silent are the last that it has told."""
        await self._ask()
        workers = worker_families(ready=int(not self.reason()), expected=1, restarts={})
        return server_families(**self.report()) + workers

    async def unready(self) -> str:
        """Return why requests are not served, or ""."""
        return self.reason()

    async def stuck(self) -> str:
        """Return which threads are silent, or ""."""
        await self._ask()
        names = self.silent(SILENT_SECONDS)
        return f"silent: {', '.join(names)}" if names else ""

    async def _ask(self) -> None:
        asked = asyncio.ensure_future(self.answered())
        try:
            await first_of(asked, seconds=FRESH_SECONDS)
        finally:
            asked.cancel()


def address_of(options: Options) -> sockets.Tcp | sockets.Unix | None:
    """Return the address of the option, None without it. OptionError for one in no known form."""
    if options.metrics is None:
        return None
    try:
        address = sockets.parse_address(options.metrics)
    except OptionError:
        address = None
    if address is None or isinstance(address, sockets.Inherited):
        raise OptionError(f"--metrics: {options.metrics!r} is not HOST:PORT, [::1]:PORT, :PORT or unix:PATH")
    return address


def bind(options: Options, others: Sequence[sockets.Bound]) -> list[sockets.Bound]:
    """Bind the sockets of the address, none without the option. `others` are those of the server itself.

    OptionError for the address of the server itself, OSError for one that can't be bound.
    """
    address = address_of(options)
    if address is None:
        return []
    same = OptionError(f"--metrics: {address} is the address of the server itself: expected another one")
    if isinstance(address, sockets.Unix) and any(_is_file_of(other, address.path) for other in others):
        raise same
    try:
        bound = sockets.bind([address], permissions=options.uds_permissions)
    except OSError as error:
        raise OSError(error.errno, f"--metrics: {error.strerror}") from None
    # Two sockets can be bound to one port, as long as none of them listens.
    if any(_overlap(one.sock, other.sock) for one in bound for other in others):
        sockets.close(bound)
        raise same
    return bound


@asynccontextmanager
async def serving(bound: Sequence[sockets.Bound], source: Source, log: Log) -> AsyncGenerator[None]:
    """Serve on these sockets for the block, and close them. Without sockets nothing is done.

    OSError for an address that another process has taken meanwhile.
    """
    if not bound:
        yield
        return
    pages = _Pages(source)
    http = HttpServer(asyncio.get_running_loop(), pages.routes(), _settings(), log)
    servers: list[asyncio.Server] = []
    try:
        await _listen(http, bound, servers)
        log.logger.info("metrics: %s", " ".join(urls_of(bound)))
        yield
    finally:
        for server in servers:
            server.close()
        sockets.close(bound)
        await _end(http)
        pages.close()


def urls_of(bound: Iterable[sockets.Bound]) -> tuple[str, ...]:
    """Return the URLs of the metrics: http://127.0.0.1:9000/metrics, unix:/run/metrics.sock."""
    found = (one.url(tls=False) for one in bound)
    return tuple(url if url.startswith("unix:") else f"{url}/metrics" for url in found)


class _Pages:
    """The application: three pages. Scrapes that arrive together are answered with the same numbers."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._gathering: asyncio.Task[list[Family]] | None = None

    def routes(self) -> Any:
        """Return the application, compiled for the native server."""
        # Native applications are much to load for servers without metrics.
        from .native.app import App

        app = App()
        app.get("/metrics")(self._metrics)
        app.get("/live")(self._live)
        app.get("/ready")(self._ready)
        return app._compiled()

    def close(self) -> None:
        """Cancel what still runs."""
        if self._gathering is not None:
            self._gathering.cancel()

    async def _metrics(self, request: Any) -> Any:
        from .native.responses import Response

        if self._gathering is None:
            self._gathering = asyncio.create_task(self._source.families())
            self._gathering.add_done_callback(self._on_gathered)
        # A client that leaves takes nothing from the others.
        families = await asyncio.shield(self._gathering)
        media_type = chosen(request.headers.get("accept"))
        return Response(rendered(families, media_type), 200, {"vary": "accept"}, media_type)

    def _on_gathered(self, _: asyncio.Task[list[Family]]) -> None:
        self._gathering = None

    async def _live(self, _: Any) -> Any:
        reason = await self._source.stuck()
        return _page(503, reason) if reason else _page(200, "alive")

    async def _ready(self, _: Any) -> Any:
        reason = await self._source.unready()
        return _page(503, reason) if reason else _page(200, "ready")


def _page(status: int, line: str) -> Any:
    from .native.responses import Response

    return Response(f"{line}\n", status, {"cache-control": "no-store"})


def _settings() -> dict[str, Any]:
    return native_options(Options(**_LIMITS))


async def _listen(http: HttpServer, bound: Sequence[sockets.Bound], servers: list[asyncio.Server]) -> None:
    loop = asyncio.get_running_loop()
    for one in bound:
        try:
            servers.append(await loop.create_server(http, sock=one.sock, backlog=_BACKLOG))
        except OSError as error:
            failure = sockets.failure(error, one.url(tls=False))
            raise OSError(failure.errno, f"--metrics: {failure.strerror}") from None


async def _end(http: HttpServer) -> None:
    """Wait a moment for running requests, and close all connections."""
    try:
        http.begin_shutdown()
        await asyncio.wait({http.drained()}, timeout=_END_SECONDS)
    finally:
        http.cancel_requests()
        http.abort_connections()
    await asyncio.wait({http.disconnected()}, timeout=_ABORT_SECONDS)


def _is_file_of(other: sockets.Bound, path: str) -> bool:
    """Return whether this path is that of a socket which is bound already."""
    if other.file is None:
        return False
    try:
        return Path(path).samefile(other.file[0])
    except OSError:
        return False


def _overlap(one: socket.socket, other: socket.socket) -> bool:
    """Return whether two TCP sockets are bound to the same address, or one to all addresses with the other's port."""
    if one.family != other.family or one.family == socket.AF_UNIX:
        return False
    (host, port), (other_host, other_port) = one.getsockname()[:2], other.getsockname()[:2]
    return port == other_port and (host == other_host or host in _WILDCARDS or other_host in _WILDCARDS)
