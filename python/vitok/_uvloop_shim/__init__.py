"""Standing in for uvloop: `import uvloop` gives vitok, in this process and in those that multiprocessing spawns.

A spawned child gets its parent's `sys.path` before it imports anything of the user's. So the folder beside this file,
which holds nothing but a module of that name, goes to the front of the path.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

_FOLDER = str(Path(__file__).with_name("path"))


def activate(package: ModuleType) -> None:
    """Put the package in uvloop's place. Calling it again changes nothing."""
    from .. import loop

    sys.modules["uvloop"] = package
    sys.modules["uvloop.loop"] = loop
    os.environ["VITOK_AS_UVLOOP"] = "1"
    if _FOLDER not in sys.path:
        sys.path.insert(0, _FOLDER)
