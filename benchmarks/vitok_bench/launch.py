"""Replaces itself by another program: on one core, with all descriptors that are allowed, and ending with its parent.

`python launch.py [--core N] COMMAND ...`. A server starts by its own command, which has no options for this. The module
runs in the child, so that nothing of the benchmark's own process has to change.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import Final

# <linux/prctl.h>; according to `prctl(2)` it outlives an exec.
PR_SET_PDEATHSIG: Final = 1
USAGE_ERROR: Final = 2


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--core"]:
        os.sched_setaffinity(0, {int(arguments[1])})
        del arguments[:2]
    if not arguments:
        sys.exit(USAGE_ERROR)
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM):
        sys.exit("prctl refused PR_SET_PDEATHSIG")
    os.execvp(arguments[0], arguments)


if __name__ == "__main__":
    main()
