"""Responses that a test reads part by part, and what the application sees of a client that leaves."""

import asyncio
from collections.abc import Iterator

import pytest
import testing_apps
from vitok.http.testing import AsyncTestClient, ServerSentEvent, TestClient

pytestmark = pytest.mark.vitok_only


@pytest.fixture(autouse=True)
def nothing_seen() -> Iterator[None]:
    """What the application notices is of one test."""
    testing_apps.seen.clear()
    yield
    testing_apps.seen.clear()


@pytest.fixture(params=["with a lifespan", "without"])
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """A client, as a context manager and not."""
    client = TestClient(testing_apps.app)
    if request.param == "without":
        yield client
    else:
        with client:
            yield client


def test_events_without_end(client: TestClient) -> None:
    """A response without end is read as far as a test wants; then the application is told that the client has left."""
    with client.stream("GET", "/counts") as response:
        assert response.headers["content-type"] == "text/event-stream"
        events = response.iter_events()
        assert next(events) == ServerSentEvent("count", "0\nmore", "0", None)
        assert next(events).id == "1"
    assert testing_apps.seen == ["left"]


def test_disconnect(client: TestClient) -> None:
    """An application that waits for the disconnect gets it."""
    with client.stream("GET", "/waits") as response:
        assert next(response.iter_bytes()) == b"one"
    assert testing_apps.seen == ["http.disconnect"]


def test_an_application_that_ignores_the_disconnect(client: TestClient) -> None:
    """It is cancelled after a second, so that no test hangs."""
    with client.stream("GET", "/ignores") as response:
        assert next(response.iter_bytes()) == b"one"
    assert testing_apps.seen == ["cancelled"]


def test_a_block_that_raises(client: TestClient) -> None:
    """The exception of a block is that of the test, and the application is cancelled."""
    with pytest.raises(KeyError), client.stream("GET", "/ignores"):
        raise KeyError
    if client.state is not None:
        client.get("/x")
    assert testing_apps.seen == ["cancelled"]


def test_lines_and_the_rest(client: TestClient) -> None:
    """Lines are joined over parts; the rest is read at once."""
    with client.stream("POST", "/x", content="a\nb") as response:
        assert response.status == 200
        assert b'"content": "a\\nb"' in response.read()
    with client.stream("GET", "/counts") as response:
        lines = response.iter_lines()
        assert [next(lines) for _ in range(4)] == [": comment", "id: 0", "event: count", "data: 0"]


def test_exceptions_of_a_stream(client: TestClient) -> None:
    """What the application raises after its first part is raised where the next is read."""
    with pytest.raises(ValueError, match="on purpose"), client.stream("GET", "/breaks") as response:
        parts = response.iter_bytes()
        assert next(parts) == b"half"
        next(parts)


def test_streams_in_a_running_loop(loop: asyncio.AbstractEventLoop) -> None:
    """The same with `async with` and `async for`."""

    async def main() -> None:
        async with AsyncTestClient(testing_apps.app) as client, client.stream("GET", "/counts") as response:
            async for event in response.iter_events():
                if event.id == "3":
                    break
        assert testing_apps.seen == ["left", "ended"]

    loop.run_until_complete(main())
