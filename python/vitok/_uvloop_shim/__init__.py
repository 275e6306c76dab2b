"""A replacement of uvloop: `import uvloop` imports vitok, in this process and in those that multiprocessing spawns.

A spawned child gets its parent's `sys.path` before it imports modules of the program. So the folder `path` beside this
file, whose only module is called uvloop, is put first on the path.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

FOLDER = str(Path(__file__).with_name("path"))
"""The folder whose only module is called uvloop."""


def activate(package: ModuleType) -> None:
    """Put the package in the place of uvloop. Further calls change nothing."""
    from .. import loop

    sys.modules["uvloop"] = package
    sys.modules["uvloop.loop"] = loop
    os.environ["VITOK_AS_UVLOOP"] = "1"
    if FOLDER not in sys.path:
        sys.path.insert(0, FOLDER)
