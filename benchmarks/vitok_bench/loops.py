"""The loops that can be measured, how each is made, and which ones are installed.

A peer is imported only in the worker that was asked for it, so one that is missing or broken at import costs its own
column and nothing else. Measuring is not known here.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

# The loop that all others, its peers, are compared with.
SUBJECT: Final = "vitok"

FACTORIES: Final = {
    "asyncio": "asyncio:new_event_loop",
    "uvloop": "uvloop:new_event_loop",
    "rloop": "rloop:new_event_loop",
    "zuvloop": "zuvloop:new_event_loop",
    "rsloop": "rsloop:new_event_loop",
    "loopmini": "loopmini:new_event_loop",
    "aiofastnet": "vitok_bench.stacked:aiofastnet_on_asyncio",
    "aiofastnet+uvloop": "vitok_bench.stacked:aiofastnet_on_uvloop",
    "vitok": "vitok:new_event_loop",
    "vitok.memory": "vitok:new_event_loop",
}
# Columns that differ by an environment variable: the engine of vitok's TLS, which only the suites over TLS use.
ENVIRONMENTS: Final = {"vitok.memory": {"VITOK_TLS": "memory"}}
# Two packages make one loop; the name has the package below after this sign.
ON: Final = "+"
# It replaces transports and leaves scheduling to the loop below it.
TRANSPORTS_ONLY: Final = "vitok_bench.stacked"


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
        """Parse a column. Raises ValueError for a name that is neither known nor of the form MODULE:FACTORY."""
        name, _, directory = text.partition("@")
        module, colon, factory = FACTORIES.get(name, name).partition(":")
        if not (module and colon and factory):
            raise ValueError(f"unknown loop {name!r}; known are {', '.join(FACTORIES)}, or write MODULE:FACTORY")
        return cls(text=text, module=module, factory=factory, directory=directory)

    @property
    def label(self) -> str:
        """The name of the column, without the path of a directory, which is private."""
        return label_of(self.text, self.directory)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make it another column."""
        return ENVIRONMENTS.get(self.text.partition("@")[0], {})

    @property
    def is_for_tls(self) -> bool:
        """Whether it differs from another column in TLS only."""
        return bool(self.environment)

    @property
    def is_transports_only(self) -> bool:
        return self.module == TRANSPORTS_ONLY

    def load(self) -> LoopFactory:
        """Import the module and return its factory; raises what the import raises. Its variables are set before."""
        os.environ.update(self.environment)
        if self.directory:
            sys.path.insert(0, self.directory)
        return cast(LoopFactory, getattr(importlib.import_module(self.module), self.factory))

    def is_installed(self) -> bool:
        """Return whether the packages are installed, which does not mean that they can be imported."""
        return all(importlib.util.find_spec(package) is not None for package in self._packages())

    def version(self) -> str:
        """The version of the package, once it is loaded; of both, if two make one loop."""
        if self.module == "asyncio":
            return platform.python_version()
        first, *below = self._packages()
        return " on ".join([_version(first), *(f"{package} {_version(package)}" for package in below)])

    def _packages(self) -> list[str]:
        if self.is_transports_only:
            return self.text.partition("@")[0].split(ON)
        return [self.module.partition(".")[0]]


def label_of(text: str, directory: str) -> str:
    """The name of a column whose module is in a directory."""
    if not Path(directory).is_absolute():
        return text
    # The last two parts, since packages of two builds often are in folders of the same name.
    return f"{text.partition('@')[0]}@{'/'.join(Path(directory).parts[-2:])}"


def specs(names: Sequence[str] | None) -> list[LoopSpec]:
    """The named loops, or the default ones. Raises ValueError."""
    return list(default_specs()) if names is None else [LoopSpec.parse(name) for name in names]


def installed_specs() -> Iterator[LoopSpec]:
    """Every known loop that is installed."""
    return (spec for name in FACTORIES if (spec := LoopSpec.parse(name)).is_installed())


def default_specs() -> Iterator[LoopSpec]:
    """Every known loop that is installed. Of the pairs with aiofastnet, the faster one."""
    installed = {spec.text: spec for spec in installed_specs() if not spec.is_for_tls}
    if "aiofastnet+uvloop" in installed:
        del installed["aiofastnet"]
    yield from installed.values()


def _version(package: str) -> str:
    """The version in the module has precedence over the installer's."""
    own = getattr(sys.modules.get(package), "__version__", None)
    if own is not None:
        return str(own)
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
