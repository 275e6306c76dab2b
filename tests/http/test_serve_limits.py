"""The limits of a process: its age and its memory. Beyond one, a worker is replaced, and a single process ends.

The number of requests is tested with the workers and the restarts.
"""

import asyncio
import contextlib
import logging
import mmap

import pytest
import vitok
from served import drain, get, serving
from test_serve_health import request_sent
from test_serve_workers import READY, TWO, are_gone, workers_of
from vitok.http import process_limits
from vitok.http.options import from_keywords

pytestmark = pytest.mark.vitok_only

APP = "unhealthy_apps:app"
MEMORY = ("--limit-max-memory", str(100 * 1024 * 1024))
LIFETIME = ("--limit-max-lifetime", "1")


def test_a_worker_with_too_much_memory() -> None:
    """Its successor starts first; then it leaves in order."""
    with serving(*TWO, *MEMORY, app=APP) as served:
        workers = workers_of(served.errors)
        filled: int = get(served.port, "/memory")["process"]
        served.read_until(rf"\[{filled}\] \d+ bytes of memory are in use, of at most 104857600: the process is due")
        served.read_until(READY)
        assert are_gone([filled])
        left = {get(served.port)["process"] for _ in range(8)}
        assert left <= {*workers, *workers_of(served.errors)} - {filled}
        assert served.end() == 0
    assert "ended (" not in served.errors
    assert served.output.count("shutdown") == served.output.count("startup")


@pytest.mark.parametrize("limit", [MEMORY, LIFETIME], ids=["memory", "lifetime"])
def test_a_single_process_ends(limit: tuple[str, ...]) -> None:
    """As after its number of requests: in order, with 0, for what starts it again."""
    with serving(*limit, app=APP) as served:
        if limit is MEMORY:
            get(served.port, "/memory")
        assert served.wait() == 0
    assert "the process is due for replacement" in served.errors
    assert "shutdown" in served.output


def test_workers_of_some_age() -> None:
    """Each is replaced; what answers is always there."""
    with serving(*TWO, *LIFETIME, app=APP) as served:
        old = workers_of(served.errors)
        while len(workers_of(served.errors)) < 4:
            assert get(served.port)["process"]
            served.read_until(READY)
        assert are_gone(old)
        assert served.end() == 0
    assert "an age of 1 s is near: the process is due for replacement" in served.errors
    assert "ended (" not in served.errors


def test_requests_that_run_at_the_exchange() -> None:
    """A worker that has ended its number of requests leaves when those that still run have ended, too."""
    with serving(*TWO, "--limit-max-requests", "2", app=APP) as served, contextlib.ExitStack() as stack:
        old = workers_of(served.errors)
        slow = [stack.enter_context(request_sent(served, "/sleep/2")) for _ in range(6)]
        quick = 0
        while len(workers_of(served.errors)) < 4:
            # Two of these make a worker due, while the others run.
            while quick < 16:
                quick += bool(get(served.port)["process"])
            served.read_until(READY)
        for sock in slow:
            assert drain(sock).startswith(b"HTTP/1.1 200 ")
        assert are_gone(old)
        assert served.end() == 0
    assert "2 requests have ended: the process is due for replacement" in served.errors
    assert "ended (" not in served.errors


def test_a_limit_below_what_a_process_needs() -> None:
    """A successor would have as much: this is an error in the log, and nothing is replaced for it."""
    with serving("--limit-max-memory", "1000000", app=APP) as served:
        served.read_until(
            r"ERROR .*--limit-max-memory: 1000000 bytes are fewer than the \d+ in use at the start: no limit"
        )
        assert get(served.port)["process"]
        assert served.end() == 0
    assert "due for replacement" not in served.errors


def test_workers_do_not_age_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """What each lives is up to a tenth less than the limit."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def main() -> None:
        monkeypatch.setattr(asyncio, "sleep", sleep)
        for _ in range(100):
            limit = await process_limits.reached(options, Uncounted(), logging.getLogger())
            assert limit.label == "lifetime"

    options = from_keywords({"limit_max_lifetime": 60.0})
    vitok.run(main())
    assert all(54 <= seconds <= 60 for seconds in slept)
    assert len(set(slept)) > 50


class Uncounted:
    """A server whose requests don't count."""

    async def served(self, count: int, /) -> None:
        """Never called without a limit."""
        raise AssertionError


def test_resident_memory() -> None:
    """It is that of now, in bytes."""
    before = process_limits.resident_bytes()
    # Not by the interpreter, which may have memory left that is resident already.
    with mmap.mmap(-1, 64 * 1024 * 1024) as kept:
        kept.write(b"\1" * len(kept))
        assert process_limits.resident_bytes() - before > 48 * 1024 * 1024
