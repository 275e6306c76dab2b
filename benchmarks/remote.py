"""The parent's end of a worker: starts the process, asks it for samples, and outlives its crash or hang.

Knows the lines on the pipe and how a process can fail; does not know rounds, rows or statistics.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, Literal

from loops import LoopSpec
from row import Sample

# A sample is sized to a tenth of a second, and the first of a calibration is shorter still: a hundred times that is
# a hang, not noise.
ANSWER_LIMIT_S: Final = 10.0
# A worker whose stdin is closed has nothing left to do but to leave.
EXIT_LIMIT_S: Final = 2.0

ABSOLUTE_DIRECTORY: Final = re.compile(r"(?<![\w.])/\S*/")

Status = Literal["n/a", "crash", "hang"]


class WorkerError(Exception):
    """A worker did not deliver: the loop lacks the feature (n/a), or the process died (crash) or kept silent (hang)."""

    def __init__(self, status: Status, reason: str) -> None:
        # Where things lie on this machine is nobody's business, and the reason goes into the JSON.
        self.reason = ABSOLUTE_DIRECTORY.sub("", reason)
        self.status: Status = status
        super().__init__(self.reason)


class Worker:
    """One loop in one process. After a crash or a hang, the next request starts a new process."""

    def __init__(self, spec: LoopSpec, *, rows_module: str, core: int | None) -> None:
        self.spec = spec
        self.module = spec.module
        self.version = ""
        self.answer_limit_s = ANSWER_LIMIT_S
        self._command = [sys.executable, str(Path(__file__).with_name("worker.py")), "--loop", spec.text]
        self._command += ["--rows-module", rows_module]
        if core is not None:
            self._command += ["--core", str(core)]
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the worker; close() ends both)

    def start(self) -> None:
        """Start the process and wait for it to import its loop; raises WorkerError where it can't."""
        self._stderr.truncate(0)
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr
        )
        hello = self._read(self._process)
        self.version = hello["version"]

    def sample(self, row_name: str, operations: int) -> Sample:
        """Raises WorkerError."""
        if self._process is None:
            self.start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"row": row_name, "operations": operations}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died(self._process) from None
        fields = self._read(self._process)
        return Sample(**{**fields, "waits_us": tuple(fields["waits_us"])})

    def close(self) -> None:
        self._end()
        self._stderr.close()

    def _read(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert process.stdout is not None
        descriptor, deadline_s, line = process.stdout.fileno(), time.monotonic() + self.answer_limit_s, b""
        while not line.endswith(b"\n"):
            left_s = max(0.0, deadline_s - time.monotonic())
            if not select.select([descriptor], [], [], left_s)[0]:
                process.kill()
                self._end()
                raise WorkerError("hang", f"no answer in {self.answer_limit_s:g} s")
            received = os.read(descriptor, 1 << 16)
            if not received:
                raise self._died(process)
            line += received
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError("n/a", str(answer["error"]))
        return answer

    def _died(self, process: subprocess.Popen[bytes]) -> WorkerError:
        self._end()
        code = process.returncode
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        self._stderr.seek(0)
        last_words = self._stderr.read().decode(errors="replace").strip().splitlines()[-1:]
        return WorkerError("crash", ": ".join([how, *last_words]))

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        # A request may still be in the buffer when the worker is dead.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(EXIT_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
