"""Cases of test_turns.py: files that are sent over sockets."""

import tempfile

from turns_support import Turns, socket_pair


async def sock_sendfile(turns: Turns) -> None:
    """A file that the kernel takes at once, with and without a count, and one that does not fit."""
    ours, theirs = socket_pair(turns)
    with tempfile.TemporaryFile() as file:
        file.write(bytes(1_000_000))
        file.flush()
        await turns.cause()
        assert await turns.loop.sock_sendfile(ours, file, 0, 10) == 10
        turns.note("a part")
        assert await turns.loop.sock_sendfile(ours, file, 999_990) == 10
        turns.note("the end")
        task = turns.loop.create_task(turns.loop.sock_sendfile(ours, file))
        left = 1_000_020
        while left:
            left -= len(await turns.loop.sock_recv(theirs, 100_000))
            turns.note("received")
        assert await task == 1_000_000
        turns.note("all")


CASES = {"sock_sendfile": sock_sendfile}
