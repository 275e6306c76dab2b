"""`sock_sendfile` in odd conditions: cancelled, replaced functions, files and sockets that are closed in the middle."""

import asyncio
import errno
import io
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from net_support import A_FEW, SMALL_BUFFER, receive, receive_now, run, skip_asyncio, tcp_pair, unix_pair
from sendfile_support import CONTENT, sending, sent
from support import turn, turn_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with the content."""
    made = tmp_path / "file"
    made.write_bytes(CONTENT)
    return made


def test_where_the_file_stands_after_a_cancellation(loop: asyncio.AbstractEventLoop, path: Path) -> None:
    """`sock_sendfile` that is cancelled in the middle does not move the file."""
    ours, peer = unix_pair(send_buffer=SMALL_BUFFER)
    with ours, peer, path.open("rb", buffering=0) as file:
        file.seek(500)
        task = loop.create_task(loop.sock_sendfile(ours, file))
        receive(loop, peer, 2 * SMALL_BUFFER)
        task.cancel()
        turn_until(loop, task.done)
        turn(loop, A_FEW)
        assert file.tell() == 500


def test_where_the_file_stands_after_an_error(loop: asyncio.AbstractEventLoop, path: Path) -> None:
    """After an error in the middle the file stands behind the last byte that the kernel took."""
    ours, peer = unix_pair(send_buffer=SMALL_BUFFER)
    with ours, peer, path.open("rb", buffering=0) as file:
        task = loop.create_task(loop.sock_sendfile(ours, file, 1000))
        got = receive(loop, peer, 2 * SMALL_BUFFER)
        peer.close()
        turn_until(loop, task.done)
        with pytest.raises(BrokenPipeError):
            task.result()
        assert file.tell() >= 1000 + len(got)


def test_a_replaced_sendfile_is_called(
    loop: asyncio.AbstractEventLoop, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs and tests replace `os.sendfile`, or take it away: then the file is read."""
    calls: list[tuple[int, int]] = []
    original = os.sendfile

    def record(out: int, file: int, offset: int, count: int) -> int:
        calls.append((offset, count))
        return original(out, file, offset, count)

    monkeypatch.setattr(os, "sendfile", record)
    ours, peer = tcp_pair()
    with ours, peer, path.open("rb") as file:
        assert sent(loop, loop.sock_sendfile(ours, file, 5, 10), peer) == (10, CONTENT[5:15])
        assert calls == [(5, 10)]
        monkeypatch.delattr(os, "sendfile")
        with pytest.raises(asyncio.SendfileNotAvailableError, match="not available"):
            run(loop, loop.sock_sendfile(ours, file, 5, 10, fallback=False))
        assert sent(loop, loop.sock_sendfile(ours, file, 5, 10), peer) == (10, CONTENT[5:15])


@pytest.mark.parametrize("number", [-1, 10**6, "1", None])
def test_files_without_a_usable_number(loop: asyncio.AbstractEventLoop, number: object) -> None:
    """What `fileno()` returns or raises: not a file for the kernel, so it is read, or the error is asyncio's."""

    class Odd(io.BytesIO):
        def fileno(self) -> Any:
            if number is None:
                raise AttributeError
            return number

    ours, peer = tcp_pair()
    with ours, peer:
        if isinstance(number, str):
            with pytest.raises(TypeError):
                run(loop, loop.sock_sendfile(ours, Odd(b"content")))
        else:
            assert sent(loop, loop.sock_sendfile(ours, Odd(b"content")), peer) == (7, b"content")
            with pytest.raises(asyncio.SendfileNotAvailableError):
                run(loop, loop.sock_sendfile(ours, Odd(b"content"), fallback=False))


def test_a_socket_that_is_not_connected(loop: asyncio.AbstractEventLoop, path: Path) -> None:
    """An error of the first call means that the file has to be read; then the socket's error is raised."""
    with socket.socket() as ours, path.open("rb") as file:
        ours.setblocking(False)
        with pytest.raises(asyncio.SendfileNotAvailableError, match=r"os\.sendfile call failed"):
            run(loop, loop.sock_sendfile(ours, file, fallback=False))
        with pytest.raises(BrokenPipeError):
            run(loop, loop.sock_sendfile(ours, file))


@pytest.mark.parametrize("closed", ["file", "another file", "socket", "transport"])
def test_closed_in_the_middle(
    loop: asyncio.AbstractEventLoop, loop_name: str, path: Path, tmp_path: Path, closed: str
) -> None:
    """What is closed in the middle ends the sending with EBADF; asyncio waits for ever, or sends another file."""
    skip_asyncio(loop_name)
    (tmp_path / "other").write_bytes(bytes(2_000_000))
    pair = unix_pair(send_buffer=SMALL_BUFFER)
    way = "transport" if closed == "transport" else "socket"
    with sending(loop, way, pair) as send, path.open("rb", buffering=0) as file:
        task = loop.create_task(send(file))
        receive(loop, pair[1], 2 * SMALL_BUFFER)
        other = None
        if closed == "socket":
            pair[0].close()
        elif closed == "transport":
            transport = send.args[0]  # type: ignore[attr-defined]
            transport.abort()
        else:
            number = file.fileno()
            file.close()
            if closed == "another file":
                other = os.open(tmp_path / "other", os.O_RDONLY)
                assert other == number
        got = b""
        while closed.endswith("file") and not task.done():
            turn(loop)
            got += receive_now(pair[1]) or b""
        # Closed sockets are noticed when the loop sleeps.
        run(loop, asyncio.wait([task]))
        if other is not None:
            os.close(other)
        with pytest.raises(OSError, match="Bad file descriptor") as error:
            task.result()
        assert error.value.errno == errno.EBADF
        assert b"\0" * 1000 not in got
