"""One slot for a worker, with scripted workers: attempts, replacements, giving up.

Real processes are tested in test_serve_workers.py.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from vitok.http import worker_slot
from vitok.http.log import Log
from vitok.http.worker_slot import START_ATTEMPTS, WorkersError, WorkerSlot

pytestmark = pytest.mark.vitok_only


class Worker:
    """What a place looks at of a process."""

    def __init__(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        self.pid = number
        self.began = loop.time()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.due: asyncio.Future[str] = loop.create_future()
        self.due_label = ""
        self.is_hung = False
        self.ended: asyncio.Future[int] = loop.create_future()

    def do(self, what: str) -> "Worker":
        """Be ready, start for ever, or end with an exit code."""
        if what == "ready":
            self.ready.set_result(None)
        elif what != "starting":
            self.ended.set_result(int(what))
        return self


class WorkerPool:
    """Starts workers that do one after the other what the script says; the last word goes on for ever."""

    def __init__(self, *script: str, others_serve: bool = False) -> None:
        self.script = list(script)
        self.others_serve = others_serve
        self.workers: list[Worker] = []
        self.retired: list[int] = []
        self.reasons: list[str] = []
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

    def count_restart(self, reason: str) -> None:
        """Note why one was replaced."""
        self.reasons.append(reason)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test does not notice."""
    monkeypatch.setattr(worker_slot, "FIRST_PAUSE_SECONDS", 0.0001)
    monkeypatch.setattr(worker_slot, "LONGEST_PAUSE_SECONDS", 0.001)


def keep(pool: WorkerPool, then: Callable[[WorkerSlot], Coroutine[Any, Any, None]]) -> None:
    """Keep a place until it is filled and what the test does then is done."""

    async def main() -> None:
        kept = WorkerSlot(pool, Log())
        task = asyncio.create_task(kept.keep())
        await asyncio.wait({task, kept.filled}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        await then(kept)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(main())


async def nothing(kept: WorkerSlot) -> None:
    """Do nothing then."""


async def until(condition: Callable[[], object]) -> None:
    """Turn the loop until something holds."""
    while not condition():
        await asyncio.sleep(0.0005)


def test_attempts_until_one_is_ready() -> None:
    """A worker that can't be started, or ends too early, is followed by another."""
    pool = WorkerPool("impossible", "1", "-9", "ready")
    keep(pool, nothing)
    assert pool.attempts == 4


@pytest.mark.parametrize("what", ["1", "impossible", "-11"])
def test_giving_up(what: str) -> None:
    """After so many failures in a row there is no use in another attempt."""
    pool = WorkerPool(what)
    with pytest.raises(WorkersError, match=f"giving up after {START_ATTEMPTS} attempts") as caught:
        keep(pool, nothing)
    assert pool.attempts == START_ATTEMPTS
    assert caught.value.code == 3


@pytest.mark.parametrize("code", ["2", "3"])
def test_a_first_worker_that_has_said_why(code: str) -> None:
    """The first worker's own refusal is final, and its exit code is the supervisor's."""
    pool = WorkerPool(code)
    with pytest.raises(WorkersError) as caught:
        keep(pool, nothing)
    assert (pool.attempts, caught.value.code) == (1, int(code))


def test_others_serve_meanwhile() -> None:
    """As long as other workers serve there is always another attempt."""
    pool = WorkerPool(*["3"] * 9, "ready", others_serve=True)
    keep(pool, nothing)
    assert pool.attempts == 10


def test_a_worker_that_ends_is_replaced() -> None:
    """However it ended."""
    pool = WorkerPool("ready")

    async def then(kept: WorkerSlot) -> None:
        for code in (0, 1, -9):
            pool.workers[-1].ended.set_result(code)
            count = len(pool.workers)
            await until(lambda: len(pool.workers) > count)  # noqa: B023 - called at once

    keep(pool, then)
    assert len(pool.workers) == 4


def test_an_exchange() -> None:
    """The old worker goes when the new one is ready, and the wish is fulfilled when it is gone."""
    pool = WorkerPool("ready")

    async def then(kept: WorkerSlot) -> None:
        assert await kept.renew()
        assert pool.retired == [1]
        assert await kept.renew()
        assert pool.retired == [1, 2]

    keep(pool, then)
    assert pool.attempts == 3


def test_an_exchange_that_fails() -> None:
    """The old worker stays, and the next restart_request is another attempt."""
    pool = WorkerPool("ready", "3", "impossible", "ready", others_serve=True)

    async def then(kept: WorkerSlot) -> None:
        assert not await kept.renew()
        assert not await kept.renew()
        assert pool.retired == []
        assert await kept.renew()
        assert pool.retired == [1]

    keep(pool, then)


def test_a_worn_worker_goes_on_until_it_has_a_successor() -> None:
    """A worker that has served its number of requests stays for as long as no other gets ready."""
    pool = WorkerPool("ready", "1", "1", "ready", others_serve=True)

    async def then(kept: WorkerSlot) -> None:
        pool.workers[0].due.set_result("3 requests have ended")
        await until(lambda: pool.retired)

    keep(pool, then)
    assert (pool.attempts, pool.retired) == (4, [1])


def test_pauses_after_an_exchange_are_short_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts that failed long ago do not delay the replacement of a worker that ends soon after its start."""
    pool = WorkerPool("ready", "1", "1", "1", "ready", "ready", others_serve=True)
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        await sleep(0)

    async def then(kept: WorkerSlot) -> None:
        pool.workers[0].began -= worker_slot.STEADY_SECONDS
        with monkeypatch.context() as patched:
            patched.setattr(asyncio, "sleep", noted)
            pool.workers[0].due.set_result("3 requests have ended")
            while not pool.retired:
                await sleep(0)
            pool.workers[4].do("1")
            while pool.attempts < 6:
                await sleep(0)

    keep(pool, then)
    assert pauses == [0.0001, 0.0002, 0.0004, 0.0001]


def test_a_slot_that_is_given_up() -> None:
    """Its worker is for the caller to end, and whoever waits for an exchange there waits no more."""
    pool = WorkerPool("ready", "starting")

    async def then(kept: WorkerSlot) -> None:
        exchange = asyncio.create_task(kept.renew())
        await until(lambda: pool.attempts == 2)
        assert [worker.pid for worker in kept.close()] == [1, 2]
        assert await exchange
        assert await kept.renew()

    keep(pool, then)
    assert pool.retired == []
