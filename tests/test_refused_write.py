"""A large write without memory is a MemoryError and a lost connection, and nothing worse."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHILD = """
import asyncio, resource, socket, sys
from pathlib import Path
from support import loop_factory

SIZE = 300_000_000

class Records(asyncio.Protocol):
    lost = None

    def connection_lost(self, error):
        self.lost = [error]

async def main():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    transport, protocol = await loop.create_connection(Records, sock=ours)
    content = bytearray(SIZE)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SIZE // 6, -1))
    try:
        transport.{call}
    except MemoryError:
        print("MemoryError")
    transport.abort()
    for _ in range(3):
        await asyncio.sleep(0)
    assert protocol.lost, "the connection is not lost"
    assert transport.get_write_buffer_size() == 0
    called = loop.create_future()
    loop.call_later(0, called.set_result, None)
    await called
    theirs.close()
    print("goes on")

loop = loop_factory("vitok")()
loop.run_until_complete(main())
loop.close()
"""


@pytest.mark.vitok_only
@pytest.mark.skipif(sys.platform != "linux", reason="the size of the process is read from /proc")
@pytest.mark.parametrize("call", ["write(content)", "write(memoryview(content))", "writelines([content])"])
def test_a_write_that_cannot_be_copied_is_a_memory_error(call: str) -> None:
    command = [sys.executable, "-c", CHILD.replace("{call}", call)]
    # The allocator of a build without the GIL reserves a gigabyte of addresses, within which nothing is refused.
    environment = {**os.environ, "MIMALLOC_ARENA_RESERVE": "0"}
    child = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (child.returncode, child.stdout) == (0, "MemoryError\ngoes on\n"), child.stderr
