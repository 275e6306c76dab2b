"""The lifespan of an application, in all modes: its events, its answers, and errors in it.

Requests are not tested here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from vitok.http.lifespan import Lifespan, LifespanError
from vitok.http.log import Log

pytestmark = pytest.mark.vitok_only

Application = Callable[..., Awaitable[None]]


def run(
    application: Application, mode: str = "auto", seconds: float | None = 5, *, start_seconds: float | None = None
) -> Lifespan:
    """Start and end an application."""

    async def main() -> Lifespan:
        lifespan = Lifespan(application, mode, Log())
        try:
            await lifespan.startup(start_seconds)
            await lifespan.shutdown(seconds)
        finally:
            await lifespan.cancel()
        return lifespan

    return asyncio.run(main())


def answering(*answers: dict[str, Any], told: list[Any] | None = None) -> Application:
    """An application that gives one answer to each event."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for one in answers:
            message = await receive()
            if told is not None:
                told.append((dict(scope), message))
            await send(one)

    return application


COMPLETE = ({"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"})


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_a_whole_lifespan(mode: str) -> None:
    """Scope and events are those of the specification, and what the application puts into the state is kept."""
    told: list[Any] = []
    lifespan = run(answering(*COMPLETE, told=told), mode)
    assert [message for _, message in told] == [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    scope = told[0][0]
    assert scope == {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    assert scope["state"] is lifespan.state


def test_off_asks_nobody() -> None:
    """With `off` the application is not called, and there is no state."""
    told: list[Any] = []
    assert run(answering(*COMPLETE, told=told), "off").state is None
    assert told == []


async def raises(scope: Any, receive: Any, send: Any) -> None:
    """Knows nothing of lifespans."""
    raise AssertionError("http only")


async def returns(scope: Any, receive: Any, send: Any) -> None:
    """Does nothing."""


def raising(error: Exception, *, receives: bool = False) -> Application:
    """An application that raises this, at once or after its first event."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if receives:
            await receive()
        raise error

    return application


async def answers_everything(scope: Any, receive: Any, send: Any) -> None:
    """Does not look at the type of the scope, and takes the event for the content of a request."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})


def server_records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the server has logged."""
    return [record for record in caplog.records if record.name == "vitok.server"]


# Each is what an application of requests alone does with a scope of a type that it does not know.
UNKNOWN = [
    raises,
    returns,
    raising(KeyError("path")),
    raising(TypeError("app() takes 2 positional arguments but 3 were given")),
    raising(NotImplementedError()),
    raising(ValueError("Django can only handle ASGI/HTTP connections, not lifespan.")),
    raising(RuntimeError("unsupported scope type")),
    answers_everything,
]


@pytest.mark.parametrize("application", UNKNOWN)
def test_auto_does_without(application: Application, caplog: pytest.LogCaptureFixture) -> None:
    """An application that has no lifespan is served without one; the log says so at debug level, and nothing above."""
    caplog.set_level(logging.DEBUG, "vitok.server")
    assert run(application).state is None
    assert [record.levelname for record in server_records(caplog)] == ["DEBUG"]
    assert "serving without lifespan" in caplog.text


async def returns_late(scope: Any, receive: Any, send: Any) -> None:
    """Takes the event and does not answer it."""
    await receive()


async def is_cancelled(scope: Any, receive: Any, send: Any) -> None:
    """Cancels itself."""
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("application", "what"),
    [
        (raising(OSError("no database"), receives=True), "raised OSError: no database"),
        (raising(KeyError("DATABASE"), receives=True), "raised KeyError: 'DATABASE'"),
        (raising(RuntimeError("in\nlines"), receives=True), "raised RuntimeError: in lines"),
        (raising(OSError("no database")), "raised OSError: no database"),
        (returns_late, "returned"),
        (is_cancelled, "was cancelled"),
    ],
)
def test_auto_warns_of_a_start_that_failed(
    application: Application, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An application that fails is served all the same, but what happened is a warning, with the traceback."""
    assert run(application).state is None
    [record] = server_records(caplog)
    assert record.levelname == "WARNING"
    assert f"serving without lifespan: the application {what} while it started" in record.getMessage()
    raised = record.exc_info[1] if record.exc_info else None
    assert (raised is not None) == what.startswith("raised")


@pytest.mark.parametrize("application", [raises, returns])
def test_on_wants_one(application: Application) -> None:
    """With `on` the same applications are an error, with their exception as its cause."""
    with pytest.raises(LifespanError, match="--lifespan on: the application has no lifespan: it r") as caught:
        run(application, "on")
    assert isinstance(caught.value.__cause__, AssertionError | None)


def test_on_tells_what_failed() -> None:
    """An application that has a lifespan, which fails, is not said to have none."""
    with pytest.raises(LifespanError, match="--lifespan on: the application raised OSError: no database while it"):
        run(raising(OSError("no database"), receives=True), "on")


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("message", ["no database", ""])
def test_startup_failed(mode: str, message: str) -> None:
    """`startup.failed` is an error in both modes, with the application's message."""
    with pytest.raises(LifespanError, match=f"failed to start(: {message})?$"):
        run(answering({"type": "lifespan.startup.failed", "message": message}), mode)


def test_startup_failed_and_then_raised() -> None:
    """Frameworks say that they failed and raise afterwards: what they said counts, and nothing is logged."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        raise OSError("no database")

    with pytest.raises(LifespanError, match="no database"):
        run(application)


def test_shutdown_failed() -> None:
    """`shutdown.failed` is an error with the application's message."""
    with pytest.raises(LifespanError, match="failed to end: too late"):
        run(answering(COMPLETE[0], {"type": "lifespan.shutdown.failed", "message": "too late"}))


def test_an_end_that_takes_too_long() -> None:
    """The end has a limit; the application is cancelled then."""
    cancelled = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(COMPLETE[0])
        await receive()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(LifespanError, match=r"^--timeout-shutdown: the application did not end within 0.01 s$"):
        run(application, seconds=0.01)
    assert cancelled == [True]


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_a_start_that_takes_too_long(mode: str) -> None:
    """The start has a limit, too; the application is cancelled then, and one that does not obey is left behind."""
    cancelled = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            await send(COMPLETE[0])

    with pytest.raises(LifespanError, match=r"^--timeout-startup: the application did not start within 0.01 s$"):
        run(application, mode, start_seconds=0.01)
    assert cancelled == [True]


def test_a_lifespan_that_breaks_after_the_start(caplog: pytest.LogCaptureFixture) -> None:
    """An exception between start and end is logged with its traceback, and the end is quiet."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(COMPLETE[0])
        raise LookupError("lost")

    run(application)
    [record] = server_records(caplog)
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


@pytest.mark.parametrize(
    "answers",
    [
        [{"type": "lifespan.shutdown.complete"}],
        [{"type": "http.response.start"}],
        [{}],
        [COMPLETE[0], COMPLETE[0]],
        [COMPLETE[0], {"type": "lifespan.startup.failed"}],
    ],
)
def test_answers_out_of_turn_are_refused(answers: list[dict[str, Any]]) -> None:
    """An answer that nobody asked for is a RuntimeError in the application."""
    refused: list[BaseException] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            for answer in answers:
                await send(answer)
        except RuntimeError as error:
            refused.append(error)
            raise

    run(application)
    assert len(refused) == 1


def test_there_is_no_third_event() -> None:
    """An application that asks on after the end is left waiting, and cancelled; the server does not wait for it."""
    asked = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for answer in COMPLETE:
            await receive()
            await send(answer)
        asked.append(True)
        await receive()
        asked.append(False)

    run(application)
    assert asked == [True]
