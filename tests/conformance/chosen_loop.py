"""Makes one loop the loop of asyncio: all code that asks asyncio for a loop in this process gets the chosen one.

It must happen before any test module is imported, because those read `asyncio.SelectorEventLoop` in class bodies.
"""

import asyncio
import dataclasses
import functools
import importlib
from collections.abc import Callable
from typing import Any

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
# Where asyncio keeps its loop under a public name; 3.11 and 3.12 have no EventLoop.
LOOP_NAMES = ("SelectorEventLoop", "EventLoop")
# The class of the default policy, which lost its public name in 3.14.
POLICY_NAMES = ("_DefaultEventLoopPolicy", "DefaultEventLoopPolicy")


class UnknownLoopError(Exception):
    """The caller named a loop that cannot be imported; the text is one line for the terminal."""


@dataclasses.dataclass(slots=True)
class ChosenLoop:
    """The loop under test and how many of its kind this process has made."""

    specification: str
    factory: LoopFactory
    loop_class: type[Any]
    made: int = 0

    @property
    def package(self) -> str:
        """The package that it comes from, by which reasons are told apart."""
        return self.specification.partition(":")[0].partition(".")[0]


def put_in_place(specification: str) -> ChosenLoop:
    """Import `module:factory` and make it what asyncio makes, for `Runner`, for the policy and by its class names."""
    factory = find_factory(specification)
    sample = factory()
    sample.close()
    chosen = ChosenLoop(specification, factory, type(sample))
    count_loops(chosen)
    unix_events: Any = importlib.import_module("asyncio.unix_events")
    for name in LOOP_NAMES:
        if hasattr(unix_events, name):
            setattr(unix_events, name, chosen.loop_class)
            setattr(asyncio, name, chosen.loop_class)
    for name in POLICY_NAMES:
        if name in vars(unix_events):
            vars(unix_events)[name]._loop_factory = staticmethod(factory)
    return chosen


def find_factory(specification: str) -> LoopFactory:
    """Import the module and take the factory out of it; raise `UnknownLoopError` where there is none."""
    module_name, _, attribute = specification.partition(":")
    try:
        factory: LoopFactory = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownLoopError(f"cannot take a loop from {specification!r} (module:factory): {error}") from None
    return factory


def count_loops(chosen: ChosenLoop) -> None:
    """Count in the class itself, since tests also make loops by its name; a test that makes none tests no loop."""
    loop_class = chosen.loop_class
    original = loop_class.__init__

    @functools.wraps(original)
    def initialise(self: object, *args: object, **keywords: object) -> None:
        chosen.made += 1
        original(self, *args, **keywords)

    # Set by name: a type checker rightly refuses assignments to __init__, and this is a test's process.
    setattr(loop_class, "__init__", initialise)  # noqa: B010
