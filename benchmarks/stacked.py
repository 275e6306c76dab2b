"""Loops that are made of two: transports of one project on the loop of another.

Knows how each pair is put together; imported only where one is asked for.
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
