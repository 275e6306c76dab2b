"""Twisted's reactor on the loop: an echo for many connections at once, for one that reads late, children, coroutines.

The tests talk to the server by plain sockets.
"""

import socket
from concurrent.futures import ThreadPoolExecutor

from apps.scene import LARGE_BODY
from children import Flavour, Server, run_to_end, serving, words_of
from needs import need_library
from test_clients import LOOPS

CONNECTIONS = 20
# Sent by each of them: more than the kernel takes in on the way back while nobody reads.
BODY = LARGE_BODY * 4
PATIENCE_SECONDS = 20


def test_twisted(flavour: Flavour) -> None:
    """An echo server under `asyncioreactor`."""
    need_library("twisted")
    with serving(words_of("twisted_server.py", flavour), flavour) as server, connected(server) as idle:
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            assert all(threads.map(lambda _: echo(server), range(CONNECTIONS)))
        idle.sendall(b"still here")
        assert idle.recv(len(BODY)) == b"still here"
        # It is open when the server is told to stop, which must not keep the server.


def test_twisted_reaps_its_children(flavour: Flavour) -> None:
    """Children of `spawnProcess`, whose ends Twisted hears of by the wake-up descriptor of signals."""
    need_library("twisted")
    assert "Loop" in run_to_end(words_of("twisted_processes.py", flavour), flavour)


def test_twisted_coroutines(flavour: Flavour) -> None:
    """Issue 14, item 7: `inlineCallbacks`, `deferToThread`, and coroutines that wait for asyncio's."""
    need_library("twisted")
    assert run_to_end(words_of("twisted_coroutines.py", flavour), flavour) == LOOPS[flavour.loop]


def echo(server: Server) -> bool:
    """Whether a large body comes back whole, to somebody who reads while it is written."""
    with connected(server) as connection, ThreadPoolExecutor(1) as writer:
        writing = writer.submit(connection.sendall, BODY)
        received = bytearray()
        while len(received) < len(BODY):
            data = connection.recv(len(BODY))
            assert data
            received += data
        writing.result()
        return received == BODY


def connected(server: Server) -> socket.socket:
    """A connection to the server."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)
