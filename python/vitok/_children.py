"""Children that multiprocessing starts by spawn or forkserver under `vitok run` get vitok's loop by default, too.

What a child needs to know travels in the data that multiprocessing sends to each child before anything of the program:
an entry of it runs this file, by its path and without the package. So a child that does not use asyncio imports nothing
more. A child that is forked inherits everything and is not concerned.
"""

from __future__ import annotations

import functools
import importlib.util
import runpy
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# The name under which a child runs this file.
_IN_CHILD = "vitok: in a child"
# The entry of the data, which multiprocessing itself does not read.
_ENTRY = "vitok"


def make_default() -> None:
    """Make vitok's loop the default of this process and of its children, and report another loop that runs."""
    # The package itself may be in the middle of its import.
    from vitok import _other_loops, _policy

    _policy.install()
    for module in _other_loops.MODULES:
        call_when_imported(module, _other_loops.watch)
    call_when_imported("multiprocessing.spawn", _tell_children)


def call_when_imported(name: str, function: Callable[[ModuleType], object]) -> None:
    """Call the function with a module, at once if it is imported already."""
    module = sys.modules.get(name)
    if module is not None:
        function(module)
    else:
        sys.meta_path.insert(0, _Finder(name, function))


class _Finder:
    """Finds one module, once, as the other finders do; afterwards it finds nothing.

    It stays in the list: another thread may go through the list at the moment.
    """

    def __init__(self, name: str, function: Callable[[ModuleType], object]) -> None:
        self._name = name
        self._function = function
        self._found = False

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != self._name or self._found:
            return None
        self._found = True
        spec: Any = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._function)
        return spec  # type: ignore[no-any-return]


class _Loader:
    """Loads a module as its own loader does, then calls a function."""

    def __init__(self, loader: Any, function: Callable[[ModuleType], object]) -> None:
        self._loader = loader
        self._function = function

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._function(module)


class _Start:
    """Runs this file where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return runpy.run_path, (__file__, None, _IN_CHILD)


def _tell_children(spawn: Any) -> None:
    prepared = spawn.get_preparation_data

    @functools.wraps(prepared)
    def get_preparation_data(name: str) -> dict[str, Any]:
        return {**prepared(name), _ENTRY: _Start()}

    spawn.get_preparation_data = get_preparation_data


def _make_default_in_child(_: object) -> None:
    try:
        make_default()
    except ImportError as error:
        # The child of another executable, for example.
        if sys.stderr is not None:
            sys.stderr.write(f"vitok: a child of multiprocessing runs asyncio's loop: {error}\n")


if __name__ == _IN_CHILD:
    _tell_children(sys.modules["multiprocessing.spawn"])
    call_when_imported("asyncio", _make_default_in_child)
