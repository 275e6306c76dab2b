"""Ctrl-C ends a loop from outside: in `Runner`, in a bare `run_forever`, in a busy loop, in a flood of callbacks.

Each test sends a real SIGINT to a child and reads its output. Other signals are not tested here.
"""

import asyncio
import signal

import pytest
from support import next_line, python_child, script_for, wait_until_polling

# Each body says "ready" once it is where it is to be interrupted, and prints what became of the interrupt.
BARE = """
loop = new_loop()
loop.call_soon(say, "ready")
try:
    loop.run_forever()
except KeyboardInterrupt:
    print("interrupted", loop.is_running(), loop.is_closed())
async def after():
    return "usable"
print(loop.run_until_complete(after()))
loop.close()
"""

WAITING_FOR = """
import asyncio
loop = new_loop()
async def main():
    say("ready")
    await loop.create_future()
task = loop.create_task(main())
try:
    loop.run_until_complete(task)
except KeyboardInterrupt:
    print("interrupted", loop.is_running())
# The interrupt came in the loop's sleep or, where that was not waited for, still within the task.
if task.done():
    assert isinstance(task.exception(), KeyboardInterrupt)
task.cancel()
print(loop.run_until_complete(asyncio.sleep(0, "usable")))
loop.close()
"""

RUNNER = """
import asyncio
async def main():
    say("ready")
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        print("main task cancelled")
        raise
try:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
except KeyboardInterrupt:
    print("interrupted")
"""

BUSY_CALLBACK = """
loop = new_loop()
def busy():
    say("ready")
    while True:
        pass
loop.call_soon(busy)
try:
    loop.run_forever()
except KeyboardInterrupt:
    print("interrupted", flush=True)
end(loop)
"""

BUSY_TASK = """
import asyncio
loop = new_loop()
async def busy():
    say("ready")
    while True:
        await asyncio.sleep(0)
task = loop.create_task(busy())
try:
    loop.run_until_complete(task)
except KeyboardInterrupt:
    print("interrupted", flush=True)
# The interrupt came within the task, or between two of its steps: neither is to be complained of here.
task._log_destroy_pending = False
if task.done():
    task.exception()
end(loop)
"""

FLOOD = """
loop = new_loop()
def again():
    loop.call_soon(again)
loop.call_soon(again)
loop.call_soon(say, "ready")
try:
    loop.run_forever()
except KeyboardInterrupt:
    print("interrupted", flush=True)
end(loop)
"""

# A callback that is no Python function runs no bytecode of its own, so nothing but the loop looks for signals.
FLOOD_WITHOUT_PYTHON = """
import functools
loop = new_loop()
again = functools.partial(loop.call_soon)
again.__setstate__((loop.call_soon, (again,), {}, {}))
loop.call_soon(say, "ready")
loop.call_soon(again)
try:
    loop.run_forever()
except KeyboardInterrupt:
    print("interrupted", flush=True)
end(loop)
"""

TIMERS = """
loop = new_loop()
def tick():
    loop.call_later(0, tick)
tick()
loop.call_soon(say, "ready")
try:
    loop.run_forever()
except KeyboardInterrupt:
    print("interrupted", flush=True)
end(loop)
"""

# Where an interrupt meets asyncio's own loop between two of its own lines, Python 3.15 may skip its clean-up: that loop
# can't be asked or closed afterwards. Ours is interrupted only where it is ready for it.
PRELUDE = """
import functools, os
say = functools.partial(print, flush=True)
def end(loop):
    if type(loop).__module__.startswith("asyncio."):
        os._exit(0)
    assert not loop.is_running()
    loop.close()
"""

# The body, what it prints, and whether the loop sleeps when it is interrupted.
CASES = {
    "bare run_forever": (BARE, ["interrupted False False", "usable"], True),
    "run_until_complete": (WAITING_FOR, ["interrupted False", "usable"], True),
    "Runner": (RUNNER, ["main task cancelled", "interrupted"], True),
    "busy callback": (BUSY_CALLBACK, ["interrupted"], False),
    "busy task": (BUSY_TASK, ["interrupted"], False),
    "flood of callbacks": (FLOOD, ["interrupted"], False),
    "flood without Python": (FLOOD_WITHOUT_PYTHON, ["interrupted"], False),
    "flood of timers": (TIMERS, ["interrupted"], False),
}


@pytest.mark.parametrize("case", CASES)
def test_ctrl_c(loop_name: str, case: str) -> None:
    """Line "Ctrl-C works in `Runner`, in a bare `run_forever` and in a busy loop"; it can be used afterwards."""
    body, expected, sleeps = CASES[case]
    with python_child("-c", PRELUDE + script_for(loop_name, body)) as child:
        assert next_line(child) == "ready"
        # Ours loses no signal on its way into the poll, so only asyncio's has to be waited for; and the coroutine that
        # says "ready" itself, which an interrupt right after that word would end: its task is to be waited for again.
        if sleeps and (loop_name == "asyncio" or body is WAITING_FOR):
            wait_until_polling(child.pid)
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate()
        assert (output.splitlines(), errors, child.returncode) == (expected, "", 0)


def test_ctrl_c_ends_asyncio_run_with_the_signals_exit_code(loop_name: str) -> None:
    """Line "Ctrl-C works in `Runner`": uncaught, it ends the process as an interrupted Python ends, by the signal."""
    body = PRELUDE + "import asyncio\nasync def main():\n    say('ready')\n    await asyncio.Event().wait()\n"
    body += "asyncio.Runner(loop_factory=new_loop).run(main())\n"
    with python_child("-c", script_for(loop_name, body)) as child:
        assert next_line(child) == "ready"
        if loop_name == "asyncio":
            wait_until_polling(child.pid)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate()
        assert child.returncode == -signal.SIGINT
        assert errors.rstrip().endswith("KeyboardInterrupt")


def test_sigint_handler_of_the_loop_comes_before_keyboard_interrupt(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`add_signal_handler` for any signal": a handler for SIGINT takes the place of KeyboardInterrupt."""
    got: list[str] = []

    def handle() -> None:
        got.append("handled")
        loop.stop()

    loop.add_signal_handler(signal.SIGINT, handle)
    loop.call_soon(signal.raise_signal, signal.SIGINT)
    loop.run_forever()
    assert got == ["handled"]
    assert loop.remove_signal_handler(signal.SIGINT) is True


def test_raised_in_the_middle_of_a_turn_loses_nothing(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "KeyboardInterrupt and SystemExit leave `run_forever` from any callback": the rest runs when it goes on."""
    ran: list[str] = []
    loop.call_soon(ran.append, "before")
    loop.call_soon(signal.raise_signal, signal.SIGINT)
    loop.call_soon(ran.append, "after")
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == ["before", "after"]
