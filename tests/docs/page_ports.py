"""The ports that pages of docs/ name, and the free ones that stand for them while a page is tested.

Both have four digits, so that a length that counts the digits stays the same.
"""

import random
import re
import socket

# What servers in the pages listen on: HTTP, HTTPS, metrics, Redis and PostgreSQL.
NAMED = re.compile(r"(?<![\w.])(?P<port>80\d\d|8[45]43|90\d\d|91\d\d|6379|5432)(?![\w]|\.\d)")
# Below the ports that the kernel gives to clients.
FREE = range(2000, 8000)


class Ports:
    """The ports of one page. Each is chosen when it is first seen."""

    def __init__(self) -> None:
        self.real: dict[int, int] = {}

    def of(self, named: int) -> int:
        """Return the port that stands for one of the page."""
        if named not in self.real:
            self.real[named] = free_port({*self.real, *self.real.values()})
        return self.real[named]

    def put_in(self, text: str) -> str:
        """Return a text of the page with ports that are free."""
        return NAMED.sub(lambda match: str(self.of(int(match["port"]))), text)

    def take_out(self, text: str) -> str:
        """Return an output with the ports of the page."""
        for named, real in self.real.items():
            text = re.sub(rf"(?<!\w){real}(?!\w)", str(named), text)
        return text

    def first(self, text: str) -> int | None:
        """Return the real port of the first one that a text of the page names."""
        match = NAMED.search(text)
        return None if match is None else self.of(int(match["port"]))


def free_port(used: set[int]) -> int:
    """Return a port that nothing listens on."""
    while True:
        port = random.choice(FREE)
        if port in used or NAMED.fullmatch(str(port)):
            continue
        with socket.socket() as sock:
            # Like a server, which may follow another one on the same port at once.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
