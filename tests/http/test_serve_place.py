"""One place for a worker, with workers that do what the test says: attempts, exchanges, giving up.

It knows nothing of processes (test_serve_workers.py has real ones).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from vitok.http import place
from vitok.http.log import Log
from vitok.http.place import START_ATTEMPTS, Place, WorkersError

pytestmark = pytest.mark.vitok_only


class Worker:
    """What a place looks at of a process."""

    def __init__(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        self.pid = number
        self.began = loop.time()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.worn: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()

    def do(self, what: str) -> "Worker":
        """Be ready, or end with an exit code."""
        if what == "ready":
            self.ready.set_result(None)
        else:
            self.ended.set_result(int(what))
        return self


class Crew:
    """Starts workers that do one after the other what the script says; the last word goes on for ever."""

    def __init__(self, *script: str, others_serve: bool = False) -> None:
        self.script = list(script)
        self.others_serve = others_serve
        self.workers: list[Worker] = []
        self.retired: list[int] = []
        self.attempts = 0

    def start(self) -> Any:
        """Start the next one."""
        self.attempts += 1
        what = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if what == "impossible":
            raise OSError(11, "Resource temporarily unavailable")
        self.workers.append(Worker(self.attempts).do(what))
        return self.workers[-1]

    def retire(self, worker: Any) -> asyncio.Task[None]:
        """See one off at once."""
        self.retired.append(worker.pid)
        worker.ended.set_result(0)
        return asyncio.create_task(asyncio.sleep(0))

    def is_serving(self) -> bool:
        """Whether any serves."""
        return self.others_serve


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test does not notice."""
    monkeypatch.setattr(place, "FIRST_PAUSE_SECONDS", 0.0001)
    monkeypatch.setattr(place, "LONGEST_PAUSE_SECONDS", 0.001)


def keep(crew: Crew, then: Callable[[Place], Coroutine[Any, Any, None]]) -> None:
    """Keep a place until it is filled and what the test does then is done."""

    async def main() -> None:
        kept = Place(crew, Log())
        task = asyncio.create_task(kept.keep())
        await asyncio.wait({task, kept.filled}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        await then(kept)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(main())


async def nothing(kept: Place) -> None:
    """Do nothing then."""


async def until(condition: Callable[[], object]) -> None:
    """Turn the loop until something holds."""
    while not condition():
        await asyncio.sleep(0.0005)


def test_attempts_until_one_is_ready() -> None:
    """A worker that can't be started, or ends too early, is followed by another."""
    crew = Crew("impossible", "1", "-9", "ready")
    keep(crew, nothing)
    assert crew.attempts == 4


@pytest.mark.parametrize("what", ["1", "impossible", "-11"])
def test_giving_up(what: str) -> None:
    """After so many failures in a row there is no use in another attempt."""
    crew = Crew(what)
    with pytest.raises(WorkersError, match=f"giving up after {START_ATTEMPTS} attempts") as caught:
        keep(crew, nothing)
    assert crew.attempts == START_ATTEMPTS
    assert caught.value.code == 3


@pytest.mark.parametrize("code", ["2", "3"])
def test_a_first_worker_that_has_said_why(code: str) -> None:
    """The first worker's own refusal is final, and its exit code is the supervisor's."""
    crew = Crew(code)
    with pytest.raises(WorkersError) as caught:
        keep(crew, nothing)
    assert (crew.attempts, caught.value.code) == (1, int(code))


def test_others_serve_meanwhile() -> None:
    """As long as other workers serve there is always another attempt."""
    crew = Crew(*["3"] * 9, "ready", others_serve=True)
    keep(crew, nothing)
    assert crew.attempts == 10


def test_a_worker_that_ends_is_replaced() -> None:
    """However it ended."""
    crew = Crew("ready")

    async def then(kept: Place) -> None:
        for code in (0, 1, -9):
            crew.workers[-1].ended.set_result(code)
            count = len(crew.workers)
            await until(lambda: len(crew.workers) > count)  # noqa: B023 - called at once

    keep(crew, then)
    assert len(crew.workers) == 4


def test_an_exchange() -> None:
    """The old worker goes when the new one is ready, and the wish is fulfilled when it is gone."""
    crew = Crew("ready")

    async def then(kept: Place) -> None:
        assert await kept.renew()
        assert crew.retired == [1]
        assert await kept.renew()
        assert crew.retired == [1, 2]

    keep(crew, then)
    assert crew.attempts == 3


def test_an_exchange_that_fails() -> None:
    """The old worker stays, and the next wish is another attempt."""
    crew = Crew("ready", "3", "impossible", "ready", others_serve=True)

    async def then(kept: Place) -> None:
        assert not await kept.renew()
        assert not await kept.renew()
        assert crew.retired == []
        assert await kept.renew()
        assert crew.retired == [1]

    keep(crew, then)


def test_a_worn_worker_goes_on_until_it_has_a_successor() -> None:
    """A worker that has served its number of requests stays for as long as no other gets ready."""
    crew = Crew("ready", "1", "1", "ready", others_serve=True)

    async def then(kept: Place) -> None:
        crew.workers[0].worn.set_result(None)
        await until(lambda: crew.retired)

    keep(crew, then)
    assert (crew.attempts, crew.retired) == (4, [1])
