"""Options of HTTP and WebSocket: times, limits, and what is added to responses.

Their use is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..option_parsing import option
from ..option_types import Choice, Fields, Flag, Seconds, Whole


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Timeouts."""

    timeout_header: float | None = option(
        60.0,
        Seconds(),
        "time limit for the head of a request, and for a TLS handshake",
        others="nginx 60, node 60, uvicorn none",
        is_native=True,
    )
    timeout_body: float | None = option(
        60.0,
        Seconds(),
        "time limit without progress of a request's body or a response",
        others="nginx 60, uvicorn none",
        is_native=True,
    )
    min_body_rate: int | None = option(
        500,
        Whole("BYTES", may_be_none=True),
        "bytes per second that a request's body needs on average",
        others="Apache 500, uvicorn and nginx none",
        is_native=True,
    )
    timeout_keep_alive: float | None = option(
        75.0,
        Seconds(),
        "time limit of an idle connection; longer than that of a proxy in front",
        others="nginx 75, uvicorn, hypercorn and node 5, gunicorn 2",
        is_native=True,
    )
    timeout_graceful_shutdown: float | None = option(
        30.0,
        Seconds(may_be_zero=True),
        "time limit of running requests at the shutdown; then they are cancelled",
        others="gunicorn 30, uvicorn none, hypercorn 3",
    )


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits."""

    limit_request_line: int = option(
        8192,
        Whole("BYTES", at_most=2**31 - 1),
        "largest request line, in bytes",
        others="nginx and Apache 8 KiB, gunicorn 4094",
        is_native=True,
    )
    limit_request_head: int = option(
        65536,
        Whole("BYTES", at_most=2**31 - 1),
        "largest head of a request, in bytes",
        others="uvicorn with h11 64 KiB, nginx 32 KiB, node 16 KiB",
        is_native=True,
    )
    limit_request_fields: int = option(
        100,
        Whole("NUMBER", at_most=2**31 - 1),
        "most fields in the head of a request",
        others="gunicorn and Apache 100, node 2000",
        is_native=True,
    )
    limit_request_body: int | None = option(
        2**30,
        Whole("BYTES", may_be_none=True),
        "largest body of a request, in bytes",
        others="Apache 1 GiB, nginx 1 MiB, uvicorn none",
        is_native=True,
    )
    limit_concurrency: int | None = option(
        None,
        Whole("NUMBER", may_be_none=True, at_most=2**31 - 1),
        "requests that run at a time in a process; more are answered with 503",
        others="uvicorn none",
        is_native=True,
    )
    limit_connections: int | None = option(
        None,
        Whole("NUMBER", may_be_none=True, at_most=2**31 - 1),
        "connections open at a time in a process; more are closed at once",
        others="gunicorn 1000, uvicorn none",
        is_native=True,
    )


@dataclass(frozen=True, kw_only=True)
class Http2:
    """HTTP/2. Its times, and the largest head, are those of HTTP/1.1."""

    http: str = option(
        "auto",
        Choice(("auto", "1", "2"), also=((1, "1"), (2, "2"))),
        "versions of HTTP that are spoken; auto for what the client begins with, or chooses by ALPN",
        others="granian auto, uvicorn and gunicorn 1",
        is_native=True,
    )
    # The recommendation of RFC 9113, section 6.5.2, is 100 at least. Load balancers of AWS send 128 at a time.
    http2_max_concurrent_streams: int = option(
        128,
        Whole("NUMBER", at_most=2**31 - 1),
        "requests that a client may have open at a time in a connection of HTTP/2",
        others="nginx 128, hypercorn 100, granian 200, Go 250, h2corn 256",
        is_native=True,
    )
    # The smallest and the largest that RFC 9113, section 4.2, allows. A larger frame saves nothing that counts, and
    # others wait longer for their turn behind it.
    http2_max_frame_size: int = option(
        16384,
        Whole("BYTES", at_least=16384, at_most=2**24 - 1),
        "largest frame of HTTP/2 that a client may send, in bytes",
        others="granian and hypercorn 16 KiB, h2corn 64 KiB, Go 1 MiB",
        is_native=True,
    )
    # With 100 ms to a client and back, an upload gets as far as 2.5 MiB/s with this window. A client begins with 65535
    # (RFC 9113, section 6.9.2); reduced below that, h2 0.4.20 may never open the window of an upload that began before
    # the client knew.
    http2_initial_stream_window_size: int = option(
        256 * 2**10,
        Whole("BYTES", at_least=65535, at_most=2**31 - 1),
        "bytes of a request's body that wait for the application in HTTP/2",
        others="hypercorn 64 KiB, granian and Go 1 MiB, h2corn 8 MiB",
        is_native=True,
    )
    # Sixteen streams whose applications don't read leave nothing for the others, as in Envoy. 65535 is the initial size
    # (RFC 9113, section 6.9.2), which can't be reduced.
    http2_initial_connection_window_size: int = option(
        4 * 2**20,
        Whole("BYTES", at_least=65535, at_most=2**31 - 1),
        "the same for all requests of a connection together",
        others="hypercorn 64 KiB, granian and Go 1 MiB, h2corn 8 MiB",
        is_native=True,
    )
    # asyncio's high-water mark, which a response over HTTP/1.1 has.
    http2_max_send_buffer_size: int = option(
        64 * 2**10,
        Whole("BYTES", at_least=1024, at_most=2**31 - 1),
        "bytes of a response that wait for the client in HTTP/2 before the application has to wait",
        others="granian 400 KiB",
        is_native=True,
    )
    # A browser that leaves a page of pictures cancels as many streams as it has, once. Rapid reset (CVE-2023-44487)
    # took many thousands a second.
    http2_max_resets: int = option(
        200,
        Whole("NUMBER", at_most=2**31 - 1),
        "requests of a connection that a client may cancel in a second in HTTP/2; with more it is closed",
        others="nghttp2 1000 at once, then 33 a second",
        is_native=True,
    )


@dataclass(frozen=True, kw_only=True)
class WebSockets:
    """WebSockets."""

    ws: str = option(
        "auto",
        Choice(("auto", "none")),
        "whether WebSockets are served; none refuses them with 501",
        others="uvicorn auto, if a library is installed",
        is_native=True,
    )
    ws_max_size: int = option(
        16 * 2**20,
        Whole("BYTES", at_most=2**31 - 1),
        "largest message, in bytes, counted after decompression",
        others="uvicorn and hypercorn 16 MiB",
        is_native=True,
    )
    ws_max_queue: int = option(
        32,
        Whole("NUMBER", at_most=2**31 - 1),
        "messages that wait for the application before reading pauses",
        others="uvicorn 32",
        is_native=True,
    )
    ws_ping_interval: float | None = option(
        20.0,
        Seconds(may_be_zero=True),
        "silence of a client after which it gets a ping; 0 or none for no pings",
        others="uvicorn 20, hypercorn none",
        is_native=True,
    )
    ws_ping_timeout: float | None = option(
        20.0,
        Seconds(may_be_zero=True),
        "time limit for a sign of life after a ping; 0 or none for no limit",
        others="uvicorn 20",
        is_native=True,
    )
    ws_per_message_deflate: bool = option(
        True,
        Flag(),
        "compress messages if the client offers permessage-deflate",
        others="uvicorn yes",
        is_native=True,
    )


@dataclass(frozen=True, kw_only=True)
class Responses:
    """Responses."""

    server_header: bool = option(True, Flag(), "send the header Server: vitok", others="uvicorn yes", is_native=True)
    date_header: bool = option(True, Flag(), "send the header Date", others="uvicorn yes", is_native=True)
    headers: tuple[tuple[str, str], ...] = option(
        (),
        Fields(),
        "header added to each response; may be repeated",
        flag="--header",
        others="uvicorn has it",
        is_native=True,
    )
    path_send: bool = option(
        False,
        Flag(),
        "announce http.response.pathsend: frameworks let the server send files",
        others="uvicorn no, granian yes",
        is_native=True,
    )
    zero_copy_send: bool = option(
        False,
        Flag(),
        "announce http.response.zerocopysend: applications send from open files",
        others="uvicorn and granian no",
        is_native=True,
    )
