"""The classes for `uvicorn --http vitok.uvicorn:Protocol`, `--http vitok.uvicorn:Http2Protocol` and `--ws
vitok.uvicorn:WebSocket`: vitok's server code in uvicorn's server.

They take uvicorn's settings and report connections, tasks and requests to uvicorn as uvicorn's own protocols do. With
`--loop vitok:new_event_loop` a request passes from the socket to the application without Python code in between; other
loops work, too. How a request is served is not known here.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote

from vitok import _native
from vitok.http.limits import LIMITS
from vitok.http.options.protocol import Http2

# The level of uvicorn's messages about each connection and, from its own middleware, about each ASGI message.
_TRACE = 5
# uvicorn's log line for a refused request, with any status.
_INVALID = "Invalid HTTP request received."
# The largest head if no option limits it: as much as one read returns. With h11 uvicorn accepts 16 KiB, or more if it
# arrives at once; with httptools any size.
_HEAD_BYTES = 256 * 1024
# The largest number of fields of the parser. uvicorn has no limit on it.
_FIELDS = 256
_LINE = re.compile(r'(\S+) "(\S+) (.*) HTTP/([\d.]+)" (\d+|-) ')
_STATUSES = frozenset(HTTPStatus)
# What uvicorn's log calls the protocol of a connection.
_HTTP, _WEBSOCKET = "HTTP", "WebSocket"
# The attribute of a server's state that has what its connections share.
_SHARED = "_vitok_http_server"


class Protocol:
    """Called by uvicorn for each connection; returns a native `asyncio.Protocol`.

    Arguments are those of uvicorn's own protocol classes.
    """

    # What a connection speaks when it is passed to this class.
    _begins_with = _HTTP
    # Whether HTTP/2 is spoken although uvicorn was not asked for it.
    _has_http2 = False

    def __new__(  # type: ignore[misc]
        cls, config: Any, server_state: Any, app_state: dict[str, Any], _loop: asyncio.AbstractEventLoop | None = None
    ) -> asyncio.Protocol:
        """Create a protocol for one connection of the server that `server_state` belongs to."""
        shared = getattr(server_state, _SHARED, None)
        if shared is None:
            loop = _loop or asyncio.get_running_loop()
            if not config.loaded:
                config.load()
            # uvicorn has the option since 0.53.
            http = "auto" if cls._has_http2 or getattr(config, "http2", False) else "1"
            shared = _make_server(loop, config, server_state, app_state, begins_with=cls._begins_with, http=http)
            setattr(server_state, _SHARED, shared)
        return shared()


class Http2Protocol(Protocol):
    """The same, which speaks HTTP/2, too: to clients that begin with it, and to those that choose `h2` by ALPN.

    uvicorn's `--http2` is for a protocol of its own alone, and refuses any other; so this is a class of its own.
    """

    alpn_protocols: ClassVar[list[str]] = ["h2", "http/1.1"]
    """What uvicorn offers over TLS, from 0.53 on."""
    _has_http2 = True


class WebSocket(Protocol):
    """Called by uvicorn for each request for a WebSocket; returns a native `asyncio.Protocol`.

    uvicorn's HTTP protocols pass on the connection, and the request as it would be sent again. `Protocol` does not: its
    connections become WebSockets themselves if this class is chosen.
    """

    _begins_with = _WEBSOCKET


def _make_server(
    loop: asyncio.AbstractEventLoop,
    config: Any,
    server_state: Any,
    app_state: dict[str, Any],
    *,
    begins_with: str,
    http: str,
) -> _native.HttpServer:
    websocket = config.ws_protocol_class
    is_ours = isinstance(websocket, type) and issubclass(websocket, WebSocket)
    # h11 limits heads that are incomplete, vitok all heads, so that pieces make no difference.
    head_bytes = config.h11_max_incomplete_event_size or _HEAD_BYTES
    options = {
        **LIMITS,
        "asgi_version": config.asgi_version,
        "refusal_text": _INVALID,
        "limit_request_line": head_bytes,
        "limit_request_head": head_bytes,
        "limit_request_fields": _FIELDS,
        "root_path": config.root_path,
        "state": app_state,
        # uvicorn's own middleware does that.
        "forwarded": None,
        # uvicorn adds `server` to its headers, if it is wanted.
        "server_header": None,
        "date_header": config.date_header,
        "headers": list(config.encoded_headers),
        # uvicorn's own HTTP protocols don't count what they pass on.
        "limit_concurrency": config.limit_concurrency if begins_with == _HTTP else None,
        # uvicorn does not have these.
        "limit_connections": None,
        "totals": None,
        "path_send": False,
        "zero_copy_send": False,
        "timeout_keep_alive": config.timeout_keep_alive,
        # uvicorn leaves these to the proxy in front of it.
        "timeout_header": None,
        "timeout_body": None,
        "min_body_rate": None,
        "limit_request_body": None,
        "access_log": logging.getLogger("uvicorn.access").hasHandlers(),
        "access_log_format": None,
        "access_log_json": False,
        "access_log_colors": False,
        "access_log_stamps": False,
        "access_log_scope": False,
        "metrics": False,
        **asdict(Http2(http=http)),
        "ws": "auto" if is_ours else "none",
        "ws_max_size": config.ws_max_size,
        "ws_max_queue": config.ws_max_queue,
        "ws_ping_interval": config.ws_ping_interval,
        "ws_ping_timeout": config.ws_ping_timeout,
        "ws_per_message_deflate": config.ws_per_message_deflate,
        "allow_upgrade": websocket is not None and not is_ours,
        "reports_to_hooks": True,
    }
    hooks = _Hooks(config, server_state, app_state, begins_with=begins_with)
    hooks.http = _native.HttpServer(loop, config.loaded_app, options, hooks)
    if config.limit_max_requests is not None:
        hooks.count_ended()
    return hooks.http


class _Hooks:
    """The callbacks of the native server, translated to uvicorn's objects."""

    http: _native.HttpServer

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], *, begins_with: str) -> None:
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._errors = logging.getLogger("uvicorn.error")
        self._accesses = logging.getLogger("uvicorn.access")
        self._begins_with = begins_with
        self._counted = 0
        # The scopes of handshakes that have no response yet, and the WebSockets that were accepted.
        self._handshakes: dict[asyncio.Protocol, dict[str, Any]] = {}
        self._open: set[asyncio.Protocol] = set()
        # The connections that uvicorn traces: what each speaks, and its client as the prefix of log lines.
        self._traced: dict[asyncio.Protocol, tuple[str, str]] = {}

    def error(self, message: str, exception: BaseException | None) -> None:
        if exception is None:
            self._errors.error(message)
        else:
            self._errors.error("%s\n", message, exc_info=exception)

    def access(self, lines: str) -> None:
        for line in lines.splitlines():
            found = _LINE.match(line)
            if found is None:
                continue
            client, method, path, version, status = found.groups()
            if status == "-":
                # The client left before there was a response: uvicorn logs nothing then.
                continue
            # uvicorn's formatter expects exactly these arguments.
            self._accesses.info('%s - "%s %s HTTP/%s" %d', client, method, path, version, int(status))

    def warning(self, message: str) -> None:
        self._errors.warning(message)
        if "upgrade" in message and self._config.ws_protocol_class is None:
            self._errors.warning("No supported WebSocket library detected: install websockets or wsproto.")

    def websocket_begun(self, protocol: asyncio.Protocol, scope: dict[str, Any]) -> None:
        self._handshakes[protocol] = scope
        spoken, client = self._traced.get(protocol, (_WEBSOCKET, ""))
        if spoken != _WEBSOCKET:
            self._traced[protocol] = _WEBSOCKET, client
            self._errors.log(_TRACE, "%sUpgrading to WebSocket", client)
            self._errors.log(_TRACE, "%sWebSocket connection made", client)

    def websocket_answered(self, protocol: asyncio.Protocol, status: int) -> None:
        """Write the lines of uvicorn's default, which does not take handshakes for accesses, and of its library.

        A message that closes a WebSocket after its handshake comes here, too.
        """
        scope = self._handshakes.pop(protocol, None)
        if scope is None:
            return
        # Middleware for proxies has replaced the client.
        host, port = scope["client"] or ("", 0)
        client = f"{host}:{port}" if host else ""
        target = quote(scope["path"])
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        if status == HTTPStatus.SWITCHING_PROTOCOLS:
            self._open.add(protocol)
            self._errors.info('%s - "WebSocket %s" [accepted]', client, target)
            self._errors.info("connection open")
        else:
            self._errors.info('%s - "WebSocket %s" %d', client, target, status)
            self._reject(status)

    def websocket_failed(self, protocol: asyncio.Protocol) -> None:
        if self._handshakes.pop(protocol, None) is not None:
            self._reject(HTTPStatus.INTERNAL_SERVER_ERROR)

    def refused(self, line: str) -> None:
        self._errors.warning("%s %s", _INVALID, line)

    def connection_begun(self, protocol: asyncio.Protocol, transport: Any) -> None:
        self._state.connections.add(protocol)
        if self._errors.isEnabledFor(_TRACE):
            peer = transport.get_extra_info("peername")
            client = f"{peer[0]}:{peer[1]} - " if isinstance(peer, tuple) else ""
            self._traced[protocol] = self._begins_with, client
            self._errors.log(_TRACE, "%s%s connection made", client, self._begins_with)

    def connection_ended(self, protocol: asyncio.Protocol) -> None:
        self._state.connections.discard(protocol)
        self._count()
        self._forget_websocket(protocol)
        if protocol in self._traced:
            spoken, client = self._traced.pop(protocol)
            self._errors.log(_TRACE, "%s%s connection lost", client, spoken)

    def stream_ended(self, stream: asyncio.Protocol) -> None:
        """Note the end of a request over HTTP/2, which may have become a WebSocket."""
        self._forget_websocket(stream)

    def task_begun(self, task: asyncio.Task[None]) -> None:
        self._state.tasks.add(task)
        if self._config.limit_max_requests is not None:
            self._count()

    def task_ended(self, task: asyncio.Task[None]) -> None:
        self._state.tasks.discard(task)

    def count_ended(self) -> None:
        """Count requests now, and after each turn of the loop in which some have ended.

        Without a limit on them, `connection_ended` is enough: uvicorn reads the number to compare it with the limit.
        """
        self._count()
        self.http.served(self.http.requests - self.http.running + 1).add_done_callback(lambda _: self.count_ended())

    def upgrade(self, protocol: asyncio.Protocol, transport: Any, received: bytes, has_ended: bool) -> bool:
        """Pass the connection to uvicorn's WebSocket protocol.

        `received` is the handshake and everything after it. `has_ended` says whether the client has ended its side
        since.
        """
        websocket = self._config.ws_protocol_class
        self._state.connections.discard(protocol)
        if protocol in self._traced:
            _, client = self._traced.pop(protocol)
            self._errors.log(_TRACE, "%sUpgrading to WebSocket", client)
        successor = websocket(config=self._config, server_state=self._state, app_state=self._app_state)
        transport.set_protocol(successor)
        successor.connection_made(transport)
        successor.data_received(received)
        if has_ended and not successor.eof_received():
            transport.close()
        return True

    def _forget_websocket(self, protocol: asyncio.Protocol) -> None:
        self._handshakes.pop(protocol, None)
        if protocol in self._open:
            self._open.discard(protocol)
            self._errors.info("connection closed")

    def _reject(self, status: int) -> None:
        phrase = HTTPStatus(status).phrase if status in _STATUSES else ""
        self._errors.info("connection rejected (%d %s)", status, phrase)

    def _count(self) -> None:
        """Add the requests since the last call: uvicorn's own HTTP protocols count theirs in the same place."""
        requests = self.http.requests
        self._state.total_requests += requests - self._counted
        self._counted = requests
