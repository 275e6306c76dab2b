"""The suite of HTTP in threads: the cost of a request for a server whose process has one thread with a loop, or two.

It needs a Python without the GIL. Nothing is bound to a core, since two threads are to have two: the client takes its
part of them, and the CPU time of a request is the figure that does not depend on that. The rows are those of a small
answer of the suite `http`, the servers are in `http_servers.py`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from vitok_bench.http_harness import method
from vitok_bench.http_rows import HttpRow, rows
from vitok_bench.http_servers import ServerSpec
from vitok_bench.suite_http import Http
from vitok_bench.suites import Cores, Session, Settings

ROWS: Final = ("plaintext", "json")


class ThreadsHttp(Http):
    """The suite `threads_http`: see the module."""

    name = "threads_http"
    title = "requests of HTTP/1.1 to one thread and to two of one process, CPU of the server"
    order = 31

    def rows(self) -> Sequence[HttpRow]:
        return [replace(row, name=f"threads_{row.name}") for row in rows() if row.name in ROWS]

    def takes(self, spec: ServerSpec) -> bool:
        return spec.has_threads

    def lacks(self, settings: Settings) -> str | None:
        if getattr(sys, "_is_gil_enabled", lambda: True)():
            return "it compares threads of one process, which need a Python without the GIL, such as python3.14t"
        return super().lacks(settings)

    def method(self, settings: Settings) -> str:
        return method(_unpinned(settings), servers="one process each")

    @contextlib.contextmanager
    def session(self, specs: Sequence[ServerSpec], settings: Settings) -> Iterator[Session]:
        with super().session(specs, _unpinned(settings)) as session:
            yield session


def _unpinned(settings: Settings) -> Settings:
    return replace(settings, cores=Cores(server=None, client=None))


SUITE: Final = ThreadsHttp()
