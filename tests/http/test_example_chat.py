"""examples/chat.py under `vitok serve`: what one client says reaches all."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pytest
from served import CHILD_SECONDS, serving
from support import PROJECT

pytestmark = pytest.mark.vitok_only

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
# Under a mask of zeros.
HELLO = b"\x81\x85\0\0\0\0hello"
GOODBYE = b"\x88\x82\0\0\0\0\x03\xe8"


@contextmanager
def client(port: int) -> Iterator[tuple[socket.socket, BinaryIO]]:
    """A client that has joined the chat."""
    with socket.create_connection(("127.0.0.1", port), timeout=CHILD_SECONDS) as sock, sock.makefile("rb") as file:
        sock.sendall(HANDSHAKE)
        assert file.readline().startswith(b"HTTP/1.1 101 ")
        while file.readline() != b"\r\n":
            pass
        yield sock, file


def text(file: BinaryIO) -> bytes:
    """The next message."""
    first, length = file.read(2)
    assert first == 0x81
    return file.read(length)


def test_the_chat() -> None:
    """Two clients hear what one of them says, and one goes on when the other has left."""
    with serving(app="chat:app", folder=PROJECT / "examples") as served:
        with client(served.port) as (_, first):
            assert text(first) == b"1 here"
            with client(served.port) as (sock, second):
                assert (text(first), text(second)) == (b"2 here", b"2 here")
                sock.sendall(HELLO)
                assert (text(first), text(second)) == (b"hello", b"hello")
                sock.sendall(GOODBYE)
                assert second.read() == GOODBYE[:1] + b"\x02\x03\xe8"
            with client(served.port) as (_, third):
                assert (text(first), text(third)) == (b"2 here", b"2 here")
        assert served.end() == 0
