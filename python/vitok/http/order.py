"""The order of a worker: one line of JSON that says what to serve, how, and on which sockets.

The process that starts a worker writes it, and the worker reads it. Sockets are named by the numbers of descriptors,
which the worker inherits, or by a port that it binds a socket of its own to. Processes and channels are not known here.
"""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import sockets
from .options import Options, from_keywords


def written(app: str, options: Options, bound: Iterable[sockets.Bound]) -> tuple[bytes, list[int]]:
    """Return the order for a worker that serves `app` on these sockets, and the descriptors that it inherits."""
    places: list[dict[str, Any]] = []
    descriptors: list[int] = []
    for one in bound:
        if one.is_shared:
            places.append({"family": int(one.sock.family), "address": one.sock.getsockname()})
        else:
            descriptors.append(one.sock.fileno())
            places.append({"descriptor": one.sock.fileno()})
    order = {
        "app": app,
        # The path comes with the order, and has that folder already.
        "options": {**dataclasses.asdict(options), "app_dir": None, "workers": 1},
        "sockets": places,
        "path": sys.path,
        "arguments": sys.argv,
    }
    return json.dumps(order).encode() + b"\n", descriptors


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was read."""

    app: str
    path: list[str]
    arguments: list[str]
    # The options as keywords, and the sockets, each by a descriptor or by an address.
    _keywords: dict[str, Any]
    _places: Sequence[dict[str, Any]]

    @classmethod
    def parse(cls, line: bytes) -> Order:
        """Parse what `written` returned."""
        order = json.loads(line)
        return cls(order["app"], order["path"], order["arguments"], order["options"], order["sockets"])

    def options(self) -> Options:
        """Return the options. OptionError if they can't be used."""
        return from_keywords(self._keywords)

    def bind(self) -> list[sockets.Bound]:
        """Return the sockets: some inherited, some bound to ports that the parent holds. OSError otherwise."""
        made: list[sockets.Bound] = []
        try:
            for place in self._places:
                if "descriptor" in place:
                    sock = socket.socket(fileno=place["descriptor"])
                    os.set_inheritable(sock.fileno(), False)
                    made.append(sockets.Bound(sock, is_ours=False))
                else:
                    made.append(sockets.join(place["family"], tuple(place["address"])))
        except BaseException:
            sockets.close(made)
            raise
        return made
