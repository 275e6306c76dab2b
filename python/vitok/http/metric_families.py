"""The metrics of a server: their names for Prometheus, and which numbers of the reports they show.

docs/serve/metrics.md has them as a table. How they are written, and how the numbers are gathered, is not known here.

A counter and a gauge never differ by `_total` alone: in OpenMetrics they would have one name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitok._native import __version__

from .exposition import Family, Histogram
from .limits import DURATION_BOUNDS
from .report import Numbers, start_time

# What the elements of the list of requests count: by the class of the status, and those that ended without a status.
_STATUSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "none")
# The kinds of native transports, as in `vitok.Metrics.transports`.
_TRANSPORTS = ("stream", "tls", "datagram", "read_pipe", "write_pipe")

# Metrics of one value without labels: name, unit, the number that they show, and what it is.
_COUNTERS = (
    (
        "vitok_http_received_bytes",
        "bytes",
        "received_bytes",
        "Bytes that clients have sent, over TLS after decryption.",
    ),
    ("vitok_http_sent_bytes", "bytes", "sent_bytes", "Bytes that were sent to clients, over TLS before encryption."),
    ("vitok_http_connections_accepted", "", "connections_total", "Connections that were accepted."),
    ("vitok_websockets_accepted", "", "websockets_total", "WebSockets that were accepted."),
    ("vitok_loop_turns", "", "loop_turns", "Turns of the event loops."),
    ("vitok_loop_callbacks", "", "loop_callbacks", "Callbacks that were called, and events given to transports."),
    ("vitok_loop_polls", "", "loop_polls", "Times that the event loops asked the kernel for events."),
    ("vitok_loop_wakeups", "", "loop_wakeups", "Sleeps of the event loops that have ended."),
    ("vitok_loop_events", "", "loop_events", "Events that the kernel has reported."),
    ("vitok_loop_received_bytes", "bytes", "loop_bytes_received", "Bytes that transports and sock_* calls have read."),
    ("vitok_loop_sent_bytes", "bytes", "loop_bytes_sent", "Bytes that transports and sock_* calls have sent."),
    ("process_cpu_seconds", "seconds", "cpu_seconds", "Time of the processor, in user and in kernel mode."),
)
_GAUGES = (
    ("vitok_http_connections", "", "connections", "Connections that are open."),
    ("vitok_http_requests_running", "", "running", "Requests that are being answered."),
    ("vitok_websockets", "", "websockets", "WebSockets that are open."),
    ("vitok_loop_ready", "", "loop_ready", "Callbacks that wait for their turn."),
    ("vitok_loop_timers", "", "loop_timers", "Timers that wait for their time."),
    (
        "process_resident_memory_bytes",
        "bytes",
        "resident_bytes",
        "Resident memory; shared pages count in each process.",
    ),
)


def server_families(counts: Numbers, values: Numbers) -> list[Family]:
    """Return the metrics of all processes together. Those of which no number is known are left out."""
    families = [_build_info()]
    if "requests" in counts:
        families += _requests(counts)
    for name, unit, number, text in _COUNTERS:
        if number in counts:
            families.append(Family(name, "counter", text, {"": counts[number]}, unit=unit))
    for name, unit, number, text in _GAUGES:
        if number in values:
            families.append(Family(name, "gauge", text, {"": values[number]}, unit=unit))
    transports = {
        kind: values[f"loop_transports_{kind}"] for kind in _TRANSPORTS if f"loop_transports_{kind}" in values
    }
    families.append(Family("vitok_loop_transports", "gauge", "Native transports that are open.", transports, "kind"))
    if (start := start_time()) is not None:
        text = "When the main process was started, in seconds since 1970."
        families.append(Family("process_start_time_seconds", "gauge", text, {"": start}, unit="seconds"))
    return families


def worker_families(*, ready: int, expected: int, restarts: Mapping[str, int]) -> list[Family]:
    """Return the metrics of workers: how many serve, how many there should be, and the restarts by their reason."""
    return [
        Family("vitok_workers", "gauge", "Processes that accept connections.", {"": ready}),
        Family("vitok_workers_expected", "gauge", "Processes that there should be.", {"": expected}),
        Family("vitok_worker_restarts", "counter", "Workers that were replaced.", dict(restarts), "reason"),
    ]


def _build_info() -> Family:
    text = "The version of vitok; the value is 1."
    return Family("vitok_build_info", "gauge", text, {__version__: 1}, "version")


def _requests(counts: Numbers) -> list[Family]:
    by_status: dict[str, Any] = dict(zip(_STATUSES, counts["requests"], strict=True))
    duration = Histogram(DURATION_BOUNDS, counts["durations"], counts["duration_ns"] / 1e9)
    text = "Time from the head of a request to the end of its response."
    return [
        Family("vitok_http_requests", "counter", "Requests that have ended, by their status.", by_status, "status"),
        Family("vitok_http_request_duration_seconds", "histogram", text, {"": duration}, unit="seconds"),
    ]
