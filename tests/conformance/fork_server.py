"""Runs each test in a forked process with a time limit, several at a time, and ends what a test leaves running.

This process has imported the test modules once and has neither threads nor an event loop, so forking it is safe and
takes milliseconds; starting an interpreter takes half a second. SIGCHLD reports exits. The child's outcome and output
are read from files.
"""

import dataclasses
import gc
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Container, Generator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from .catalogue import Case
from .child import run_and_exit
from .chosen_loop import ChosenLoop
from .outcome import Outcome, Result

# How long a hung test has to print its threads' tracebacks after SIGABRT before its group is killed; printing takes
# milliseconds, and more is only needed on a machine that swaps.
LAST_WORDS_SECONDS = 2.0
# A loop on which so many tests hang is broken, and waiting the full time for the rest of them would take hours; the
# longest test of all takes four seconds on two cores.
HANGS_TO_LOSE_PATIENCE = 10
IMPATIENT_SECONDS = 10.0
# How much of a test's output is kept, from its end: tracebacks of twenty threads fit.
OUTPUT_BYTES = 64 * 1024


def run_cases(
    cases: list[Case], chosen: ChosenLoop, *, jobs: int, timeout: float, known_to_hang: Container[str] = ()
) -> Generator[Result, None, None]:
    """Run all cases, `jobs` at a time, and give each result as it comes.

    Tests of which it is known that they hang are ended sooner.
    """
    waiting = deque(cases)
    running: dict[int, Child] = {}
    hung = 0
    # Pages of what was imported would otherwise be copied in every child by its first collection.
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder, Exits() as exits:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    case = waiting.popleft()
                    is_patient = hung < HANGS_TO_LOSE_PATIENCE and case.name not in known_to_hang
                    seconds = timeout if is_patient else min(timeout, IMPATIENT_SECONDS)
                    child = Child.start(case, chosen, folder=Path(folder), timeout=seconds)
                    running[child.process] = child
                exits.wait(until=min(child.deadline for child in running.values()))
                for child in list(running.values()):
                    if child.has_exited():
                        del running[child.process]
                        result = child.finish()
                        hung += result.outcome is Outcome.HUNG
                        yield result
                    else:
                        child.enforce_deadline()
        finally:
            for child in running.values():
                child.abandon()


class Exits:
    """Waits until a child may have exited: SIGCHLD writes into a pair of pipes, as `signal.set_wakeup_fd` offers."""

    def __enter__(self) -> "Exits":
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        # Without a handler in Python the signal would not reach the descriptor.
        self._handler = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        # Not epoll, whose descriptor the children would share.
        self._poll = select.poll()
        self._poll.register(self._read, select.POLLIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        signal.set_wakeup_fd(self._wakeup)
        signal.signal(signal.SIGCHLD, self._handler)
        os.close(self._read)
        os.close(self._write)

    def wait(self, *, until: float) -> None:
        """Return after an exit or at `until`, a time of `time.monotonic()`."""
        milliseconds_left = max(0.0, until - time.monotonic()) * 1000
        if self._poll.poll(milliseconds_left + 1):
            # Many exits may have written; one read of more bytes than there are children takes them all.
            os.read(self._read, 4096)


@dataclasses.dataclass(slots=True)
class Child:
    """A running test: its process, which leads a group of its own, and the files that it writes into."""

    case: Case
    process: int
    folder: Path
    output: BinaryIO
    answer: BinaryIO
    started: float
    deadline: float
    is_late: bool = False

    @classmethod
    def start(cls, case: Case, chosen: ChosenLoop, *, folder: Path, timeout: float) -> "Child":
        """Fork; the child's side never returns from here."""
        own_folder = Path(tempfile.mkdtemp(dir=folder))
        # Closed by clean_up: they live as long as the child.
        output, answer = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        started = time.monotonic()
        process = os.fork()
        if process == 0:
            run_and_exit(case, chosen, folder=own_folder, output=output, answer=answer)
        return cls(case, process, own_folder, output, answer, started, started + timeout)

    def has_exited(self) -> bool:
        """Whether the process has ended; it is not reaped, so that its number still names its group and no other."""
        return os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def enforce_deadline(self) -> None:
        """Past the limit ask for the tracebacks, and when that took too long kill the group."""
        now = time.monotonic()
        if now < self.deadline:
            return
        if self.is_late:
            self.kill_group()
        else:
            os.kill(self.process, signal.SIGABRT)
        self.is_late = True
        self.deadline = now + LAST_WORDS_SECONDS

    def finish(self) -> Result:
        """End what is left of the group, reap the process and make a result of what it wrote."""
        seconds = time.monotonic() - self.started
        self.kill_group()
        _, status = os.waitpid(self.process, 0)
        result = self.read_answer(os.waitstatus_to_exitcode(status), seconds)
        self.clean_up()
        return result

    def abandon(self) -> None:
        """The run ends before the test: kill, reap, remove."""
        self.kill_group()
        os.waitpid(self.process, 0)
        self.clean_up()

    def kill_group(self) -> None:
        """Kill the process and all that it started, but for what made itself a session of its own."""
        try:
            os.killpg(self.process, signal.SIGKILL)
        except ProcessLookupError:
            # It was late before it came to os.setsid(), so the group does not exist but the process does.
            os.kill(self.process, signal.SIGKILL)
        except PermissionError:
            # macOS says this of a group whose only member is a zombie.
            pass

    def read_answer(self, exit_code: int, seconds: float) -> Result:
        """The child's own word if it gave one; what its exit says if it did not."""
        printed = read_end(self.output)
        said = read_end(self.answer)
        result = Result(case=self.case.name, group=self.case.group, outcome=Outcome.CRASHED, seconds=seconds)
        if self.is_late:
            return dataclasses.replace(
                result, outcome=Outcome.HUNG, detail="still ran at its time limit", output=printed
            )
        if not said:
            detail = signal.strsignal(-exit_code) if exit_code < 0 else f"exited with {exit_code} before it ended"
            return dataclasses.replace(result, detail=detail or f"signal {-exit_code}", output=printed)
        answer = json.loads(said)
        return dataclasses.replace(
            result,
            outcome=Outcome(answer["outcome"]),
            detail=answer["detail"],
            output=answer["output"] + printed,
            loops=answer["loops"],
        )

    def clean_up(self) -> None:
        """Close and remove what the test had to itself."""
        self.output.close()
        self.answer.close()
        # Tests make folders that they may not read again; what stays is removed with the run's own folder.
        shutil.rmtree(self.folder, ignore_errors=True)


def read_end(file: BinaryIO) -> str:
    """The end of what was written."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - OUTPUT_BYTES))
    return file.read().decode(errors="backslashreplace")
