"""The numbers of the server that are no options, because no user has had to change them.

Sizes are in bytes, times in seconds. Beside each number stands the reason for it, with the choices of other servers as
documented in 2026. Options are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# The bounds of the histogram of request durations, in seconds. The steps are those of Prometheus' own clients, from 5
# ms to 10 s, with two smaller ones, because most answers of a native application take less than 5 ms, and two larger
# ones, in which a server that is overloaded, and one whose requests end by a time limit, differ.
DURATION_BOUNDS: Final[tuple[float, ...]] = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    *(30.0, 60.0),
)

# How long idle connections stay open when a server ends: a client that is about to use one gets its answer, which says
# that it is the last. nginx and Go close them at once.
IDLE_GRACE_SECONDS: Final = 1.0

LIMITS: Final[Mapping[str, float | tuple[float, ...]]] = {
    # A method; a longer one is answered with 501. The longest registered one (UPDATEREDIRECTREF) has 17 bytes.
    "method_bytes": 32,
    # The extensions of one chunk, which have no use in practice, and those of all chunks of a request. hyper 16 KiB.
    "chunk_extension_bytes": 256,
    "chunk_extensions_bytes": 16 * 1024,
    # The trailer section. Node and hyper count it as part of the head.
    "trailer_bytes": 16 * 1024,
    # Further requests that are kept while one is answered, before reading pauses: one large read. Go keeps 4 KiB,
    # uvicorn whatever one read brought.
    "backlog_bytes": 256 * 1024,
    # The rest of a request that was answered early: so much is read and discarded, so that the connection can be used
    # again. With more, it closes. Go 256 KiB, nginx by time.
    "drain_bytes": 64 * 1024,
    # Content that waits for the application, before reading pauses: asyncio's high-water mark, and uvicorn's.
    "waiting_body_bytes": 64 * 1024,
    # Requests of one connection that are started before other connections get their turn. A connection of a benchmark
    # that pipelines has 16; browsers and proxies don't pipeline.
    "requests_per_turn": 16,
    # Content of one response that is sent before the loop runs a turn: some milliseconds. A client that reads as fast
    # as the application sends, one that has left, and a HEAD request never make the application wait.
    "response_bytes_per_turn": 1024 * 1024,
    # The longest silence of a client after its last response before the connection is cut, and the longest time in
    # which it may send bytes that are not read: without this time its kernel could discard the response unread (RFC
    # 9112, section 9.6). nginx 5 and 30.
    "linger_seconds": 2.0,
    "linger_seconds_at_most": 30.0,
    # How long messages to a client that has left are dropped while the application waits for `http.disconnect`:
    # hundreds of turns of a busy loop, and half of the second within which a generator should end. Then `send()`
    # raises.
    "disconnect_grace_seconds": 0.5,
    # The table of fields that the heads of HTTP/2 may refer to, in each connection: what clients assume before they are
    # told (RFC 9113, section 6.5.2), so that the first head can use it. Nearly all servers.
    "http2_table_bytes": 4096,
    # Frames of HTTP/2 that a client may send in a second although they bring nothing; with more it is attacking, and
    # its connection is closed. Each number is far above what clients do, and far below what takes a noticeable part of
    # a processor. gRPC pings to measure the bandwidth, once in a round trip at most, when it got something: one more
    # for each frame of messages. nghttp2 and Envoy let 1000 answers wait, Go 10000.
    "http2_pings": 1000,
    # A client has two in the life of a connection.
    "http2_settings": 50,
    # Browsers send one or two with each request: one more for each frame of messages. Envoy 100 for each request.
    "http2_priorities": 1000,
    # The simplest clients return the window after each frame, in the stream and in the connection: two more for each
    # frame of messages. Envoy 10 for each that was sent.
    "http2_window_updates": 1000,
    # DATA, HEADERS and CONTINUATION without content that end nothing, which no client needs. Envoy 1 in a row, h2 100
    # in the life of a connection.
    "http2_empty_frames": 100,
    # Types that nobody knows have to be ignored (RFC 9113, section 5.5). Browsers send some, so that servers do.
    "http2_unknown_frames": 100,
    # CONTINUATION in one head: 64 KiB take four frames. nghttp2 8.
    "http2_continuations": 8,
    # Messages that wait for the application of a WebSocket, before reading pauses: with 32 messages of the largest size
    # a connection would take 512 MiB. The message that exceeds the number is still kept.
    "ws_queue_bytes": 1024 * 1024,
    # The time for a peer's close frame after the server's (RFC 6455, section 7.1.1). websockets and hypercorn 10.
    "ws_close_seconds": 10.0,
    # The logarithm of the window of permessage-deflate: 4 KiB, in which most messages fit. With 32 KiB, its largest, a
    # connection whose client keeps its context would take eight times the memory. websockets 12.
    "ws_window_bits": 12,
    # A shorter message fits into one packet either way, and is not compressed.
    "ws_compress_at_least": 1024,
    # The level of compression. Of 16 KiB of JSON, level 2 leaves 2351 bytes and 6, zlib's default, 1978, which takes
    # twice the time.
    "ws_compress_level": 2,
    # How long lines about requests wait for others after some were written: a busy server so writes some blocks a
    # second, and nobody who reads the log sees the difference. A line after a pause is written at once.
    "access_log_seconds": 0.02,
    "metrics_bounds": DURATION_BOUNDS,
}
