"""Loops made of two packages: the transports of one on the loop of another.

A package is imported only for a pair that is asked for.
"""

from __future__ import annotations

import asyncio
import importlib


def aiofastnet_on_asyncio() -> asyncio.AbstractEventLoop:
    return _aiofastnet_on(asyncio.new_event_loop())


def aiofastnet_on_uvloop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = importlib.import_module("uvloop").new_event_loop()
    return _aiofastnet_on(loop)


def _aiofastnet_on(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    importlib.import_module("aiofastnet").patch_loop(loop)
    return loop
