"""Shared by the tests of `loop.sendfile` and `sock_sendfile`: the content, files of it, and sending one."""

import asyncio
import functools
import io
import random
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from net_support import A_FEW, Pair, receive, receive_now, wired
from support import turn

CONTENT = random.Random(9).randbytes(1_000_000)
KINDS = ["by the kernel", "by reading"]
Send = Callable[..., Coroutine[Any, Any, int]]


def opened(path: Path, kind: str) -> Any:
    """The content as a file, which the kernel can send, or as an object that can only be read."""
    return path.open("rb") if kind == "by the kernel" else io.BytesIO(CONTENT)


@contextmanager
def sending(loop: asyncio.AbstractEventLoop, way: str, pair: Pair) -> Iterator[Send]:
    """A function that sends files over one end of a pair: through a transport or over the bare socket."""
    if way == "socket":
        with pair[0], pair[1]:
            yield functools.partial(loop.sock_sendfile, pair[0])
    else:
        with wired(loop, pair=pair) as (transport, _):
            yield functools.partial(loop.sendfile, transport)


def sent(loop: asyncio.AbstractEventLoop, sending: Coroutine[Any, Any, int], peer: socket.socket) -> tuple[int, bytes]:
    """What a sending gives and what its peer gets until it is done."""
    task = loop.create_task(sending)
    got = bytearray()
    while not task.done():
        turn(loop)
        got += receive_now(peer) or b""
    turn(loop, A_FEW)
    got += receive_now(peer) or b""
    while len(got) < task.result():
        got += receive(loop, peer, task.result() - len(got))
    return task.result(), bytes(got)
