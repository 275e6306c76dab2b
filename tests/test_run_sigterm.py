"""SIGTERM under `vitok run` ends a program as Ctrl-C does, and leaves programs alone that handle the signal themselves.

`vitok serve` has a graceful end of its own, which is tested in tests/http.
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import CHILD_SECONDS, next_line, python_child

pytestmark = pytest.mark.vitok_only

PRELUDE = """
import asyncio, atexit, os, signal, sys
def say(what):
    print(what, flush=True)
atexit.register(say, "atexit")
async def main():
    say("ready")
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        say("cleaned up")
"""


def run(body: str, *, number: int = signal.SIGTERM) -> tuple[int, list[str], str]:
    """Run a program under `vitok run`, send it the signal once it is ready, and return what it did."""
    with python_child("-m", "vitok", "run", "-c", PRELUDE + body) as child:
        assert next_line(child) == "ready"
        child.send_signal(number)
        output, errors = child.communicate()
        return child.returncode, output.splitlines(), errors


CLEANED_UP = {
    "asyncio.run": "asyncio.run(main())",
    "vitok.run": "import vitok\nvitok.run(main())",
    "a loop of the program": "loop = asyncio.new_event_loop()\nloop.run_until_complete(main())",
    "a task": "loop = asyncio.new_event_loop()\nloop.run_until_complete(loop.create_task(main()))",
    "a task in the background": """
async def outer():
    background = asyncio.create_task(main())
    await asyncio.Event().wait()
asyncio.run(outer())
""",
    "a second loop": "asyncio.run(asyncio.sleep(0))\nasyncio.run(main())",
    "a bare run_forever": """
loop = asyncio.new_event_loop()
loop.call_soon(say, "ready")
try:
    loop.run_forever()
finally:
    say("cleaned up")
""",
    "a busy loop": """
async def busy():
    say("ready")
    try:
        while True:
            await asyncio.sleep(0)
    finally:
        say("cleaned up")
asyncio.run(busy())
""",
}


@pytest.mark.parametrize("way", CLEANED_UP)
def test_a_program_cleans_up(way: str) -> None:
    """Issue 14, item 4: "SIGTERM for a graceful end in `vitok run`"; the process dies of the signal nevertheless."""
    assert run(CLEANED_UP[way]) == (-signal.SIGTERM, ["cleaned up", "atexit"], "")


def test_a_program_decides_how_it_ends() -> None:
    """Issue 14, item 4: a program that handles its cancellation goes on, with an exit code of its own."""
    body = """
async def outer():
    try:
        await main()
    except asyncio.CancelledError:
        say("handled")
asyncio.run(outer())
say("after")
sys.exit({code})
"""
    for code in (0, 7):
        assert run(body.format(code=code)) == (code, ["cleaned up", "handled", "after", "atexit"], "")


def test_a_program_that_fails_meanwhile_fails() -> None:
    """Issue 14, item 4: an exception of the clean-up is printed as ever."""
    body = """
async def outer():
    try:
        await main()
    finally:
        raise LookupError("in the clean-up")
asyncio.run(outer())
"""
    code, output, errors = run(body)
    assert (code, output) == (1, ["cleaned up", "atexit"])
    assert errors.rstrip().endswith("LookupError: in the clean-up")
    assert "vitok/__main__.py" not in errors


def test_a_second_signal_ends_the_process_at_once() -> None:
    """Issue 14, item 4: a clean-up that takes for ever."""
    body = """
async def outer():
    try:
        await main()
    finally:
        say("waits")
        await asyncio.Event().wait()
asyncio.run(outer())
"""
    with python_child("-m", "vitok", "run", "-c", PRELUDE + body) as child:
        assert next_line(child) == "ready"
        child.terminate()
        assert [next_line(child), next_line(child)] == ["cleaned up", "waits"]
        child.terminate()
        output, errors = child.communicate()
        assert (child.returncode, output, errors) == (-signal.SIGTERM, "", "")


LEFT_ALONE = {
    "a handler before": ("signal.signal(signal.SIGTERM, lambda *_: os._exit(3))\nasyncio.run(main())", 3),
    "a handler later": (
        """
async def outer():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
    await main()
asyncio.run(outer())
""",
        3,
    ),
    "a handler of the loop": (
        """
async def outer():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 3)
    await main()
asyncio.run(outer())
""",
        3,
    ),
    "an ignored signal": (
        """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
async def outer():
    asyncio.get_running_loop().call_later(0.2, os._exit, 3)
    await main()
asyncio.run(outer())
""",
        3,
    ),
    "a handler of another language": (
        """
import ctypes
ended = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda number: os._exit(3))
ctypes.CDLL(None).signal(signal.SIGTERM, ended)
asyncio.run(main())
""",
        3,
    ),
    "a program without a loop": ("import time\nsay('ready')\ntime.sleep(3600)", -signal.SIGTERM),
    "a program whose loop has ended": (
        "import time\nasyncio.run(asyncio.sleep(0))\nsay('ready')\ntime.sleep(3600)",
        -signal.SIGTERM,
    ),
    "a loop in another thread": (
        "import threading\nthreading.Thread(target=asyncio.run, args=(main(),)).start()",
        -signal.SIGTERM,
    ),
}


@pytest.mark.parametrize("way", LEFT_ALONE)
def test_a_program_is_left_alone(way: str) -> None:
    """Issue 14, item 4: "nothing changes in my program" that handles the signal, or has no loop in its main thread."""
    body, code = LEFT_ALONE[way]
    assert run(body) == (code, [], "")


def test_a_program_sees_the_default_outside_of_runs() -> None:
    """Issue 14, item 4: the handler is there while a loop runs, and what the program sets instead stays."""
    body = """
def is_default():
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
loop = asyncio.new_event_loop()
async def main(number):
    say(is_default())
    if number == 1:
        signal.signal(signal.SIGTERM, print)
for number in range(3):
    say(is_default())
    loop.run_until_complete(main(number))
say(signal.getsignal(signal.SIGTERM) is print)
loop.add_signal_handler(signal.SIGTERM, int)
loop.remove_signal_handler(signal.SIGTERM)
say(is_default())
loop.close()
"""
    with python_child("-m", "vitok", "run", "-c", PRELUDE + body) as child:
        said = "True False True False False False True True atexit"
        assert child.communicate() == ("\n".join([*said.split(), ""]), "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_end_at_once(tmp_path: Path, method: str) -> None:
    """Issue 14, item 4: `Process.terminate()` of a child that runs a loop: as under python, no clean-up."""
    script = tmp_path / "script.py"
    body = f"""
import multiprocessing
def child(connection):
    async def wait():
        connection.send("ready")
        try:
            await asyncio.Event().wait()
        finally:
            os.write(1, b"cleaned up\\n")
    asyncio.run(wait())
if __name__ == "__main__":
    async def parent():
        context = multiprocessing.get_context({method!r})
        ours, theirs = context.Pipe()
        process = context.Process(target=child, args=(theirs,))
        process.start()
        ours.recv()
        process.terminate()
        process.join()
        say(process.exitcode)
    asyncio.run(parent())
"""
    script.write_text(PRELUDE + body)
    with python_child("-W", "ignore", "-m", "vitok", "run", script) as child:
        output, errors = child.communicate()
    # The server of forkserver has imported the script, and from 3.14 on ends as a program does.
    of_server = "atexit\n" if method == "forkserver" and sys.version_info >= (3, 14) else ""
    assert (output, errors, child.returncode) == (f"-15\natexit\n{of_server}", "", 0)


def test_a_child_that_the_program_starts_has_the_default() -> None:
    """Issue 14, item 4: a subprocess is ended by the signal as ever."""
    body = """
import subprocess
async def outer():
    child = subprocess.Popen([sys.executable, "-c", "import time; print(1, flush=True); time.sleep(3600)"],
                             stdout=subprocess.PIPE)
    child.stdout.read(1)
    child.terminate()
    say(child.wait())
    child.stdout.close()
asyncio.run(outer())
"""
    with python_child("-m", "vitok", "run", "-c", PRELUDE + body) as child:
        assert child.communicate() == ("-15\natexit\n", "")


def test_ctrl_c_stays_ctrl_c() -> None:
    """Issue 14, item 4: SIGINT under `vitok run`."""
    code, output, errors = run("asyncio.run(main())", number=signal.SIGINT)
    assert (code, output) == (-signal.SIGINT, ["cleaned up", "atexit"])
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_the_first_process_of_a_container_ends() -> None:
    """Issue 14, item 4: process 1 does not die of signals, and exits with the code that a shell has for them."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-fpr", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespaces of processes here")
    body = "asyncio.Runner().get_loop()\nsignal.setitimer(signal.ITIMER_REAL, 0)\n"
    body = """
async def outer():
    asyncio.get_running_loop().call_later(0, os.kill, os.getpid(), signal.SIGTERM)
    say(os.getpid())
    await main()
asyncio.run(outer())
"""
    command = [unshare, "-fpr", sys.executable, "-m", "vitok", "run", "-c", PRELUDE + body]
    child = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    expected = ["1", "ready", "cleaned up", "atexit"]
    assert (child.returncode, child.stdout.splitlines(), child.stderr) == (128 + signal.SIGTERM, expected, "")
