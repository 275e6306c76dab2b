"""System calls: the example server under strace with one request, compared with the recorded trace of asyncio's.

The section on asynchrony in the operating system of the project's seed runs a server under strace, requests it once
with curl, and lists the calls. This file counts those of examples/server.py on vitok's loop. The causes of polls are
not known here.
"""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from support import PROJECT

pytestmark = [
    pytest.mark.vitok_only,
    pytest.mark.skipif(sys.platform != "linux", reason="strace and epoll are Linux's"),
]


@dataclass(frozen=True)
class Calls:
    """How often the kernel was asked: for changes of what is watched, and for events."""

    control: int
    wait: int


# The seed's listing. Changes: ADD 9, DEL 9, DEL 9 again, ADD 6, ADD 8, ADD 9 and ADD 11 before it first blocks; ADD 13
# and DEL 13 for the connection. Waits: four that came back and a fifth that blocks (its timeout is -1); for the
# request four more and, in the last line, the one in which the server waits for new events.
SEED = Calls(control=9, wait=10)
# What of it is for the request: the ADD and the DEL of the connection.
SEED_CONTROL_OF_REQUEST = 2
# Half a second each. strace and a busy machine delay each run in their own way, and every one has to keep the bound.
ATTEMPTS = 3

TRACED = "epoll_create1,epoll_ctl,epoll_wait,epoll_pwait,epoll_pwait2,accept,accept4,close"
# The numbers that strace prints for a call which is not decoded: a timeout of -1, or no timeout at all.
BLOCKING = re.compile(r"epoll_(?:p?wait\((?:\w+, ){3}0xf{8,16}|pwait2\((?:\w+, ){3}(?:0|NULL))(?:, [^)=]*)?$")


class Trace:
    """The lines that strace writes to a pipe, read as far as a test needs them: no time is waited for."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.text = ""

    def until_blocked(self) -> str:
        """Read on to where the server blocks in its poll, and take what was written since the last time."""
        while not self._blocked():
            self._read()
        return self._take()

    def until_served(self) -> str:
        """Read on to where the accepted connection is closed and the server blocks again, and take all of it."""
        while not (self._closed() and self._blocked()):
            self._read()
        return self._take()

    def _blocked(self) -> bool:
        return BLOCKING.search(self.text.rpartition("\n")[2]) is not None

    def _closed(self) -> bool:
        accepted = re.findall(r"accept4?\([^\n]*\) += (\d+)", self.text)
        return bool(accepted) and bool(re.search(rf"\bclose\({accepted[-1]}\) += 0", self.text))

    def _read(self) -> None:
        chunk = os.read(self._descriptor, 65536)
        assert chunk, "the server ended before it was expected to:\n" + self.text
        self.text += chunk.decode()

    def _take(self) -> str:
        taken, self.text = self.text, ""
        return taken


@contextmanager
def traced_server() -> Iterator[tuple[str, Trace]]:
    """The seed's server on our loop under strace: its address, and the trace."""
    if shutil.which("strace") is None:
        pytest.fail("strace is missing: apt install strace", pytrace=False)
    reading, writing = os.pipe()
    filters = ["-e", f"trace={TRACED}", "-e", "raw=epoll_wait,epoll_pwait,epoll_pwait2", "-e", "signal=none"]
    server = [sys.executable, "-m", "vitok", str(PROJECT / "examples" / "server.py"), "--port", "0"]
    process = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", f"/dev/fd/{writing}", *filters, "--", *server],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[writing],
        start_new_session=True,
    )
    os.close(writing)
    with process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            address = re.search(r"http://\S+", first)
            assert address is not None, first + process.communicate()[1]
            yield address[0], Trace(reading)
        finally:
            # strace and the server are a process group of their own; both end, whatever the test found.
            os.killpg(process.pid, signal.SIGKILL)
            os.close(reading)


def count(text: str) -> Calls:
    """How often each was asked for in a piece of a trace; the call that blocks at its end counts."""
    return Calls(control=len(re.findall(r"\bepoll_ctl\(", text)), wait=len(re.findall(r"\bepoll_p?wait2?\(", text)))


def ask(address: str) -> None:
    """One request with curl or, where there is none, with Python: on the wire to the server they are the same."""
    if shutil.which("curl"):
        answer = subprocess.run(
            ["curl", "--silent", "--show-error", "--max-time", "10", address], capture_output=True, check=True
        ).stdout
    else:
        connection = http.client.HTTPConnection(urlsplit(address).netloc)
        connection.request("GET", "/")
        answer = connection.getresponse().read()
        connection.close()
    assert answer == b"Hello from the loop\n"


def one_request() -> tuple[Calls, str]:
    """Start the server, ask it once, and count: from the loop's own epoll to where it waits for new events again."""
    with traced_server() as (address, trace):
        # The module `selectors` makes one epoll when it is imported, to see whether it can; the last is the loop's.
        start = trace.until_blocked().rpartition("epoll_create1(")[2]
        ask(address)
        whole = start + trace.until_served()
    return count(whole), whole


def test_no_more_calls_than_the_seeds_trace() -> None:
    """Issue 2, item 5: start and one request make no more `epoll_ctl` and epoll waits than the seed's trace shows."""
    runs = [one_request() for _ in range(ATTEMPTS)]
    for calls, whole in runs:
        print(f"{calls}, the seed {SEED}\n{whole}")
    assert max(calls.control for calls, _ in runs) <= SEED.control
    assert max(calls.wait for calls, _ in runs) <= SEED.wait


def test_further_requests_cost_no_more_than_the_first() -> None:
    """Issue 2, item 5: a connection is added once and at most removed once, however often one comes."""
    with traced_server() as (address, trace):
        trace.until_blocked()
        for _ in range(3):
            ask(address)
            assert count(trace.until_served()).control <= SEED_CONTROL_OF_REQUEST
