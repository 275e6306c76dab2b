"""The suite of native applications: the cost of a request without a framework, beside a raw server that does not parse.

The rows are in `native_rows.py`, the servers in `http_servers.py`; all else is that of the suite `http`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from vitok_bench.http_rows import HttpRow
from vitok_bench.http_servers import ServerSpec
from vitok_bench.native_rows import rows
from vitok_bench.suite_http import Http


class Native(Http):
    """The suite `native`: see the module."""

    name = "native"
    title = "requests of HTTP/1.1 to applications without a framework, CPU of the server with all its processes"
    order = 32
    base = "vitok.asgi"

    def rows(self) -> Sequence[HttpRow]:
        return rows()

    def takes(self, spec: ServerSpec) -> bool:
        return spec.has_native

    def command(self, spec: ServerSpec) -> Callable[[int], list[str]]:
        return spec.native_command


SUITE: Final = Native()
