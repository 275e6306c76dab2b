"""The suite of HTTP/2: the cost of a request for a server, in clear text and over TLS, beside a raw server in clear
text that does not parse.

The rows are in `http2_rows.py`, the servers in `http_servers.py`; the order of samples, the certificate and the client
are those of the suites `http` and `https`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from vitok_bench import load_generator, results, tls_files
from vitok_bench.http2_rows import rows
from vitok_bench.http_harness import Fleet, RawColumn, as_row
from vitok_bench.http_rows import HttpRow
from vitok_bench.http_servers import ServerSpec
from vitok_bench.server_process import ServerProcess
from vitok_bench.suite_http import RAW, Http
from vitok_bench.suites import Session, Settings

Commands = Mapping[str, tuple[ServerSpec, Callable[[int], list[str]]]]


class Http2(Http):
    """The suite `http2`: see the module."""

    name = "http2"
    title = (
        "requests of HTTP/2, by prior knowledge in clear text and by ALPN over TLS 1.3, "
        "CPU of the server with all its processes"
    )
    order = 37
    # The cheapest server of HTTP/2 in Python that is not written in Rust as a whole.
    base = "uvicorn+zttp"

    def rows(self) -> Sequence[HttpRow]:
        return rows()

    def takes(self, spec: ServerSpec) -> bool:
        return spec.has_http2

    def lacks(self, settings: Settings) -> str | None:
        return tls_files.lacks() or super().lacks(settings)

    @contextlib.contextmanager
    def session(self, specs: Sequence[ServerSpec], settings: Settings) -> Iterator[Session]:
        by_name = {row.name: row for row in self.rows()}
        session = Session(measure=lambda *_: results.Row(name="", title=""))
        with contextlib.ExitStack() as stack:
            files = stack.enter_context(tls_files.made())
            secure = {
                spec.label: (spec, partial(spec.secure_http2_command, certificate=files.certificate, key=files.key))
                for spec in specs
            }
            clear = {spec.label: (spec, spec.http2_command) for spec in specs}
            # The raw server knows no TLS.
            fleets = {
                is_secure: stack.enter_context(contextlib.closing(_fleet(commands, settings, has_raw=not is_secure)))
                for is_secure, commands in ((False, clear), (True, secure))
            }

            def measure(name: str, without: Collection[str], on_round: Callable[[], None]) -> results.Row:
                row = by_name[name]
                measured = fleets[row.is_secure].measure(row, without, on_round)
                session.versions.update(measured.versions)
                return as_row(row, measured)

            session.measure = measure
            yield session


def _fleet(commands: Commands, settings: Settings, *, has_raw: bool) -> Fleet:
    servers = {
        label: (ServerProcess(command, core=settings.cores.server, directory=spec.directory), spec.version())
        for label, (spec, command) in commands.items()
    }
    binary = settings.load or load_generator.find_or_build()
    raw = RawColumn(name=RAW, command=(str(binary), "raw")) if has_raw else None
    return Fleet(servers, settings, binary=binary, raw=raw)


SUITE: Final = Http2()
