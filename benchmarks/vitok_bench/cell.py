"""One cell of the stream table: a server of one loop, and the client that keeps it busy or holds its connections.

It starts the two processes and reads the server's usage between two answers of the client. Rounds, other loops and
statistics are not known here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vitok_bench import usage
from vitok_bench.child import Child, ChildError
from vitok_bench.loops import LoopSpec
from vitok_bench.stream_rows import StreamRow
from vitok_bench.suites import Cores

HOST: Final = "127.0.0.1"
SERVING: Final = ("-m", "vitok_bench.serving")
# Opening ten thousand connections takes seconds, and more after the kernel's queue was full once.
OPEN_LIMIT_S: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class StreamSample:
    """The cost for the server of one window of the client, or of one set of idle connections."""

    operations: int
    # In ns of CPU, or in bytes.
    cost: int
    wall_ns: int = 0
    p50_ns: int = 0
    p99_ns: int = 0
    lost: int = 0

    @property
    def per_operation(self) -> float:
        return self.cost / self.operations


@dataclass(frozen=True, kw_only=True)
class Commands:
    """How the programs of a row are started, without the options of the row."""

    client: tuple[str, ...]
    # The raw server; None where there is none.
    raw: tuple[str, ...] | None
    # The options of the servers on loops.
    serving: tuple[str, ...] = ()

    @classmethod
    def of(cls, binary: Path) -> Commands:
        """Client and raw server are the load generator."""
        return cls(client=(str(binary),), raw=(str(binary), "raw"))

    def server(self, row: StreamRow, spec: LoopSpec | None, *, core: int | None) -> list[str]:
        """The command of the server on a loop, or of the raw one."""
        pinned = [] if core is None else ["--core", str(core)]
        if spec is None:
            assert self.raw is not None
            return [*self.raw, *row.raw, *pinned]
        return [sys.executable, *SERVING, "--loop", spec.text, "--family", row.family, *self.serving, *pinned]


class Cell:
    """A loop in a row. Every method raises ChildError."""

    def __init__(self, row: StreamRow, spec: LoopSpec | None, *, commands: Commands, cores: Cores) -> None:
        """Without a loop, the server is the raw one."""
        self.row = row
        self.version = ""
        self._commands = commands
        self._cores = cores
        self.server = Child(commands.server(row, spec, core=cores.server))
        self._client: Child | None = None

    def start(self) -> None:
        """Start the server; and the client with all its connections, unless those are measured."""
        hello = self.server.start()
        self.version = str(hello["version"])
        self._port = hello["port"]
        if not self.row.is_memory:
            self._client = self._start_client("--stdin", *(() if self._cores.is_shared() else ("--spin",)))

    def sample(self, seconds: float) -> StreamSample:
        """Return the server's cost for that long, or the cost of holding the connections of the row."""
        if self.row.is_memory:
            return self._hold()
        return self.run(f"seconds {seconds}")

    def run(self, extent: str) -> StreamSample:
        """Run one window of the client. The server is idle before and after it."""
        assert self._client is not None
        with self._blaming_server():
            before_ns = usage.cpu_ns(self.server.process_id)
            said = self._client.ask(extent)
            cpu_ns = usage.cpu_ns(self.server.process_id) - before_ns
            return _sample(said, cpu_ns)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self.server.close()

    def _hold(self) -> StreamSample:
        """Measure a new server for every sample: one that has held connections before has spare memory."""
        if not self.server.is_running:
            self.start()
        with self._blaming_server():
            usage.wait_until_still(self.server.process_id)
            before = usage.resident_bytes(self.server.process_id)
            client = self._start_client()
            try:
                # Without a greeting, the client does not know when the server has accepted its last connection.
                usage.wait_until_still(self.server.process_id)
                cost = usage.resident_bytes(self.server.process_id) - before
            finally:
                client.close()
        self.server.end()
        return StreamSample(operations=self.row.idle, cost=cost)

    def _start_client(self, *options: str) -> Child:
        command = [*self._commands.client, *self.row.client, "--connect", f"{HOST}:{self._port}", *options]
        if self._cores.client is not None:
            command += ["--core", str(self._cores.client)]
        client = Child(command, answer_limit_s=OPEN_LIMIT_S)
        try:
            with self._blaming_server():
                client.start()
        except ChildError:
            client.close()
            raise
        return client

    @contextmanager
    def _blaming_server(self) -> Iterator[None]:
        """If the client only reports a broken connection, the server may have reported the reason."""
        try:
            yield
        except (ChildError, OSError) as error:
            self.server.raise_if_failed()
            if isinstance(error, OSError):
                raise ChildError("wrong", str(error)) from error
            raise


def _sample(said: dict[str, Any], cpu_ns: int) -> StreamSample:
    if said["errors"] or not said["operations"]:
        raise ChildError("wrong", f"{said['errors']} connections broke, {said['operations']} operations got through")
    return StreamSample(
        operations=said["operations"],
        cost=cpu_ns,
        wall_ns=round(said["seconds"] * 1e9),
        p50_ns=said["p50_ns"],
        p99_ns=said["p99_ns"],
        lost=said["lost"],
    )
