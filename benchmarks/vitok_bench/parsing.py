"""Measures httptools' parsers and `vitok.httptools` side by side: CPU time, or instructions under valgrind.

Each row is one message as a peer sends it, with a protocol whose methods do nothing, as a program has one; the rows
that end in `_bare` have a protocol without methods, which leaves the parser alone. The modules take turns in one
process. Loops and servers are not known here.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from vitok_bench.instructions import ENVIRONMENT, KEPT_VARIABLES, build_steady, require_tools

MODULES: Final = ("httptools", "vitok.httptools")
ROUNDS: Final = 15
# Long enough to be far above the resolution of the clock, short enough for a round of all rows in seconds.
SAMPLE_S: Final = 0.05
COUNTED: Final = 2000
COUNT_LIMIT_S: Final = 300

HOST: Final = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
BROWSER: Final = b"".join(
    [
        b"GET /articles/2026/11?page=2&sort=date HTTP/1.1\r\n",
        b"Host: www.example.org\r\n",
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n",
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n",
        b"Accept-Language: en-US,en;q=0.5\r\n",
        b"Accept-Encoding: gzip, deflate, br, zstd\r\n",
        b"Referer: https://www.example.org/articles\r\n",
        b"Connection: keep-alive\r\n",
        b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n",
        b"Upgrade-Insecure-Requests: 1\r\n",
        b"Sec-Fetch-Dest: document\r\n",
        b"Sec-Fetch-Mode: navigate\r\n",
        b"\r\n",
    ]
)
POST: Final = (
    b"POST /form HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 28\r\n\r\nname=somebody&color=blue&x=1"
)
CHUNKED: Final = (
    b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
)
RESPONSE: Final = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 07:00:00 GMT\r\nServer: a\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\nConnection: keep-alive\r\n\r\nHello, world!"
)
CUT: Final = 200

Operation = Callable[[], object]


class Protocol:
    """Every method, of which none does anything."""

    def on_message_begin(self) -> None: ...
    def on_url(self, url: bytes) -> None: ...
    def on_status(self, status: bytes) -> None: ...
    def on_header(self, name: bytes, value: bytes) -> None: ...
    def on_headers_complete(self) -> None: ...
    def on_body(self, body: bytes) -> None: ...
    def on_message_complete(self) -> None: ...
    def on_chunk_header(self) -> None: ...
    def on_chunk_complete(self) -> None: ...


def feeding(kind: str, data: bytes, protocol: object, *, cut: int = 0) -> Callable[[ModuleType], Operation]:
    """Feed one message to a parser that stays, whole or in two pieces."""

    def of(module: ModuleType) -> Operation:
        feed = getattr(module, kind)(protocol).feed_data
        if not cut:
            return lambda: feed(data)
        first, second = data[:cut], data[cut:]

        def in_two() -> None:
            feed(first)
            feed(second)

        return in_two

    return of


def new_parser(module: ModuleType) -> Operation:
    """Make a parser for each request, as a server does for each connection."""
    protocol = Protocol()
    return lambda: module.HttpRequestParser(protocol).feed_data(HOST)


def parsing_url(url: bytes) -> Callable[[ModuleType], Operation]:
    """Parse a URL, and read what a server reads of it."""

    def of(module: ModuleType) -> Operation:
        parse = module.parse_url

        def parse_and_read() -> tuple[bytes, bytes]:
            parsed = parse(url)
            return parsed.path, parsed.query

        return parse_and_read

    return of


ROWS: Final[dict[str, Callable[[ModuleType], Operation]]] = {
    "request": feeding("HttpRequestParser", HOST, Protocol()),
    "request_bare": feeding("HttpRequestParser", HOST, None),
    "request_fields": feeding("HttpRequestParser", BROWSER, Protocol()),
    "request_fields_bare": feeding("HttpRequestParser", BROWSER, None),
    "request_in_two": feeding("HttpRequestParser", BROWSER, Protocol(), cut=CUT),
    "request_content": feeding("HttpRequestParser", POST, Protocol()),
    "request_chunks": feeding("HttpRequestParser", CHUNKED, Protocol()),
    "request_new": new_parser,
    "response": feeding("HttpResponseParser", RESPONSE, Protocol()),
    "response_bare": feeding("HttpResponseParser", RESPONSE, None),
    "url_path": parsing_url(b"/articles/2026/11?page=2&sort=date"),
    "url_whole": parsing_url(b"https://www.example.org:8443/articles/2026/11?page=2&sort=date#top"),
}


def main() -> None:
    options = _parse(sys.argv[1:])
    if options.count:
        name, row, operations = options.count
        count(name, row, int(operations))
        return
    modules = [name for name in MODULES if name in options.modules]
    print(f"{'':20}" + "".join(f"{name:>18}" for name in modules) + "  vitok / httptools")
    for row in options.rows:
        figures = {name: [instructions(name, row)] for name in modules} if options.instructions else times(modules, row)
        print(line(row, figures), flush=True)


def times(modules: Sequence[str], row: str) -> dict[str, list[float]]:
    """CPU time of one operation in ns, for each round; the modules take turns."""
    operations = {name: ROWS[row](importlib.import_module(name)) for name in modules}
    number = {name: _number(operation) for name, operation in operations.items()}
    samples: dict[str, list[float]] = {name: [] for name in modules}
    gc.collect()
    for turn in range(ROUNDS):
        for name in modules if turn % 2 == 0 else modules[::-1]:
            samples[name].append(_sample(operations[name], number[name]) / number[name])
    return samples


def _number(operation: Operation) -> int:
    """How many operations fill a sample."""
    number = 100
    while (spent := _sample(operation, number)) < SAMPLE_S * 1e9 / 4:
        number *= 2
    return max(1, int(number * SAMPLE_S * 1e9 / spent))


def _sample(operation: Operation, number: int) -> int:
    begin = time.process_time_ns()
    for _ in range(number):
        operation()
    return time.process_time_ns() - begin


def line(row: str, figures: dict[str, list[float]]) -> str:
    """One line of the table: medians, and the median of the ratios within a round."""
    cells = "".join(f"{statistics.median(samples):18.0f}" for samples in figures.values())
    ratio = ""
    if len(figures) == len(MODULES):
        theirs, ours = (figures[name] for name in MODULES)
        ratio = f"{statistics.median(our / their for our, their in zip(ours, theirs, strict=True)):12.2f}"
    return f"{row:20}{cells}{ratio}"


def instructions(name: str, row: str) -> float:
    """Instructions of one operation in user space: the difference of n and 2n operations."""
    require_tools()
    once, twice = (_counted(name, row, operations) for operations in (COUNTED, 2 * COUNTED))
    return (twice - once) / COUNTED


def _counted(name: str, row: str, operations: int) -> int:
    with tempfile.TemporaryDirectory() as directory:
        profile = Path(directory, "profile")
        kept = {variable: os.environ[variable] for variable in KEPT_VARIABLES if variable in os.environ}
        subprocess.run(
            [
                *("valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={profile}"),
                *(sys.executable, "-m", "vitok_bench.parsing", "--count", name, row, str(operations)),
            ],
            check=True,
            env=kept | ENVIRONMENT | {"LD_PRELOAD": build_steady(directory)},
            timeout=COUNT_LIMIT_S,
        )
        found = re.search(r"^totals: (\d+)", profile.read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1])


def count(name: str, row: str, operations: int) -> None:
    """What valgrind counts."""
    operation = ROWS[row](importlib.import_module(name))
    for _ in range(operations):
        operation()


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="parsing.py", description="Measure parsers of httptools' interface.")
    parser.add_argument("--rows", type=lambda text: text.split(","), default=list(ROWS), help="names, with commas")
    parser.add_argument("--modules", type=lambda text: text.split(","), default=list(MODULES), help="one or both")
    parser.add_argument("--instructions", action="store_true", help="count instructions; needs valgrind and cc")
    parser.add_argument("--count", nargs=3, metavar=("MODULE", "ROW", "OPERATIONS"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := [row for row in options.rows if row not in ROWS]:
        parser.error(f"unknown rows: {', '.join(unknown)}; known are {', '.join(ROWS)}")
    return options


if __name__ == "__main__":
    main()
