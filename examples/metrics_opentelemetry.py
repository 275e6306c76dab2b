"""The metrics of a loop for OpenTelemetry, by its SDK: written to the terminal each second, as JSON.

    pip install vitok opentelemetry-sdk
    python examples/metrics_opentelemetry.py

A program sends them to a collector by another exporter, such as that of opentelemetry-exporter-otlp. The SDK reads the
loop in a thread of its own.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator

import vitok
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader

COUNTS = {"turns": "1", "callbacks": "1", "bytes_received": "By", "bytes_sent": "By", "callback_seconds": "s"}
VALUES = {"ready": "1", "timers": "1", "tasks": "1", "longest_callback": "s"}


def observe(loop: vitok.Loop, meter: Meter) -> None:
    """Make an instrument for each number of a loop; those of one export are read at once."""
    reading = loop.metrics()
    read_at = time.monotonic()

    def now() -> vitok.Metrics:
        nonlocal reading, read_at
        if time.monotonic() - read_at > 0.1:
            reading, read_at = loop.metrics(), time.monotonic()
        return reading

    def number(name: str) -> Callable[[CallbackOptions], Iterator[Observation]]:
        return lambda _: iter([Observation(getattr(now(), name))])

    def transports(_: CallbackOptions) -> Iterator[Observation]:
        return (Observation(count, {"kind": kind}) for kind, count in now().transports.items())

    for name, unit in COUNTS.items():
        meter.create_observable_counter(f"vitok.{name}", [number(name)], unit)
    for name, unit in VALUES.items():
        meter.create_observable_gauge(f"vitok.{name}", [number(name)], unit)
    meter.create_observable_gauge("vitok.transports", [transports])


async def main() -> None:
    """Export the metrics of this loop beside the work of the program: here it sleeps."""
    exporter = ConsoleMetricExporter(formatter=lambda data: data.to_json(indent=None) + "\n")
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=1000)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, vitok.Loop)
    observe(loop, MeterProvider([reader]).get_meter("vitok"))
    while True:
        await asyncio.sleep(0.1)


with contextlib.suppress(KeyboardInterrupt):
    vitok.run(main())
