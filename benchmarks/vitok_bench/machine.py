"""The conditions of a run: processor, kernel, Python.

Rows and figures are not known here. Nothing in the result identifies the machine or a path on it.
"""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import sys
import sysconfig
import timeit
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

# Options of CPython's build that decide its speed. Some distributions optimize without naming them here.
SPEED_OPTIONS: Final = ("--enable-optimizations", "--with-lto", "--enable-experimental-jit", "--disable-gil")


def default_core() -> int | None:
    """Return the last core that may be used (the first ones serve most interrupts), or None without pinning."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def default_client_core() -> int | None:
    """Return the last core but the server's. None if there is one core or processes can't be pinned."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return max(os.sched_getaffinity(0) - {default_core()}, default=None)


def describe(*, command: str, core: int | None) -> dict[str, Any]:
    """Return the head of a report."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command_line(command, sys.argv[1:]),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned_to_core": core,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "kernel": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()),
        "python": _python(),
    }


def command_line(command: str, arguments: Sequence[str]) -> str:
    """Return the command in a form that can be repeated elsewhere: directories of this machine are left out."""
    return " ".join([command, *(shlex.quote(_without_directory(argument)) for argument in arguments)])


def _without_directory(argument: str) -> str:
    head, separator, path = argument.rpartition("=" if argument.startswith("--") else "@")
    return head + separator + (Path(path).name if Path(path).is_absolute() else path)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _python() -> dict[str, Any]:
    options = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "build_options": [option for option in SPEED_OPTIONS if option in options],
        "empty_call_ns": round(_empty_call_ns(), 1),
    }


def _empty_call_ns() -> float:
    """The cost of calling an empty function here: the unit in which the same run on two machines can be compared.

    It is the minimum of ten tries of about 10 ms, because a disturbance can only make a try longer.
    """
    return min(timeit.repeat(_empty, number=100_000, repeat=10)) * 1e9 / 100_000


def _empty() -> None:
    pass
