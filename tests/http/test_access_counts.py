"""`HttpServer.metrics()`: requests by class and duration, bytes, connections, for both interfaces.

WebSockets are in tests/websocket/test_websocket_counts.py.
"""

from typing import Any

import pytest
import vitok
from asgi_messages import body, start
from asgi_support import GET, Gate, Site, hello, request, respond, serving
from log_support import LEAVING, ask_and_leave
from native_support import a_coroutine, compiled, plain
from vitok import _native
from vitok.http.options import native_options
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]

NAMES = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"]


def classes(site: Site) -> dict[str, int]:
    """The classes of statuses that were counted."""
    counts = site.http.metrics()["requests"]
    return {name: count for name, count in zip(NAMES, counts, strict=True) if count}


def test_a_request() -> None:
    """A request counts once it has ended, with its duration and its bytes."""
    with serving(hello, metrics=True, metrics_bounds=(0.0, 100.0)) as site:
        before = site.http.metrics()
        assert before["requests"] == [0] * 6
        assert before["durations"] == [0] * 3
        client = site.connect()
        client.ask()
        client.ask()
        counts = site.http.metrics()
        assert counts["requests"] == [0, 2, 0, 0, 0, 0]
        assert counts["durations"] == [0, 2, 0]
        assert 0 < counts["duration_ns"] < 200e9
        if client.version == "1.1":
            assert counts["received_bytes"] == 2 * len(GET)
            assert counts["sent_bytes"] % 2 == 0
        assert counts["received_bytes"] > 0
        assert counts["sent_bytes"] > 2 * len("hello")
        assert (counts["connections"], counts["connections_total"], counts["running"]) == (1, 1, 0)
        assert (counts["websockets"], counts["websockets_total"]) == (0, 0)
        client.close()
        site.wait(lambda: site.http.metrics()["connections"] == 0)
        assert site.http.metrics()["connections_total"] == 1
        # No lines are made for metrics alone.
        assert not site.hooks.lines


def test_a_native_request() -> None:
    """A native application's requests count the same."""
    with serving(compiled(plain(lambda _: "hello")), metrics=True) as site:
        site.ask()
        site.ask(request("/missing"))
        assert classes(site) == {"2xx": 1, "4xx": 1}
        assert sum(site.http.metrics()["durations"]) == 2


@pytest.mark.parametrize("status", [200, 204, 304, 404, 418, 503])
def test_each_class(status: int) -> None:
    """A status counts in its class."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start(status))
        await send(body(b""))

    with serving(application, metrics=True) as site:
        site.ask()
        assert classes(site) == {f"{status // 100}xx": 1}


def test_running_requests() -> None:
    """A request that runs is seen, and a limit on requests counts by its status."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        await respond(send)

    with serving(application, metrics=True, limit_concurrency=1) as site:
        client = site.connect()
        client.send(GET)
        site.wait(lambda: gate.waiting)
        assert site.http.metrics()["running"] == 1
        assert site.ask().status == 503
        gate.open()
        assert client.answer().status == 200
        assert classes(site) == {"2xx": 1, "5xx": 1}


@http1_only("text that is no request")
def test_what_the_server_refuses() -> None:
    """A request that the parser refuses counts by its status, and so does one that never comes."""
    with serving(hello, metrics=True, timeout_header=0.05) as site:
        for data in (b"nonsense\r\n\r\n", request("/" + "a" * 9000), b"GET / HT"):
            client = site.connect()
            client.send(data)
            client.end()
        assert classes(site) == {"4xx": 3}


@pytest.mark.parametrize("kind", ["asgi", "native"])
@pytest.mark.parametrize("ending", LEAVING)
def test_a_client_that_leaves(kind: str, ending: str) -> None:
    """A client that leaves before its response counts as 499."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        await respond(send)

    async def endpoint(_: Any) -> str:
        await gate.wait()
        return "hello"

    served_app = application if kind == "asgi" else compiled(a_coroutine(endpoint))
    with serving(served_app, metrics=True) as site:
        ask_and_leave(site, gate, ending)
        site.wait(lambda: sum(site.http.metrics()["requests"]) == 1)
        assert classes(site) == {"4xx": 1}
        site.hooks.take()


def test_a_server_that_ends_at_once() -> None:
    """A request that the server itself ends before its response has no class."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()

    with serving(application, metrics=True) as site:
        client = site.connect()
        client.send(GET)
        site.wait(lambda: gate.waiting)
        site.http.abort_connections()
        site.wait(lambda: site.http.connections == 0)
        assert classes(site) == {"none": 1}
        gate.open()
        site.hooks.take()


@http1_only("no client asks")
def test_without_metrics() -> None:
    """Nothing is counted that nobody wants."""
    with serving(hello) as site, pytest.raises(RuntimeError, match="metrics"):
        site.http.metrics()


@http1_only("no client asks")
@pytest.mark.parametrize("bounds", [(1.0, 0.5), (0.5, 0.5), (-1.0,), (float("nan"),)])
def test_bounds_that_do_not_ascend(bounds: tuple[float, ...]) -> None:
    """Bounds are times that ascend."""
    loop = vitok.new_event_loop()
    with pytest.raises(ValueError, match="metrics_bounds"):
        _native.HttpServer(loop, hello, {**native_options(metrics=True), "metrics_bounds": bounds}, None)
    loop.close()
