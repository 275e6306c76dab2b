"""Servers at Unix addresses: files, abstract names, files that were there before, and files left afterwards.

Serving clients is tested in test_servers.py.
"""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    bad,
    receive,
    run,
)
from support import turn, turn_until


@contextmanager
def serving_at(loop: asyncio.AbstractEventLoop, path: Any, **options: Any) -> Iterator[tuple[Any, list[Recorder]]]:
    """A server at a Unix address, with its protocols."""
    made: list[Recorder] = []

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    server = run(loop, bad(loop).create_unix_server(factory, path, **options))
    try:
        yield server, made
    finally:
        server.close()
        turn_until(loop, lambda: all(protocol.lost for protocol in made))
        turn(loop)


def talk(loop: asyncio.AbstractEventLoop, address: Any, made: list[Recorder]) -> None:
    """A client comes, is answered and goes."""
    count = len(made) + 1
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(address)
        peer.setblocking(False)
        peer.send(b"hello")
        turn_until(loop, lambda: len(made) == count and made[-1].data)
        made[-1].transport.write(b"and back")
        assert receive(loop, peer, 8) == b"and back"
    turn_until(loop, lambda: made[-1].lost)


@pytest.mark.parametrize("form", [str, os.fsencode, Path])
def test_a_file(loop: asyncio.AbstractEventLoop, tmp_path: Path, form: Any) -> None:
    """Line "Abstract and file Unix addresses": the path as text, bytes or PathLike."""
    path = str(tmp_path / "socket")
    with serving_at(loop, form(path)) as (server, made):
        assert Path(path).is_socket()
        assert server.sockets[0].getsockname() == path
        for _ in range(2):
            talk(loop, path, made)
        assert made[0].transport.get_extra_info("sockname") == path
        assert made[0].transport.get_extra_info("peername") == ""


@pytest.mark.parametrize("form", [str, os.fsencode])
def test_an_abstract_name(loop: asyncio.AbstractEventLoop, form: Any) -> None:
    """Line "Abstract and file Unix addresses": a name that begins with a NUL, as text or bytes, without a file."""
    name = f"\0vitok-test-{os.getpid()}"
    with serving_at(loop, form(name)) as (server, made):
        assert server.sockets[0].getsockname() == name.encode()
        talk(loop, name, made)
        with pytest.raises(OSError, match="is already in use") as refusal:
            run(loop, loop.create_unix_server(Recorder, form(name)))
        assert refusal.value.errno == errno.EADDRINUSE
    with serving_at(loop, form(name)):
        """The name is free again."""


def test_a_stale_file_is_replaced(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Line "a stale socket file is replaced": one that nobody listens at any more, and even one that somebody does."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    with serving_at(loop, path) as (_, made):
        talk(loop, path, made)
        with serving_at(loop, path) as (_, others):
            talk(loop, path, others)


def test_what_is_no_socket_stays(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """A regular file at the path is left alone: OSError that names the path."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with pytest.raises(OSError, match="is already in use") as refusal:
        run(loop, loop.create_unix_server(Recorder, str(path)))
    assert refusal.value.errno == errno.EADDRINUSE
    assert repr(str(path)) in str(refusal.value)
    assert path.read_bytes() == b"content"


def test_a_missing_folder(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """A path in a folder that there is not is FileNotFoundError, and nothing stays open."""
    with pytest.raises(FileNotFoundError):
        run(loop, loop.create_unix_server(Recorder, str(tmp_path / "missing" / "socket")))


@pytest.mark.parametrize("length", [108, 250])
def test_a_path_that_is_too_long(loop: asyncio.AbstractEventLoop, length: int) -> None:
    """A path that the kernel's address has no room for is an OSError, not cut short."""
    with pytest.raises(OSError, match="too long"):
        run(loop, loop.create_unix_server(Recorder, "/" + "x" * (length - 1)))


@pytest.mark.skipif(sys.version_info < (3, 13), reason="`cleanup_socket` is new in Python 3.13")
@pytest.mark.parametrize("options", [{}, {"cleanup_socket": True}, {"cleanup_socket": False}])
def test_the_file_goes_with_the_server(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, options: dict[str, bool]
) -> None:
    """Line "the file goes when the server closes (`cleanup_socket`)", unless it is asked to stay."""
    path = tmp_path / "socket"
    with serving_at(loop, path, **options) as (server, _):
        server.close()
        assert path.exists() == (options == {"cleanup_socket": False})


@pytest.mark.skipif(sys.version_info < (3, 13), reason="`cleanup_socket` is new in Python 3.13")
def test_another_servers_file_stays(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Line "the file goes": but not one that another server has put in its place, and a missing one is no error."""
    path = tmp_path / "socket"
    with serving_at(loop, path) as (first, _), serving_at(loop, path) as (second, made):
        first.close()
        assert path.is_socket()
        talk(loop, str(path), made)
        path.unlink()
        second.close()


def test_a_given_socket(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """`sock=`: a bound Unix socket is listened on and closed with the server."""
    path = str(tmp_path / "socket")
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(path)
    with serving_at(loop, None, sock=bound) as (_, made):
        talk(loop, path, made)
    assert bound.fileno() == -1


@pytest.mark.parametrize("cleans_up", [None, True, False])
def test_the_file_of_a_given_socket_stays(
    loop: asyncio.AbstractEventLoop, loop_name: str, tmp_path: Path, cleans_up: bool | None
) -> None:
    """Issue 14, item 5: "`create_unix_server(sock=)` unlinks nothing that it did not make", unless it is asked to.

    asyncio from 3.13 on does: several processes that serve one socket then lose its file with the first that ends.
    """
    if cleans_up is not None and sys.version_info < (3, 13):
        pytest.skip("`cleanup_socket` is new in Python 3.13")
    path = tmp_path / "socket"
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    options = {} if cleans_up is None else {"cleanup_socket": cleans_up}
    with serving_at(loop, None, sock=bound, **options):
        assert path.is_socket()
    by_asyncio = loop_name == "asyncio" and sys.version_info >= (3, 13)
    assert path.exists() == (not (by_asyncio if cleans_up is None else cleans_up))


def test_not_serving_at_first(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """`start_serving=False`: the file is there, but who connects is refused until it serves."""
    path = str(tmp_path / "socket")
    with serving_at(loop, path, start_serving=False) as (server, made):
        with socket.socket(socket.AF_UNIX) as peer, pytest.raises(ConnectionRefusedError):
            peer.connect(path)
        run(loop, server.start_serving())
        talk(loop, path, made)


def test_wrong_arguments(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Arguments that don't go together are refused before anything is opened."""
    path = str(tmp_path / "socket")
    with pytest.raises(ValueError, match="path was not specified, and no sock specified"):
        run(loop, loop.create_unix_server(Recorder))
    with pytest.raises(TypeError, match="ssl argument must be an SSLContext or None"):
        run(loop, loop.create_unix_server(Recorder, path, ssl=bad(True)))
    with pytest.raises(ValueError, match="only meaningful with ssl"):
        run(loop, loop.create_unix_server(Recorder, path, ssl_handshake_timeout=1))
    with socket.socket() as tcp, pytest.raises(ValueError, match="A UNIX Domain Stream Socket was expected"):
        run(loop, loop.create_unix_server(Recorder, sock=tcp))
    with socket.socket(socket.AF_UNIX) as unix, pytest.raises(ValueError, match="can not be specified at the same"):
        run(loop, bad(loop).create_unix_server(Recorder, path, sock=unix))
    assert not Path(path).exists()


def test_streams_over_unix(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """`asyncio.start_unix_server` and `open_unix_connection`: a line there and back."""
    path = tmp_path / "socket"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()
        await writer.wait_closed()

    async def main() -> bytes:
        server = await asyncio.start_unix_server(serve, path)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"hello\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return answer

    assert run(loop, main()) == b"HELLO\n"
