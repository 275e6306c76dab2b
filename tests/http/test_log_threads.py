"""The logs of servers in several threads: lines are whole, those of a thread in order, also while files are renamed."""

import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from thread_support import SECONDS_AT_MOST, Place, ask, places
from vitok.http.log import Log
from vitok.http.log_output import Output
from vitok.http.options import Options, native_options

pytestmark = pytest.mark.vitok_only

THREADS = 3
REQUESTS = 200
LINE = re.compile(r'\d{4}-\d\d-\d\dT\S+ \S+ .*"GET /(\d+)/(\d+) HTTP/1\.1" 200 .*')


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request alike."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@contextmanager
def logging_to(options: Options) -> Iterator[tuple[Log, list[Place]]]:
    """Servers of one process, each in its thread, and the log that they have in common."""
    log = Log(options, is_owner=True)
    told = native_options(options, access_log=True, **log.access_settings())
    try:
        with places(THREADS, hello, log, **told) as begun:
            yield log, begun
    finally:
        log.close()


def ask_often(place: Place, number: int) -> None:
    """Send requests whose paths say which thread they are for, and count them."""
    with place.connect() as client:
        for count in range(REQUESTS):
            assert ask(client, b"GET /%d/%d HTTP/1.1\r\nhost: a\r\n\r\n" % (number, count)).endswith(b"hello")


def seen(lines: list[str]) -> dict[int, list[int]]:
    """The counts of each thread, in the order of its lines."""
    found: dict[int, list[int]] = {number: [] for number in range(THREADS)}
    for line in lines:
        matched = LINE.fullmatch(line)
        assert matched, line
        found[int(matched[1])].append(int(matched[2]))
    return found


ALL = {number: list(range(REQUESTS)) for number in range(THREADS)}


def test_lines_are_whole_and_in_order(tmp_path: Path) -> None:
    """Each request has its line, no line has a part of another, and those of a thread are in its order."""
    path = tmp_path / "access.log"
    with logging_to(Options(access_log_file=str(path))) as (_, begun), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(ask_often, begun, range(THREADS)))
    assert seen(path.read_text().splitlines()) == ALL


def test_files_are_opened_anew_meanwhile(tmp_path: Path) -> None:
    """A file that is renamed while all threads write loses nothing: each line is in one of the files."""
    path = tmp_path / "access.log"
    kept: list[Path] = []
    with logging_to(Options(access_log_file=str(path))) as (log, begun), ThreadPoolExecutor(THREADS) as pool:
        asking = [pool.submit(ask_often, place, number) for number, place in enumerate(begun)]
        while not all(one.done() for one in asking) or not kept:
            if path.exists() and path.stat().st_size:
                kept.append(path.rename(tmp_path / f"access.{len(kept)}"))
                log.reopen()
            time.sleep(0.001)
        for one in asking:
            one.result()
    lines = [line for file in [*kept, path] for line in file.read_text().splitlines()]
    assert seen(lines) == ALL


def test_handlers_of_the_application(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A handler for `vitok.access` gets each line once, from whichever thread."""
    with caplog.at_level(logging.INFO, "vitok.access"):
        log = Log()
        told = native_options(access_log=True, **log.access_settings())
        with places(THREADS, hello, log, **told) as begun, ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(ask_often, begun, range(THREADS)))
        log.close()
    messages = [record.getMessage() for record in caplog.records if record.name == "vitok.access"]
    found = [re.search(r'"GET /(\d+)/(\d+) ', message) for message in messages]
    told_of = [(int(one[1]), int(one[2])) for one in found if one]
    assert len(told_of) == len(messages) == THREADS * REQUESTS
    for number in range(THREADS):
        assert [count for thread, count in told_of if thread == number] == list(range(REQUESTS))


def test_one_output_of_several_threads(tmp_path: Path) -> None:
    """Threads that begin to write to a stream at the same moment lose no line."""
    for attempt in range(20):
        path = tmp_path / f"{attempt}.log"
        barrier = threading.Barrier(THREADS)
        with path.open("a") as stream:
            output = Output(lambda stream=stream: stream)

            def write(number: int, output: Output = output, barrier: threading.Barrier = barrier) -> None:
                barrier.wait(SECONDS_AT_MOST)
                for count in range(50):
                    output.write(f"{number} {count}\n")

            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(write, range(THREADS)))
            output.flush(SECONDS_AT_MOST)
        lines = path.read_text().splitlines()
        assert sorted(lines) == sorted(f"{number} {count}" for number in range(THREADS) for count in range(50))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_writes(tmp_path: Path) -> None:
    """A child that is forked while another thread writes has its own lock, and does not wait for that thread."""
    path = tmp_path / "forked.log"
    with path.open("a") as stream:
        output = Output(lambda: stream)
        held, release = threading.Event(), threading.Event()

        def hold() -> None:
            with output._lock:
                held.set()
                release.wait(SECONDS_AT_MOST)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(SECONDS_AT_MOST)
        child = os.fork()
        if child == 0:
            try:
                output.news()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        release.set()
        thread.join()
