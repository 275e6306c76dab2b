"""The metrics of a loop for Prometheus, by prometheus_client, at http://127.0.0.1:9000/metrics.

    pip install vitok prometheus-client
    python examples/metrics_prometheus.py 9000

The collector reads the loop when Prometheus asks, in a thread of prometheus_client's server. How busy the loop is:
`rate(vitok_callback_seconds_total[1m]) / rate(vitok_measured_seconds_total[1m])`.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator

import vitok
from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

COUNTS = ("turns", "callbacks", "wakeups", "bytes_received", "bytes_sent", "callback_seconds", "measured_seconds")
VALUES = ("ready", "timers", "tasks", "longest_callback")
TEXT = "See vitok.Metrics."


class LoopCollector(Collector):
    """The metrics of one loop, read anew for each scrape."""

    def __init__(self, loop: vitok.Loop) -> None:
        self._loop = loop

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        metrics = self._loop.metrics()
        for name in COUNTS:
            yield CounterMetricFamily(f"vitok_{name}", TEXT, value=getattr(metrics, name))
        for name in VALUES:
            yield GaugeMetricFamily(f"vitok_{name}", TEXT, value=getattr(metrics, name))
        transports = GaugeMetricFamily("vitok_transports", TEXT, labels=["kind"])
        for kind, count in metrics.transports.items():
            transports.add_metric([kind], count)
        yield transports


async def main(port: int) -> None:
    """Serve the metrics of this loop beside the work of the program: here it sleeps."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, vitok.Loop)
    REGISTRY.register(LoopCollector(loop))
    server, _ = start_http_server(port, "127.0.0.1")
    print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
    while True:
        await asyncio.sleep(0.1)


with contextlib.suppress(KeyboardInterrupt):
    vitok.run(main(int(sys.argv[1])))
