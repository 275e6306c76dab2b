"""The list of tests: the modules of CPython's `test.test_asyncio` that drive a loop, and its mixins on the chosen loop.

The tests of a mixin run in a class made here, whose factory method returns the chosen loop. The library's own classes
for the same mixin are left out: they differ by the selector of asyncio's loop, and so would be the same test again.
Everything else runs unchanged.
"""

import dataclasses
import importlib
import sys
import types
import unittest
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import engines

PACKAGE = "test.test_asyncio"
# Modules whose tests make loops through asyncio's public names, or test what tasks and futures do on one. Left out are
# those on a single class that is not the loop (test_selector_events, test_transports, test_protocols, test_tools) and
# those of Windows.
MODULES = (
    "test_events",
    "test_base_events",
    "test_buffered_proto",
    "test_context",
    "test_eager_task_factory",
    "test_free_threading",
    "test_futures",
    "test_futures2",
    "test_graph",
    "test_locks",
    "test_pep492",
    "test_queues",
    "test_runners",
    "test_sendfile",
    "test_server",
    "test_server_context",
    "test_sock_lowlevel",
    "test_ssl",
    "test_sslproto",
    "test_staggered",
    "test_streams",
    "test_subprocess",
    "test_taskgroups",
    "test_tasks",
    "test_threads",
    "test_timeouts",
    "test_unix_events",
    "test_waitfor",
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MixinUse:
    """How one module's mixins become a class: `concrete` is the library's own class, `factory` the method to replace.

    Built upon the library's class and not upon the bare mixins, because that one brings what its version of Python
    needs around them (a child watcher in 3.11, a test of Unix sockets beside `BaseStartServer`).
    """

    module: str
    mixins: tuple[str, ...]
    concrete: str
    factory: str


MIXIN_USES = (
    MixinUse(
        module="test_events",
        mixins=("EventLoopTestsMixin", "SubprocessTestsMixin"),
        concrete="SelectEventLoopTests",
        factory="create_event_loop",
    ),
    MixinUse(
        module="test_sock_lowlevel",
        mixins=("BaseSockTestsMixin",),
        concrete="SelectEventLoopTests",
        factory="create_event_loop",
    ),
    MixinUse(
        module="test_sendfile",
        mixins=("SendfileMixin", "SockSendfileMixin"),
        concrete="SelectEventLoopTests",
        factory="create_event_loop",
    ),
    MixinUse(
        module="test_server",
        mixins=("BaseStartServer",),
        concrete="SelectorStartServerTests",
        factory="new_loop",
    ),
    MixinUse(
        module="test_buffered_proto",
        mixins=("BaseTestBufferedProtocol",),
        concrete="BufferedProtocolSelectorTests",
        factory="new_loop",
    ),
    MixinUse(
        module="test_sslproto",
        mixins=("BaseStartTLS",),
        concrete="SelectorStartTLSTests",
        factory="new_loop",
    ),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One test: its name, the row of the table that it counts in, what makes it, and the TLS engine that it selects."""

    name: str
    group: str
    make: Callable[[], unittest.TestCase]
    engine: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Catalogue:
    """All tests, and what this Python has not got: names of modules and mixins, each with why."""

    cases: list[Case]
    missing: dict[str, str]


def find_cases(factory: Callable[[], Any], package: str) -> Catalogue:
    """Import every module and list its tests; raise ModuleNotFoundError where Python came without its own tests.

    The tests of TLS are listed once for each TLS engine of the package's loop.
    """
    importlib.import_module(PACKAGE)
    catalogue = Catalogue([], {})
    for name in MODULES:
        try:
            module = importlib.import_module(f"{PACKAGE}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{PACKAGE}.{name}":
                raise
            catalogue.missing[name] = "not in this Python"
        except unittest.SkipTest as reason:
            catalogue.missing[name] = f"the module skips itself: {reason}"
        else:
            cases = [*cases_of_mixins(module, factory, catalogue.missing), *cases_as_they_stand(module)]
            catalogue.cases.extend(on_each_engine(cases, package))
    return catalogue


def on_each_engine(cases: Iterable[Case], package: str) -> Iterator[Case]:
    """Give every case, and those of TLS once for each engine of the package's loop."""
    for case in cases:
        chosen = engines.of(case.name, package)
        if not chosen:
            yield case
        for engine in chosen:
            name, group = engines.with_engine(case.name, engine), f"{case.group}, {engine}"
            yield dataclasses.replace(case, name=name, group=group, engine=engine)


def cases_of_mixins(module: types.ModuleType, factory: Callable[[], Any], missing: dict[str, str]) -> Iterator[Case]:
    """Make the concrete class for each use of mixins in the module, and list its tests under their mixin's name."""
    for use in uses_of(module):
        absent = [name for name in (*use.mixins, use.concrete) if not hasattr(module, name)]
        if absent:
            missing.update({f"{use.module}.{name}": "not in this Python" for name in absent})
            continue
        made = chosen_loop_tests(getattr(module, use.concrete), use.factory, factory)
        for case in cases_of(made):
            method = case.name.rpartition(".")[2]
            owner = next((name for name in use.mixins if hasattr(getattr(module, name), method)), use.mixins[0])
            yield dataclasses.replace(case, group=f"{use.module}: {owner}")


def chosen_loop_tests(concrete: type[Any], method: str, factory: Callable[[], Any]) -> type[unittest.TestCase]:
    """A subclass of the library's class whose loop is the chosen one, in the library's module for its fixtures."""

    def make_loop(self: unittest.TestCase) -> Any:
        return factory()

    # A name of its own, so that nobody takes it for asyncio's loop on select().
    members = {method: make_loop, "__module__": concrete.__module__, "__qualname__": "ChosenLoopTests"}
    return type("ChosenLoopTests", (concrete,), members)


def cases_as_they_stand(module: types.ModuleType) -> Iterator[Case]:
    """List the tests of the module's own classes but for those which a class of ours stands in for."""
    replaced = tuple(getattr(module, use.mixins[0]) for use in uses_of(module) if hasattr(module, use.mixins[0]))
    # A class that has two names in its module is still one class.
    for value in dict.fromkeys(value for value in vars(module).values() if isinstance(value, type)):
        if not issubclass(value, unittest.TestCase):
            continue
        if value.__module__ == module.__name__ and not issubclass(value, replaced):
            yield from cases_of(value)


def cases_of(test_class: type[unittest.TestCase]) -> Iterator[Case]:
    """List the tests of one class as unittest would."""
    module = test_class.__module__.rpartition(".")[2]
    for method in unittest.defaultTestLoader.getTestCaseNames(test_class):
        name = f"{module}.{test_class.__qualname__}.{method}"
        yield Case(name, module, lambda method=method: test_class(method))  # type: ignore[misc]


def uses_of(module: types.ModuleType) -> list[MixinUse]:
    """The uses of mixins that belong to one module."""
    return [use for use in MIXIN_USES if module.__name__ == f"{PACKAGE}.{use.module}"]


def how_to_install() -> str:
    """One line for a Python whose package of tests was left out by its distributor."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        f"conformance: Python {version} has no package {PACKAGE}: on Debian and Ubuntu "
        f"`apt-get install libpython{version}-testsuite`, on Fedora `dnf install python{version}-test`"
    )
