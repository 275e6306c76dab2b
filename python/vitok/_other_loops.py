"""One line if a program under `vitok run` runs another loop than vitok's, because it chooses a loop itself.

`run_forever` of the other class is an attribute that prints the line when it is first read from a loop, and is gone
then: no function of this file is in a traceback, and nothing is called for each run.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio import AbstractEventLoop
from typing import TYPE_CHECKING, Any

from ._loop import Loop

if TYPE_CHECKING:
    from types import ModuleType

MODULES = ("asyncio.unix_events", "uvloop", "rloop", "zuvloop")
"""The modules that have loops: asyncio's, and packages of loops."""

# Programs that choose their loop, the outer one before the inner one, and the options that change it to vitok's.
_AS_UVLOOP = "'vitok run --as-uvloop'"
_REMEDIES: dict[str | None, tuple[str, ...]] = {
    "gunicorn": (_AS_UVLOOP,),
    "uvicorn": ("'uvicorn --loop vitok:new_event_loop'", _AS_UVLOOP),
    "hypercorn": (f"{_AS_UVLOOP} with 'hypercorn --worker-class uvloop'",),
    "granian": (f"{_AS_UVLOOP} with 'granian --loop uvloop'",),
    "distributed": (f"{_AS_UVLOOP} with DASK_DISTRIBUTED__ADMIN__EVENT_LOOP=uvloop",),
}
_watched: list[_FirstRun] = []


def watch(module: ModuleType) -> None:
    """Print a line when a loop of one of the module's classes first runs."""
    package = module.__name__.partition(".")[0]
    for kind in {value for value in vars(module).values() if isinstance(value, type)}:
        if issubclass(kind, AbstractEventLoop) and kind.__module__.partition(".")[0] == package and kind is not Loop:
            first_run = _FirstRun(kind)
            # An attribute of a class that is written in C cannot be set.
            with contextlib.suppress(TypeError):
                first_run.set()
                _watched.append(first_run)


class _FirstRun:
    """The attribute `run_forever` of a class until one of its loops runs."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        self._own: Any = owner.__dict__.get("run_forever")
        self._function = owner.run_forever

    def __get__(self, loop: object, owner: object = None) -> Any:
        if loop is None:
            return self._function
        while _watched:
            _watched.pop().remove()
        if sys.stderr is not None:
            # A program whose standard error is closed runs nevertheless.
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"vitok: {_sentence(type(loop))}\n")
        return self._function.__get__(loop)

    def set(self) -> None:
        """Set the attribute. TypeError if the class cannot be changed."""
        self._owner.run_forever = self

    def remove(self) -> None:
        """Give the class back what it had."""
        if self._own is None:
            del self._owner.run_forever
        else:
            self._owner.run_forever = self._own


def _sentence(kind: type) -> str:
    is_asyncio = kind is asyncio.SelectorEventLoop
    name = "asyncio.SelectorEventLoop" if is_asyncio else f"{kind.__module__}.{kind.__qualname__}"
    program = _program()
    text = f"{program or 'this program'} chooses its loop itself and runs {name}, not vitok.Loop"
    # Without a known program, no option changes a class that the program names, but the package uvloop can be replaced.
    remedies = _REMEDIES.get(program, (_AS_UVLOOP,) if kind.__module__.startswith("uvloop") else ())
    if sys.modules.get("uvloop") is sys.modules["vitok"]:
        remedies = tuple(remedy for remedy in remedies if _AS_UVLOOP not in remedy)
    return f"{text}; {' or '.join(remedies)} changes that" if remedies else text


def _program() -> str | None:
    """Return the outermost of the known programs that runs the loop."""
    packages: set[str] = set()
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        packages.add(str(frame.f_globals.get("__name__", "")).partition(".")[0])
    return next((name for name in _REMEDIES if name in packages), None)
