"""Metrics and health of several workers: sums that never shrink, whatever happens to a worker.

The counts of requests are in test_serve_metrics_counts.py.
"""

import asyncio
import itertools
import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from embedded import run
from embedded import serving as embedded
from metrics_support import page, ready_until, scraped, scraped_until, url_of
from served import serving
from vitok.http.process import Process
from vitok.http.worker_metrics import WorkerMetrics

pytestmark = pytest.mark.vitok_only

TWO = ("--metrics", "127.0.0.1:0", "--workers", "2", "--log-level", "debug")
READY = re.compile(r"worker (\d+) is ready")


def workers_of(errors: str) -> list[int]:
    """The workers that became ready, in this order."""
    return [int(number) for number in READY.findall(errors)]


def never_shrink(before: dict[str, float], after: dict[str, float]) -> bool:
    """Whether no counter, and no part of a histogram, is smaller than before."""
    counters = [name for name in before if re.search(r"_(total|bucket|count|sum)(\{|$)", name)]
    assert counters
    return all(after[name] >= before[name] for name in counters)


def test_both_workers_are_there() -> None:
    """One server of metrics for all of them, in the supervisor; its memory counts, too."""
    with serving(*TWO) as served:
        url = url_of(served)
        values = scraped(url)
        assert (values["vitok_workers"], values["vitok_workers_expected"]) == (2, 2)
        assert values["process_resident_memory_bytes"] > sum(map(resident_bytes, workers_of(served.errors))) / 2
        assert page(url, "/ready")[:2] == (200, "ready\n")
        assert page(url, "/live")[:2] == (200, "alive\n")
        assert served.end() == 0
    assert served.errors.count("metrics: ") == 1


def resident_bytes(process: int) -> int:
    """The resident memory of a process."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_worker_that_is_killed() -> None:
    """Its counts stay, its memory goes, and its replacement is counted."""
    with serving(*TWO) as served:
        url = url_of(served)
        first, _ = workers_of(served.errors)
        before = scraped_until(url, lambda values: values["vitok_loop_turns_total"] > 0)
        assert before['vitok_worker_restarts_total{reason="signal"}'] == 0
        os.kill(first, signal.SIGKILL)
        served.read_until(rf"worker {first} ended \(SIGKILL\)")
        between = scraped(url)
        served.read_until(READY)
        after = scraped_until(url, lambda values: values["vitok_workers"] == 2)
        assert never_shrink(before, between)
        assert never_shrink(between, after)
        assert after['vitok_worker_restarts_total{reason="signal"}'] == 1
        assert served.end() == 0


def test_a_worker_that_ends_by_itself() -> None:
    """It is told from one that was killed."""
    with serving(*TWO) as served:
        url = url_of(served)
        first, _ = workers_of(served.errors)
        os.kill(first, signal.SIGTERM)
        served.read_until(rf"worker {first} ended")
        scraped_until(url, lambda values: values['vitok_worker_restarts_total{reason="exit"}'] == 1)


def test_workers_that_are_exchanged() -> None:
    """Scrapes go on while SIGHUP exchanges both; no count shrinks, and the server is ready all the time."""
    with serving(*TWO) as served:
        url = url_of(served)
        before = scraped(url)
        served.child.send_signal(signal.SIGHUP)
        while before['vitok_worker_restarts_total{reason="hangup"}'] < 2:
            after = scraped(url)
            assert never_shrink(before, after)
            assert page(url, "/ready")[0] == 200
            before = after
        served.read_until("all workers have been replaced")
        after = scraped(url)
        assert never_shrink(before, after)
        assert after["vitok_workers"] == 2


def test_more_and_fewer_workers() -> None:
    """SIGTTIN and SIGTTOU change the number that there should be, and then the number that there are."""
    with serving(*TWO) as served:
        url = url_of(served)
        served.child.send_signal(signal.SIGTTIN)
        more = scraped_until(url, lambda values: values["vitok_workers"] == 3)
        assert more["vitok_workers_expected"] == 3
        served.child.send_signal(signal.SIGTTOU)
        fewer = scraped_until(url, lambda values: values["vitok_workers"] == 2)
        assert fewer["vitok_workers_expected"] == 2
        assert never_shrink(more, fewer)
        assert sum(value for name, value in fewer.items() if "restarts" in name) == 0
        assert served.end() == 0


def test_a_worker_that_is_stopped() -> None:
    """Its last numbers are used, and the server is ready as long as another worker answers."""
    with serving(*TWO) as served:
        url = url_of(served)
        first, second = workers_of(served.errors)
        before = scraped_until(url, lambda values: values["vitok_loop_turns_total"] > 0)
        os.kill(first, signal.SIGSTOP)
        try:
            values = scraped(url)
            assert never_shrink(before, values)
            assert values["vitok_workers"] == 2
            assert ready_until(url, 200) == "ready\n"
            os.kill(second, signal.SIGSTOP)
            try:
                assert ready_until(url, 503) == "no worker answers\n"
                assert page(url, "/live")[0] == 200
                assert never_shrink(values, scraped(url))
            finally:
                os.kill(second, signal.SIGCONT)
        finally:
            os.kill(first, signal.SIGCONT)
        assert ready_until(url, 200) == "ready\n"
        assert served.end() == 0


def test_a_worker_that_hangs() -> None:
    """It is told from one that was killed from elsewhere, and its last counts stay."""
    with serving(*TWO, "--timeout-worker-healthcheck", "1") as served:
        url = url_of(served)
        first, _ = workers_of(served.errors)
        before = scraped_until(url, lambda values: values["vitok_loop_turns_total"] > 0)
        os.kill(first, signal.SIGSTOP)
        after = scraped_until(url, lambda values: values['vitok_worker_restarts_total{reason="hang"}'] == 1)
        assert after['vitok_worker_restarts_total{reason="signal"}'] == 0
        assert never_shrink(before, after)
        scraped_until(url, lambda values: values["vitok_workers"] == 2)
        assert served.end() == 0


def test_a_worker_that_is_old() -> None:
    """Its replacement is no failure, and counted as what it is."""
    with serving(*TWO, "--limit-max-lifetime", "1") as served:
        url = url_of(served)
        values = scraped_until(url, lambda values: values['vitok_worker_restarts_total{reason="lifetime"}'] >= 2)
        assert values['vitok_worker_restarts_total{reason="exit"}'] == 0
        assert served.end() == 0


def test_many_scrapes_while_workers_die() -> None:
    """Forty threads scrape while workers are killed one after the other: each gets whole numbers, in a row that never
    shrinks.
    """
    with serving(*TWO) as served:
        url = url_of(served)

        def scrape(_: int) -> list[dict[str, float]]:
            return [scraped(url) for _ in range(5)]

        with ThreadPoolExecutor(40) as pool:
            rows = pool.map(scrape, range(40))
            for _ in range(3):
                os.kill(workers_of(served.errors)[-1], signal.SIGKILL)
                served.read_until(READY)
            for row in rows:
                assert all(never_shrink(a, b) for a, b in itertools.pairwise(row))
        scraped_until(url, lambda values: values['vitok_worker_restarts_total{reason="signal"}'] == 3)
        assert served.end() == 0


@pytest.mark.parametrize(("answers", "expected"), [(True, ""), (False, "no worker answers")])
def test_a_supervisor_that_was_stopped(answers: bool, expected: str) -> None:
    """It has heard of no worker for a while, and asks before it says that none answers."""

    class Silent:
        """A worker that was last heard long ago."""

        def __init__(self) -> None:
            loop = asyncio.get_running_loop()
            self.heard = loop.time() - 60
            self.ready, self.ended = loop.create_future(), loop.create_future()
            self.ready.set_result(None)

        async def fresh_report(self, seconds: float) -> dict[str, Any]:
            """Answer, or return after this time."""
            if answers:
                self.heard = asyncio.get_running_loop().time()
            return {}

    async def main() -> None:
        source = WorkerMetrics(expected=lambda: 2, is_ending=lambda: False)
        for worker in (Silent(), Silent()):
            source.follow(cast("Process", worker))
        assert await source.unready() == expected

    run(main())


def test_reports_are_short() -> None:
    """A report fits into one packet of the channel, and is nothing without the option."""

    async def main() -> None:
        async with embedded(metrics="127.0.0.1:0") as server:
            assert len(json.dumps(server.report())) < 4096
        async with embedded() as server:
            assert server.report() == {}

    run(main())
