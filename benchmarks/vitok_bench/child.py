"""A child process that answers in lines of JSON: starts it, asks it, and survives its crash or hang.

It knows the lines on the pipe and how a process can fail. The meaning of questions and answers is not known here.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import Any, Final, Literal

# A sample takes less than half a second, and the first of a calibration is even shorter: twenty times that is a hang,
# not noise.
ANSWER_LIMIT_S: Final = 10.0
# A child whose stdin is closed has nothing left to do but to exit.
EXIT_LIMIT_S: Final = 2.0

ABSOLUTE_DIRECTORY: Final = re.compile(r"(?<![\w.])/\S*/")

Status = Literal["n/a", "crash", "hang", "wrong"]


class ChildError(Exception):
    """A child did not answer as expected.

    The loop lacks the feature (n/a), the process died (crash) or did not answer (hang), or it did something else than
    asked (wrong).
    """

    def __init__(self, status: Status, reason: str) -> None:
        # The directories of this machine are private, and the reason is written to the JSON.
        self.reason = ABSOLUTE_DIRECTORY.sub("", reason)
        self.status: Status = status
        super().__init__(self.reason)


class Child:
    """One process; it can be started again after it has ended."""

    def __init__(self, command: Sequence[str], *, answer_limit_s: float = ANSWER_LIMIT_S) -> None:
        self.answer_limit_s = answer_limit_s
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        # Bytes that arrived after the last answer.
        self._unread = b""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the child; close() ends both)

    @property
    def is_running(self) -> bool:
        """Return whether it was started and has not failed since."""
        return self._process is not None

    @property
    def process_id(self) -> int:
        """The number of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> dict[str, Any]:
        """Start the process and return its first answer; raises ChildError."""
        self._stderr.truncate(0)
        self._unread = b""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr
        )
        return self._read(self._process)

    def ask(self, request: str) -> dict[str, Any]:
        """Send one line and return the answer; raises ChildError."""
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died(self._process) from None
        return self._read(self._process)

    def raise_if_failed(self) -> None:
        """Raise ChildError if the process has died or has reported an error unasked."""
        if self._process is not None:
            assert self._process.stdout is not None
            if self._unread or select.select([self._process.stdout], [], [], 0)[0]:
                self._read(self._process)

    def end(self) -> None:
        """End the process, by force if necessary; it can be started again."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        # A request may still be in the buffer when the child is dead.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(EXIT_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def close(self) -> None:
        """End the process for good."""
        self.end()
        self._stderr.close()

    def _read(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert process.stdout is not None
        descriptor, deadline_s = process.stdout.fileno(), time.monotonic() + self.answer_limit_s
        while b"\n" not in self._unread:
            left_s = max(0.0, deadline_s - time.monotonic())
            if not select.select([descriptor], [], [], left_s)[0]:
                process.kill()
                self.end()
                raise ChildError("hang", f"no answer in {self.answer_limit_s:g} s")
            received = os.read(descriptor, 1 << 16)
            if not received:
                raise self._died(process)
            self._unread += received
        # A server that fails at once may report that before its first answer is read.
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ChildError(answer.get("status", "n/a"), str(answer["error"]))
        return answer

    def _died(self, process: subprocess.Popen[bytes]) -> ChildError:
        self.end()
        code = process.returncode
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        self._stderr.seek(0)
        last_words = self._stderr.read().decode(errors="replace").strip().splitlines()[-1:]
        return ChildError("crash", ": ".join([how, *last_words]))
