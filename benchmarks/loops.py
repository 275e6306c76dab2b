"""Which loops can be measured, and how each one is made.

Knows names, factories and versions; does not know what is measured. A peer is imported only in the worker that was
asked for it, so one that is missing or broken at import costs its own column and nothing else.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

# The loop that every other one is compared with; all the others are its peers.
SUBJECT: Final = "vitok"

FACTORIES: Final = {
    "asyncio": "asyncio:new_event_loop",
    "uvloop": "uvloop:new_event_loop",
    "rloop": "rloop:new_event_loop",
    "zuvloop": "zuvloop:new_event_loop",
    "vitok": "vitok:new_event_loop",
}


@dataclass(frozen=True, kw_only=True)
class LoopSpec:
    """One column of the table.

    Written NAME, or MODULE:FACTORY for a loop that is not in the list above, with @DIRECTORY after it to import the
    module from there: `vitok@../old/python` beside `vitok` compares two builds in one run.
    """

    text: str
    module: str
    factory: str
    directory: str

    @classmethod
    def parse(cls, text: str) -> LoopSpec:
        """Raises ValueError for a name that is neither known nor of the form MODULE:FACTORY."""
        name, _, directory = text.partition("@")
        module, colon, factory = FACTORIES.get(name, name).partition(":")
        if not (module and colon and factory):
            raise ValueError(f"unknown loop {name!r}; known are {', '.join(FACTORIES)}, or write MODULE:FACTORY")
        return cls(text=text, module=module, factory=factory, directory=directory)

    def load(self) -> LoopFactory:
        """Import the module and return its factory; raises what the import raises."""
        if self.directory:
            sys.path.insert(0, self.directory)
        return cast(LoopFactory, getattr(importlib.import_module(self.module), self.factory))

    def version(self) -> str:
        """The version of the module, once it is loaded; the module's own word comes before the installer's."""
        if self.module == "asyncio":
            return platform.python_version()
        own = getattr(sys.modules.get(self.module), "__version__", None)
        if own is not None:
            return str(own)
        try:
            return importlib.metadata.version(self.module)
        except importlib.metadata.PackageNotFoundError:
            return "unknown"
