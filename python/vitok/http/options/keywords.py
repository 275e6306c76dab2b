"""The options as keywords: what a type checker knows of `vitok.serve`, `vitok.http.run`, `Server` and `testing.serve`.

A test compares each key with the table of options, in names and types. Defaults and meanings are there alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from ssl import VerifyMode
from typing import Literal, TypedDict

_Path = str | PathLike[str]


class ServerOptions(TypedDict, total=False):
    """The keywords of `vitok.http.Server` and of `vitok.http.testing.serve`, none of them required.

    Annotate with it what becomes such keywords: `options: ServerOptions = {"port": 0}`, then `Server(app, **options)`.
    The reference of options says what each of them does, its default and its bounds. Times are in seconds, sizes in
    bytes, and None means no limit or no value. Where texts are separated by commas in a text, such as `bind`, that text
    is accepted in the place of a sequence.
    """

    # Addresses.
    host: str
    port: int
    bind: Sequence[str]
    uds: _Path | None
    uds_permissions: int | None
    fd: int | None
    backlog: int
    # TLS.
    ssl_certfile: _Path | None
    ssl_keyfile: _Path | None
    ssl_keyfile_password: str | None
    ssl_ca_certs: _Path | None
    ssl_cert_reqs: Literal["none", "optional", "required", 0, 1, 2] | VerifyMode
    ssl_ciphers: str | None
    ssl_sni: Sequence[str | tuple[str, _Path] | tuple[str, _Path, _Path | None]]
    ssl_reload_interval: float | None
    # The application.
    factory: bool
    app_dir: _Path | None
    interface: Literal["auto", "native", "asgi3", "asgi2", "wsgi"]
    wsgi_threads: int
    lifespan: Literal["auto", "on", "off"]
    timeout_startup: float | None
    timeout_shutdown: float | None
    root_path: str
    mounts: Sequence[str | tuple[str, _Path]]
    # Processes.
    limit_max_requests: int | None
    limit_max_requests_jitter: int
    limit_max_lifetime: float | None
    limit_max_memory: int | None
    timeout_worker_healthcheck: float | None
    # Development.
    reload_dirs: Sequence[str]
    reload_includes: Sequence[str]
    reload_excludes: Sequence[str]
    reload_delay: float
    # Timeouts.
    timeout_header: float | None
    timeout_body: float | None
    min_body_rate: int | None
    timeout_keep_alive: float | None
    timeout_graceful_shutdown: float | None
    # Limits.
    limit_request_line: int
    limit_request_head: int
    limit_request_fields: int
    limit_request_body: int | None
    limit_concurrency: int | None
    limit_connections: int | None
    # HTTP/2.
    http: Literal["auto", "1", "2", 1, 2]
    http2_max_concurrent_streams: int
    http2_max_frame_size: int
    http2_initial_stream_window_size: int
    http2_initial_connection_window_size: int
    http2_max_send_buffer_size: int
    http2_max_resets: int
    # WebSockets.
    ws: Literal["auto", "none"]
    ws_max_size: int
    ws_max_queue: int
    ws_ping_interval: float | None
    ws_ping_timeout: float | None
    ws_per_message_deflate: bool
    # Responses.
    server_header: bool
    date_header: bool
    headers: Iterable[tuple[str, str | float]]
    path_send: bool
    zero_copy_send: bool
    # A proxy in front.
    proxy_headers: bool
    forwarded_allow_ips: Sequence[str]
    forwarded_style: Literal["x-forwarded", "forwarded"]
    proxy_protocol: Literal["none", "v1", "v2", "any"]
    # Logs and metrics.
    access_log: bool
    access_log_format: str | None
    log_level: Literal["debug", "info", "warning", "error", "critical"]
    log_format: Literal["text", "json"]
    metrics: str | None


class ServeOptions(ServerOptions, total=False):
    """The keywords of `vitok.serve` and `vitok.http.run`, none of them required.

    They are those of ServerOptions, and these, which concern the process as a whole.
    """

    workers: int
    threads: int
    reload: bool
    pid: _Path | None
    user: str | None
    group: str | None
    umask: int | None
    access_log_file: _Path | None
    log_file: _Path | None
    log_config: _Path | None
    use_colors: bool | None
    inspect: bool
