"""Starts the interpreter again as regrtest would, and runs the command: `python -m tests.conformance`.

CPython's tests are written for its own runner, which enables warnings and makes comparing bytes with str an error.
Those options are set when an interpreter starts, so this file replaces its process by one that has them. `python
tests/conformance` works too.
"""

import importlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What changes how asyncio behaves; the module search path is the one thing that a run may need from its caller.
HARMLESS = ("PYTHONPATH", "PYTHONHOME")


def start_again(arguments: list[str]) -> None:
    """Replace this process by one with regrtest's flags and without settings of the caller's own."""
    # From 3.15 on CPython's continuous integration makes every warning an error; before it only showed them.
    warnings_are = "error" if sys.version_info >= (3, 15) else "default"
    flags = ["-u", "-W", warnings_are, "-bb"]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in HARMLESS or not name.startswith(("PYTHON", "VITOK_"))
    }
    os.execve(sys.executable, [sys.executable, *flags, str(HERE), *arguments], environment)


if __name__ == "__main__":
    bytes_are_strict = 2  # what -bb sets, and the sign that we were started again
    if sys.flags.bytes_warning != bytes_are_strict:
        start_again(sys.argv[1:])
    # The folder itself came first on the path; its modules have names of the kind that others use too.
    sys.path[0] = str(HERE.parent)
    sys.exit(importlib.import_module("conformance.command").main(sys.argv[1:]))
