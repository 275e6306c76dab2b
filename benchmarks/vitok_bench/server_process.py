"""A server that is started by its own command: finds a port for it, waits until it listens, and ends all of it.

It may have processes of its own; they all count, and none is left behind. Particular servers and HTTP are not known
here.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vitok_bench import usage
from vitok_bench.child import ChildError

HOST: Final = "127.0.0.1"
LAUNCHER: Final = Path(__file__).with_name("launch.py")
# The folder that servers of files serve, and no modules.
FOLDER: Final = Path(__file__).with_name("files")
# Most listen within a second; a busy machine may take several.
START_LIMIT_S: Final = 20.0
LOOK_AGAIN_S: Final = 0.02
# Servers wait for running requests, and there are none.
EXIT_LIMIT_S: Final = 3.0
# Enough of its output to have the reason in the last line.
LAST_WORDS_BYTES: Final = 4096
# The start of Python's dump after a fatal error; the stacks of all threads follow it.
FATAL: Final = "Fatal Python error"


class ServerProcess:
    """One server; it can be started again after it has ended."""

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        *,
        core: int | None,
        directory: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`command` returns the words for a port; `directory` is where Python searches for modules first.

        `variables` are added to its environment.
        """
        self._command = command
        self._core = core
        self._directory = directory
        self._variables = variables or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the server; close() ends both)
        self.port = 0

    @property
    def is_running(self) -> bool:
        """Return whether it was started and has not been found dead since."""
        return self._process is not None

    def start(self) -> None:
        """Start it and wait until it listens; raises ChildError."""
        self._said.truncate(0)
        self.port = free_port()
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER)]
        pinned = [] if self._core is None else ["--core", str(self._core)]
        self._process = subprocess.Popen(
            [*launcher, *pinned, *self._command(self.port)],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            # `python -m` finds modules of this folder before all others, so it has none.
            cwd=FOLDER,
            env=self._environment(),
            # Ctrl-C is for the benchmark, which ends its servers itself.
            start_new_session=True,
        )
        self._wait_until_it_listens()

    def family(self) -> list[int]:
        """The numbers of all its processes."""
        assert self._process is not None
        return usage.family(self._process.pid)

    def raise_if_failed(self, *, within_s: float = 0.0) -> None:
        """Raise ChildError if it has died, or dies within that time."""
        if self._process is not None:
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                return
            raise self._died(self._process)

    def end(self) -> None:
        """End it, by force if necessary; it can be started again."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(EXIT_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        try:
            # Processes that it started and left; the group is its own.
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def close(self) -> None:
        """End it for good."""
        self.end()
        self._said.close()

    def _environment(self) -> dict[str, str]:
        variables = {**os.environ, **self._variables}
        if not self._directory:
            return variables
        path = [str(Path(self._directory).resolve()), os.environ.get("PYTHONPATH", "")]
        return {**variables, "PYTHONPATH": os.pathsep.join(filter(None, path))}

    def _wait_until_it_listens(self) -> None:
        deadline_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline_s:
            self.raise_if_failed()
            try:
                socket.create_connection((HOST, self.port), timeout=START_LIMIT_S).close()
            except OSError:
                time.sleep(LOOK_AGAIN_S)
            else:
                return
        self.end()
        raise ChildError("hang", f"did not listen within {START_LIMIT_S:g} s")

    def _died(self, process: subprocess.Popen[bytes]) -> ChildError:
        self.end()
        code = process.returncode
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - LAST_WORDS_BYTES))
        return ChildError("crash", ": ".join([how, *last_words(self._said.read().decode(errors="replace"))]))


def last_words(said: str) -> list[str]:
    """Return the line with the reason: the last of a traceback, or the first of a fatal error of Python."""
    lines = said.strip().splitlines()
    fatal = [line for line in lines if line.startswith(FATAL)]
    return (fatal or lines)[-1:]


def free_port() -> int:
    """Return a port on which no process listens; servers started by a command can't report the one they chose."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
