"""The order of a worker: one line of JSON that says what to serve, how, and on which sockets.

The process that starts a worker writes it, and the worker reads it. Sockets are named by the numbers of descriptors,
which the worker inherits. Processes and channels are not known here.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import sockets
from .options import Options, from_keywords


def written(app: str, options: Options, bound: Iterable[sockets.Bound]) -> tuple[bytes, list[int]]:
    """Return the order for a worker that serves `app` on these sockets, and the descriptors that it inherits."""
    places = {one.sock.fileno(): one.is_ours for one in bound}
    order = {
        "app": app,
        "options": {**dataclasses.asdict(options), "workers": 1},
        "sockets": list(places.items()),
        "path": sys.path,
        "arguments": sys.argv,
    }
    return json.dumps(order).encode() + b"\n", list(places)


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was read."""

    app: str
    path: list[str]
    arguments: list[str]
    # The options as keywords, and the sockets: each has a descriptor, and may belong to this server (`Bound.is_ours`).
    _keywords: dict[str, Any]
    _places: Sequence[tuple[int, bool]]

    @classmethod
    def parse(cls, line: bytes) -> Order:
        """Parse what `written` returned."""
        order = json.loads(line)
        return cls(order["app"], order["path"], order["arguments"], order["options"], order["sockets"])

    def options(self) -> Options:
        """Return the options. OptionError if they can't be used."""
        return from_keywords(self._keywords)

    def bind(self) -> list[sockets.Bound]:
        """Return the sockets, which the processes of the server share."""
        made: list[sockets.Bound] = []
        for descriptor, is_ours in self._places:
            sock = socket.socket(fileno=descriptor)
            # It was inheritable for this process; processes started by the application must not inherit it.
            sock.set_inheritable(False)
            made.append(sockets.Bound(sock, is_shared=True, is_ours=is_ours))
        return made
