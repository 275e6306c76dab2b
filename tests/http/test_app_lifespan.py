"""Lifespans: that of the application and those of mounted ones, in order, ended in reverse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from vitok.http import App


def app_with(log: list[str], name: str, state: dict[str, Any] | None) -> App:
    @contextlib.asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[dict[str, Any] | None]:
        log.append(f"{name} starts")
        try:
            yield state
        finally:
            log.append(f"{name} ends")

    return App(lifespan=lifespan)


async def run(app: App) -> dict[str, Any] | None:
    async with app._lifespan_context() as state:
        return state


def test_mounted_applications_start_inside_in_order() -> None:
    log: list[str] = []
    app, first, second, deep = (app_with(log, name, None) for name in ("app", "first", "second", "deep"))
    app.mount("/first", first)
    first.mount("/deep", deep)
    app.mount("/second", second)
    app.mount("/again", deep)
    assert asyncio.run(run(app)) is None
    names = ["app", "first", "deep", "second"]
    assert log == [f"{name} starts" for name in names] + [f"{name} ends" for name in reversed(names)]


def test_the_state_is_a_copy_of_what_was_yielded() -> None:
    state = {"a": 1}
    assert asyncio.run(run(app_with([], "app", state))) == state
    assert asyncio.run(run(App())) is None

    async def unchanged() -> None:
        async with app_with([], "app", state)._lifespan_context() as copy:
            assert copy is not None
            copy["b"] = 2

    asyncio.run(unchanged())
    assert state == {"a": 1}


def test_what_has_started_ends_when_a_later_one_fails() -> None:
    log: list[str] = []
    app = app_with(log, "app", None)

    @contextlib.asynccontextmanager
    async def fails(app: App) -> AsyncIterator[None]:
        raise ZeroDivisionError
        yield

    app.mount("/first", app_with(log, "first", None))
    app.mount("/fails", App(lifespan=fails))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(run(app))
    assert log == ["app starts", "first starts", "first ends", "app ends"]


def test_an_application_runs_twice() -> None:
    log: list[str] = []
    app = app_with(log, "app", {"n": 1})
    for _ in range(2):
        assert asyncio.run(run(app)) == {"n": 1}
    assert len(log) == 4
