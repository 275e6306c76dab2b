"""Children of multiprocessing, by each start method, from a program with a loop: the loops of both sides work.

Which loop a child gets by default is tested in test_run_loops.py, and `os.fork` itself in test_fork_and_threads.py.
"""

import sys
from pathlib import Path

import pytest
from support import run_python

METHODS = ("fork", "spawn", "forkserver")

# A program with a loop that watches, waits and has a handler of a signal; `child` runs a loop of its own.
PROGRAM = """
import asyncio, multiprocessing, os, signal, socket, sys
from concurrent.futures import ProcessPoolExecutor
from {loop} import new_event_loop as new_loop

async def work(number):
    await asyncio.sleep(0.001)
    loop, handled = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, handled.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await handled.wait()
    loop.remove_signal_handler(signal.SIGUSR1)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    assert await reader.read() == b""
    writer.close()
    server.close()
    assert await loop.run_in_executor(None, int, "7") == 7
    return number * 2

def child(number):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(work(number))

def report(number, connection):
    connection.send(child(number))
    connection.close()

async def still_works(loop, pair, handled):
    readable = loop.create_future()
    loop.add_reader(pair[0], readable.set_result, None)
    pair[1].send(b"x")
    await readable
    loop.remove_reader(pair[0])
    pair[0].recv(1)
    os.kill(os.getpid(), signal.SIGUSR2)
    await handled.wait()
    handled.clear()

async def main():
    loop, context = asyncio.get_running_loop(), multiprocessing.get_context({method!r})
    pair, handled = socket.socketpair(), asyncio.Event()
    pair[0].setblocking(False)
    loop.add_signal_handler(signal.SIGUSR2, handled.set)
    await still_works(loop, pair, handled)
    ours, theirs = context.Pipe(False)
    process = context.Process(target=report, args=(1, theirs))
    process.start()
    theirs.close()
    readable = loop.create_future()
    loop.add_reader(ours.fileno(), lambda: readable.done() or readable.set_result(None))
    await readable
    loop.remove_reader(ours.fileno())
    print(ours.recv())
    await loop.run_in_executor(None, process.join)
    print(process.exitcode)
    await still_works(loop, pair, handled)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        print(await asyncio.gather(*(loop.run_in_executor(pool, child, number) for number in range(4))))
    await still_works(loop, pair, handled)
    loop.remove_signal_handler(signal.SIGUSR2)
    for sock in pair:
        sock.close()

if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
"""


@pytest.mark.parametrize("method", METHODS)
def test_parent_and_child_have_loops_of_their_own(tmp_path: Path, loop_name: str, method: str) -> None:
    """Issue 14, item 4: "loops in parent and child after fork, `multiprocessing` with each start method"."""
    script = tmp_path / "script.py"
    script.write_text(PROGRAM.format(loop=loop_name, method=method))
    # Python warns of a fork while there are threads, which the pool of the parent has.
    child = run_python("-W", "ignore::DeprecationWarning", script)
    assert (child.returncode, child.stdout, child.stderr) == (0, "2\n0\n[0, 2, 4, 6]\n", "")


@pytest.mark.vitok_only
@pytest.mark.parametrize("method", METHODS)
def test_the_default_start_method_under_vitok_run(tmp_path: Path, method: str) -> None:
    """Issue 14, item 4: the same under `vitok run`, with the loops that asyncio makes there."""
    script = tmp_path / "script.py"
    body = PROGRAM.format(loop="asyncio", method=method)
    script.write_text(body.replace("def child(number):", "def child(number):\n    check()").replace(CHECKED, CHECK))
    child = run_python("-W", "ignore::DeprecationWarning", "-m", "vitok", "run", script)
    assert (child.returncode, child.stdout, child.stderr) == (0, "2\n0\n[0, 2, 4, 6]\n", "")


CHECKED = "async def work(number):\n"
CHECK = """
def check():
    loop = new_loop()
    assert type(loop).__module__ == "vitok", loop
    loop.close()

async def work(number):
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors as Linux shows them")
@pytest.mark.parametrize("count", [100])
def test_a_child_for_each_loop_leaves_nothing(loop_name: str, count: int) -> None:
    """Issue 14, item 4: a loop that runs, forks and goes on, again and again: no descriptor is left in either."""
    body = f"""
import asyncio, os
from {loop_name} import new_event_loop as new_loop
def descriptors():
    return len(os.listdir("/proc/self/fd"))
def live():
    loop = new_loop()
    loop.run_until_complete(asyncio.sleep(0))
    child = os.fork()
    if not child:
        # The loop of the parent is closed in the child, too, and the parent's goes on.
        loop.close()
        mine = new_loop()
        mine.run_until_complete(asyncio.sleep(0))
        mine.close()
        os._exit(descriptors() - before)
    status = os.waitpid(child, 0)[1]
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    return status
before = descriptors()
assert [live() for _ in range({count})] == [0] * {count}
print(descriptors() - before)
"""
    child = run_python("-c", body)
    assert (child.returncode, child.stdout, child.stderr) == (0, "0\n", "")
