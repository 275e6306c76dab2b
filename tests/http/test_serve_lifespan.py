"""The lifespan of an application, in all modes: its events, its answers, and errors in it.

Requests are not tested here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from vitok.http.application import Lifespan, LifespanError
from vitok.http.log import Log

pytestmark = pytest.mark.vitok_only

Application = Callable[..., Awaitable[None]]


def run(application: Application, mode: str = "auto", seconds: float | None = 5) -> Lifespan:
    """Start and end an application."""

    async def main() -> Lifespan:
        lifespan = Lifespan(application, mode, Log())
        try:
            await lifespan.startup()
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


@pytest.mark.parametrize("application", [raises, returns])
def test_auto_does_without(application: Application, caplog: pytest.LogCaptureFixture) -> None:
    """An application that has no lifespan is served without one; the log says so at debug level, and nothing above."""
    caplog.set_level(logging.DEBUG, "vitok.server")
    assert run(application).state is None
    assert [record.levelname for record in caplog.records if record.name == "vitok.server"] == ["DEBUG"]
    assert "serving without lifespan" in caplog.text


@pytest.mark.parametrize("application", [raises, returns])
def test_on_wants_one(application: Application) -> None:
    """With `on` the same applications are an error, with their exception as its cause."""
    with pytest.raises(LifespanError, match="--lifespan: the application has no lifespan: it r") as caught:
        run(application, "on")
    assert isinstance(caught.value.__cause__, AssertionError | None)


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

    with pytest.raises(LifespanError, match=r"did not end within 0.01 s"):
        run(application, seconds=0.01)
    assert cancelled == [True]


def test_a_lifespan_that_breaks_after_the_start(caplog: pytest.LogCaptureFixture) -> None:
    """An exception between start and end is logged with its traceback, and the end is quiet."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(COMPLETE[0])
        raise LookupError("lost")

    run(application)
    [record] = [record for record in caplog.records if record.name == "vitok.server"]
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
