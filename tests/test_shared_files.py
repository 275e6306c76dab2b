"""Files of pipe transports that other processes share: `O_NONBLOCK` belongs to the open file, and they expect none.

A child that shares a standard output with a transport found it non-blocking, and lost its output. What a transport does
when another process clears the flag is tested in test_blocking_descriptors.py.
"""

import asyncio
import os
import subprocess
import sys
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from net_protocols import Recorder
from pipe_support import ENDS, Ends, read_now, reading, unbuffered, writing
from support import ErrorLog, loop_factory, script_for, turn, turn_until

MORE_THAN_FITS = 1 << 18


def fifo_ends(folder: Path) -> Ends:
    """The two ends of a named pipe, which block."""
    path = folder / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    ends = unbuffered(reader, "rb"), unbuffered(os.open(path, os.O_WRONLY), "wb")
    os.set_blocking(reader, True)
    return ends


KINDS: dict[str, Callable[[Path], Ends]] = {
    "fifo": fifo_ends,
    **{name: (lambda folder, make=make: make()) for name, make in ENDS.items()},
}


@pytest.fixture
def ours(error_log: ErrorLog) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of ours: asyncio's sets the flag."""
    loop = loop_factory("vitok")()
    yield loop
    loop.close()


@pytest.mark.vitok_only
@pytest.mark.parametrize("kind", KINDS)
def test_a_written_file_stays_blocking(ours: asyncio.AbstractEventLoop, kind: str, tmp_path: Path) -> None:
    other, file = KINDS[kind](tmp_path)
    protocol = Recorder()
    with writing(ours, protocol, file, other) as transport:
        transport.write(bytes(MORE_THAN_FITS))
        got = 0
        while got < MORE_THAN_FITS:
            # Also while bytes wait for a slow reader.
            assert os.get_blocking(file.fileno())
            turn(ours)
            got += len(read_now(other) or b"")
        shared = os.dup(file.fileno())
    assert os.get_blocking(shared)
    os.close(shared)


@pytest.mark.vitok_only
@pytest.mark.parametrize("kind", KINDS)
def test_a_read_file_is_blocking_in_the_end(ours: asyncio.AbstractEventLoop, kind: str, tmp_path: Path) -> None:
    """The master of a terminal gets the flag, since it cannot be opened again, and gives it back."""
    file, other = KINDS[kind](tmp_path)
    shared = os.dup(file.fileno())
    protocol = Recorder()
    with reading(ours, protocol, file, other):
        assert os.get_blocking(shared)
        for count in range(1, 4):
            os.write(other.fileno(), b"some")
            turn_until(ours, lambda count=count: len(protocol.data) == 4 * count)
        assert os.get_blocking(shared) == (kind != "terminal")
    assert os.get_blocking(shared)
    os.close(shared)


@pytest.mark.vitok_only
def test_a_terminal_is_read_without_the_flag(ours: asyncio.AbstractEventLoop) -> None:
    """Standard input, for example: the shell found its terminal non-blocking afterwards."""
    master, slave = os.openpty()
    tty.setraw(slave)
    protocol = Recorder()
    shared = os.dup(slave)
    with reading(ours, protocol, unbuffered(slave, "rb"), unbuffered(master, "wb")):
        os.write(master, b"typed")
        turn_until(ours, lambda: protocol.data)
        assert protocol.data == b"typed"
        assert os.get_blocking(shared)
    os.close(shared)


# A program writes to its standard output by a transport, and starts a child that does the same by itself.
PROGRAM = f"""
import asyncio, os, sys
CHILD = "import os; os.write(1, bytes({MORE_THAN_FITS})); os.write(1, b'end')"
async def main():
    transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.Protocol, os.fdopen(1, "wb", 0))
    transport.write(b"from the parent")
    await asyncio.sleep(0)
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD)
    code = await child.wait()
    transport.close()
    await asyncio.sleep(0)
    sys.exit(code)
loop = new_loop()
try:
    loop.run_until_complete(main())
finally:
    loop.close()
"""


@pytest.mark.vitok_only
@pytest.mark.parametrize("kind", KINDS)
def test_a_child_with_the_same_output_loses_nothing(kind: str, tmp_path: Path) -> None:
    """The child got EAGAIN where the reader was slower, and most programs take that for an error."""
    reader, writer = KINDS[kind](tmp_path)
    command = [sys.executable, "-c", script_for("vitok", PROGRAM)]
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE) as program:
        writer.close()
        read: list[bytes] = []

        def collect() -> None:
            # The end of a terminal is an error.
            try:
                while piece := os.read(reader.fileno(), 4096):
                    read.append(piece)
            except OSError:
                assert kind == "terminal"

        thread = threading.Thread(target=collect)
        thread.start()
        assert program.stderr is not None
        errors = program.stderr.read()
        thread.join()
        reader.close()
    assert (program.returncode, errors) == (0, b"")
    output = b"".join(read)
    assert output.startswith(b"from the parent")
    assert output.endswith(b"end")
    assert len(output) == len(b"from the parentend") + MORE_THAN_FITS
