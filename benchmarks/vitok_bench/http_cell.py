"""One cell of the HTTP table: a server in a row, the client that asks it, and the CPU time of the server's processes.

Every answer is checked once before anything is measured, and every sample has a client of its own: no server has to
keep connections during the turns of the others. Rounds and statistics are not known here.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from vitok_bench import http2_check, usage
from vitok_bench.child import Child, ChildError
from vitok_bench.http_rows import HttpRow
from vitok_bench.http_servers import HOST
from vitok_bench.suites import Cores

# The limit for a first request, which may wait until a worker has imported the application.
CHECK_LIMIT_S: Final = 10.0
# Opening ten thousand connections, with a request on each, takes the slowest servers some seconds.
OPEN_LIMIT_S: Final = 60.0
# Python closes its connections and reports the reason some time before it has exited, more on a busy machine.
DYING_S: Final = 2.0
OK: Final = 200
NS_PER_S: Final = 1e9
# How many bytes of a wrong answer are shown.
SHOWN_BYTES: Final = 40


class Served(Protocol):
    """A server of any kind; the methods raise ChildError."""

    port: int

    @property
    def is_running(self) -> bool: ...

    def start(self) -> None: ...

    def family(self) -> list[int]: ...

    def raise_if_failed(self, *, within_s: float = 0.0) -> None: ...

    def end(self) -> None: ...


class RawServer:
    """A server that answers without parsing, in a process of its own: `load/src/raw/http.rs`, or `tls_raw.c`."""

    def __init__(self, command: Sequence[str], *, core: int | None) -> None:
        pinned = [] if core is None else ["--core", str(core)]
        self._child = Child([*command, *pinned])
        self.port = 0
        self.version = ""

    @property
    def is_running(self) -> bool:
        return self._child.is_running

    def start(self) -> None:
        hello = self._child.start()
        self.port, self.version = int(hello["port"]), str(hello["version"])

    def family(self) -> list[int]:
        return [self._child.process_id]

    def raise_if_failed(self, *, within_s: float = 0.0) -> None:  # noqa: ARG002 (it does not take long to die)
        self._child.raise_if_failed()

    def end(self) -> None:
        self._child.end()

    def close(self) -> None:
        self._child.close()


@dataclass(frozen=True, kw_only=True)
class HttpSample:
    """The cost for the server of one window of the client, or of one set of idle connections."""

    operations: int
    # In ns of CPU of all processes, or in bytes.
    cost: int
    wall_ns: int = 0
    p50_ns: int = 0
    p99_ns: int = 0
    # The CPU time of the client's own work, in all; 0 if it is unknown.
    client_ns: int = 0

    @property
    def per_operation(self) -> float:
        return self.cost / self.operations


class HttpCell:
    """A server in a row. Every method raises ChildError."""

    def __init__(self, row: HttpRow, server: Served, version: str, *, binary: Path, cores: Cores) -> None:
        self.row = row
        self.version = version
        self._server = server
        self._binary = binary
        self._cores = cores

    def start(self) -> None:
        """Start the server unless it runs, and check that it answers as the row asks."""
        if not self._server.is_running:
            self._server.start()
        with self._blaming_server():
            self._check()

    def sample(self, seconds: float) -> HttpSample:
        """Return the server's cost for that long, or the cost of holding the connections of the row."""
        return self._hold() if self.row.is_memory else self.run(f"seconds {seconds}")

    def run(self, extent: str) -> HttpSample:
        """Run one window of a client."""
        spinning = () if self._cores.is_shared() else ("--spin",)
        with self._blaming_server(), self._client(self.row.client, "--stdin", *spinning) as client:
            client.ask(f"operations {self.row.warm_up}")
            before, client_before_ns = usage.family_cpu_ns(self._server.family()), usage.cpu_ns(client.process_id)
            said = client.ask(extent)
            after, client_ns = usage.family_cpu_ns(self._server.family()), usage.cpu_ns(client.process_id)
        if before.keys() - after.keys():
            raise ChildError("crash", "a process of the server ended while it was measured")
        # An open loop spins, so its own work is unknown.
        client_ns = 0 if self.row.kind == "wait" else client_ns - client_before_ns - said["spun_seconds"] * NS_PER_S
        return _sample(said, sum(after.values()) - sum(before.values()), round(client_ns))

    def _hold(self) -> HttpSample:
        """Measure a new server for every sample: one that has held connections before has spare memory."""
        self._server.end()
        self._server.start()
        with self._blaming_server():
            self._check()
            usage.wait_until_quiet(self._server.family())
            before = usage.own_bytes(self._server.family())
            with self._client(self.row.client) as client:
                usage.wait_until_quiet(self._server.family())
                cost = usage.own_bytes(self._server.family()) - before
                still_open = client.ask("open")["open"]
        self._server.end()
        if still_open < self.row.idle:
            raise ChildError("wrong", f"{self.row.idle - still_open} of {self.row.idle} connections were closed")
        return HttpSample(operations=self.row.idle, cost=cost)

    def _check(self) -> None:
        """Check one answer."""
        if not self.row.check:
            check(self.row, self._server.port, is_raw=isinstance(self._server, RawServer))
        elif self.row.is_memory:
            with self._client(self.row.check, limit_s=CHECK_LIMIT_S):
                pass
        else:
            with self._client(self.row.check, "--stdin", limit_s=CHECK_LIMIT_S) as client:
                client.ask("operations 1")

    @contextmanager
    def _client(self, words: Sequence[str], *options: str, limit_s: float = OPEN_LIMIT_S) -> Iterator[Child]:
        address = f"{HOST}:{self._server.port}"
        command = [str(self._binary), *words, "--path", self.row.path, "--connect", address, *options]
        if self._cores.client is not None:
            command += ["--core", str(self._cores.client)]
        client = Child(command, answer_limit_s=limit_s)
        try:
            client.start()
            yield client
        finally:
            client.close()

    @contextmanager
    def _blaming_server(self) -> Iterator[None]:
        """If the client only reports a broken connection, the server may have reported the reason.

        A server that failed is ended: the next row starts a new one.
        """
        try:
            yield
        except (ChildError, OSError) as error:
            try:
                self._server.raise_if_failed(within_s=DYING_S)
            finally:
                self._server.end()
            if isinstance(error, OSError):
                raise ChildError("wrong", f"{type(error).__name__}: {error}") from error
            raise


def check(row: HttpRow, port: int, *, is_raw: bool) -> None:
    """Ask once and compare status, body and framing with those of the row; raises ChildError.

    Of the raw server, whose answers are made up, only the length is compared.
    """
    try:
        status, answer, is_chunked = _by_http2(row, port) if row.is_http2 else _by_http1(row, port)
    except TimeoutError:
        raise ChildError("hang", f"no answer in {CHECK_LIMIT_S:g} s") from None
    except http.client.HTTPException as error:
        raise ChildError("wrong", f"{type(error).__name__}: {error}") from error
    except http2_check.Http2Error as error:
        raise ChildError("n/a", str(error)) from error
    if status != OK:
        raise ChildError("wrong", f"{row.path} was answered by status {status}")
    is_same = len(answer) == len(row.answer) if is_raw else answer == row.answer
    if not is_same:
        raise ChildError("wrong", f"{row.path} was answered by {len(answer)} bytes: {answer[:SHOWN_BYTES]!r}")
    if row.is_chunked and not is_chunked:
        raise ChildError("wrong", f"{row.path} was not answered in chunks")


def _by_http1(row: HttpRow, port: int) -> tuple[int, bytes, bool]:
    """Return the status, the body, and whether it came in chunks."""
    with contextlib.closing(_connection(port, is_secure=row.is_secure)) as connection:
        headers = {"Content-Type": row.media_type} if row.body else {}
        connection.request("POST" if row.body else "GET", row.path, body=row.body or None, headers=headers)
        response = connection.getresponse()
        is_chunked = response.getheader("transfer-encoding", "").lower() == "chunked"
        return response.status, response.read(), is_chunked


def _by_http2(row: HttpRow, port: int) -> tuple[int, bytes, bool]:
    """Return the same; HTTP/2 has no chunks."""
    answer = http2_check.ask((HOST, port), row.path, row.body, row.media_type, tls=row.is_secure, limit_s=CHECK_LIMIT_S)
    return answer.status, answer.content, False


def _connection(port: int, *, is_secure: bool) -> http.client.HTTPConnection:
    if not is_secure:
        return http.client.HTTPConnection(HOST, port, timeout=CHECK_LIMIT_S)
    # The certificate is made for the run.
    context = ssl._create_unverified_context()
    return http.client.HTTPSConnection(HOST, port, timeout=CHECK_LIMIT_S, context=context)


def _sample(said: dict[str, Any], cpu_ns: int, client_ns: int) -> HttpSample:
    if said["errors"] or not said["operations"]:
        raise ChildError("wrong", f"{said['errors']} connections broke, {said['operations']} requests got through")
    return HttpSample(
        operations=said["operations"],
        cost=cpu_ns,
        wall_ns=round(said["seconds"] * NS_PER_S),
        p50_ns=said["p50_ns"],
        p99_ns=said["p99_ns"],
        client_ns=client_ns,
    )
