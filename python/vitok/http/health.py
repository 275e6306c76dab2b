"""The health of workers, as the supervisor sees it: a worker whose loop is silent for too long is killed.

The reports of a worker show that its loop runs. A silent worker first writes the stacks of its threads, by a handler in
C that needs neither the loop nor the interpreter's lock, and they go to the log. That another worker takes its place is
decided elsewhere, as after any other end.

Silence is counted in looks and not by the clock: a supervisor that was stopped itself, by a signal or with the whole
machine, has not listened meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from .log import Log
from .process import Process, report_interval

# The time for a silent worker to write its stacks: some milliseconds, unless the machine is very busy.
STACKS_SECONDS = 3.0


class Heartbeat:
    """Looks at workers, and kills those that are silent."""

    def __init__(self, processes: Collection[Process], seconds: float | None, log: Log) -> None:
        """`processes` may change at any time. None of them is killed if `seconds`, the longest silence, is None."""
        self._processes = processes
        self._seconds = seconds
        self._log = log
        # When each worker was last heard, and how many looks ago that was new.
        self._silence: dict[Process, tuple[float, int]] = {}
        self._killing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Look at all workers in every interval, for ever."""
        interval = report_interval(self._seconds)
        try:
            while True:
                await asyncio.sleep(interval)
                self._silence = {one: self._counted(one) for one in self._processes if one.is_talking}
                for process, (_, looks) in list(self._silence.items()):
                    if process.is_hung:
                        # It is being killed, and may take a moment to go.
                        continue
                    self._tell_stacks(process)
                    if self._seconds is not None and looks * interval >= self._seconds:
                        self._condemn(process)
        finally:
            for task in self._killing:
                task.cancel()

    def _counted(self, process: Process) -> tuple[float, int]:
        heard, looks = self._silence.get(process, (process.heard, 0))
        return (heard, looks + 1) if heard == process.heard else (process.heard, 0)

    def _condemn(self, process: Process) -> None:
        """Begin to kill a worker, unless a debugger is attached to it."""
        state, is_traced = state_of(process.pid)
        if is_traced:
            self._log.logger.warning("worker %d is silent, but not killed: a debugger is attached to it", process.pid)
            del self._silence[process]
            return
        process.is_hung = True
        task = asyncio.create_task(self._kill(process, state))
        self._killing.add(task)
        task.add_done_callback(self._killing.discard)

    async def _kill(self, process: Process, state: str) -> None:
        message = "worker %d: its loop has been silent for %g s%s: killing it (--timeout-worker-healthcheck)"
        self._log.logger.error(message, process.pid, self._seconds, state)
        await process.ask_for_stacks(STACKS_SECONDS)
        if not self._tell_stacks(process):
            self._log.logger.error("worker %d wrote no stacks: no thread of it can handle a signal", process.pid)
        process.kill()

    def _tell_stacks(self, process: Process) -> bool:
        """Log the stacks that a worker has written, of its own accord or not. Return whether there are any."""
        stacks = process.take_stacks()
        if stacks:
            self._log.logger.error("worker %d: its stacks, innermost calls first\n%s", process.pid, stacks)
        return bool(stacks)


def state_of(pid: int) -> tuple[str, bool]:
    """Return the state of a process for a message, "" where the system does not tell, and whether it is traced."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    except OSError:
        return "", False
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    state = facts.get("State", "").strip()
    return f" (state {state})" if state else "", facts.get("TracerPid", "0").strip() != "0"
