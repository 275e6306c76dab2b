"""The rows of threads: every loop does the operations it is asked for, in one thread and in two."""

import asyncio
import threading
from contextlib import closing

import pytest
from vitok_bench import thread_rows
from vitok_bench.suite_threads import SUITE

ROWS = {row.name: row for row in thread_rows.rows()}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("operations", [2, 20])
def test_a_row_ends(name: str, operations: int) -> None:
    """Also again on the same loop, and without a thread that is left."""
    threads = threading.active_count()
    with closing(asyncio.new_event_loop()) as loop:
        for _ in range(3):
            assert ROWS[name].body(loop, operations) is None
        end = ROWS[name].close
        if end is not None:
            end(loop)
    assert threading.active_count() == threads
    assert not thread_rows._others


def test_the_second_thread_does_half() -> None:
    """Each half runs on a loop of its own, in a thread of its own."""
    seen: list[tuple[int, int, int]] = []

    def work(loop: asyncio.AbstractEventLoop, operations: int) -> None:
        seen.append((id(loop), threading.get_ident(), operations))

    with closing(asyncio.new_event_loop()) as loop:
        thread_rows.in_two_threads(work, loop, 10)
        thread_rows.close_other(loop)
    assert len({loop for loop, _, _ in seen}) == len({thread for _, thread, _ in seen}) == 2
    assert [operations for _, _, operations in seen] == [5, 5]


def test_a_failure_of_the_second_thread_is_raised() -> None:
    """A row whose second half fails has no figure."""
    main = threading.get_ident()

    def work(_loop: asyncio.AbstractEventLoop, _operations: int) -> None:
        if threading.get_ident() != main:
            raise ValueError("second")

    with closing(asyncio.new_event_loop()) as loop:
        with pytest.raises(ValueError, match="second"):
            thread_rows.in_two_threads(work, loop, 10)
        thread_rows.close_other(loop)


def test_workers_have_all_cores() -> None:
    """One core would make two threads take turns."""
    assert not SUITE.is_pinned
