"""The parent's end of a worker of the scheduling rows: one loop in one process, asked for samples.

It knows the requests and the form of a sample on the pipe. Rounds, rows and statistics are not known here.
"""

from __future__ import annotations

import json
import sys

from vitok_bench.child import Child
from vitok_bench.loops import LoopSpec
from vitok_bench.row import Sample


class Worker:
    """One loop in one process. After a crash or a hang, the next request starts a new process."""

    def __init__(self, spec: LoopSpec, *, rows_module: str, core: int | None) -> None:
        self.spec = spec
        self.module = spec.module
        self.version = ""
        command = [sys.executable, "-m", "vitok_bench.worker", "--loop", spec.text]
        command += ["--rows-module", rows_module]
        if core is not None:
            command += ["--core", str(core)]
        self.child = Child(command)

    def start(self) -> None:
        """Start the process and wait until it has imported its loop; raises ChildError if it can't."""
        self.version = self.child.start()["version"]

    def sample(self, row_name: str, operations: int) -> Sample:
        """Return one sample. Raises ChildError."""
        if not self.child.is_running:
            self.start()
        fields = self.child.ask(json.dumps({"row": row_name, "operations": operations}))
        return Sample(**{**fields, "waits_us": tuple(fields["waits_us"])})

    def close(self) -> None:
        self.child.close()
