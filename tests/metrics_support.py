"""Asking a server of metrics, and reading what it answers.

The text is read as far as vitok writes it; tests/programs reads it with Prometheus' own parser.
"""

import http.client
import re
import socket
from collections.abc import Callable

from served import CHILD_SECONDS, Served

METRICS = re.compile(r"metrics: (\S+)")


class UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CHILD_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(CHILD_SECONDS)
        self.sock.connect(self._path)


def url_of(served: Served) -> str:
    """The URL of the metrics, from the log."""
    found = METRICS.search(served.errors) or served.read_until(METRICS)
    return found[1]


def connected(url: str) -> http.client.HTTPConnection:
    """A connection to the server of metrics."""
    if url.startswith("unix:"):
        return UnixConnection(url.removeprefix("unix:"))
    return http.client.HTTPConnection(url.split("/")[2], timeout=CHILD_SECONDS)


def page(url: str, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, content and header fields of a page."""
    connection = connected(url)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def scraped(url: str) -> dict[str, float]:
    """The values by name and labels."""
    status, text, _ = page(url)
    assert status == 200, text
    return values_of(text)


def values_of(text: str) -> dict[str, float]:
    """The values of a text by name and labels."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def scraped_until(url: str, is_right: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """Scrape until the values are right; the time limit of the test ends it otherwise.

    A number of a worker may be older than a moment: its report may have been on its way when it was asked for another.
    """
    while not is_right(values := scraped(url)):
        continue
    return values


def ready_until(url: str, status: int) -> str:
    """Ask whether the server is ready until the answer has this status, and return its text."""
    while (answer := page(url, "/ready"))[0] != status:
        continue
    return answer[1]
