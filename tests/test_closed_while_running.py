"""A loop that is closed while it runs, by code that bypasses `close()`: the run ends with an error.

Closing a loop that does not run is not tested here.
"""

import asyncio
import threading

import pytest
from support import ErrorLog, private, run_script

# asyncio stumbles over its selector, which is gone; ours says what is the matter.
ERRORS = (RuntimeError, AttributeError)


def close_running(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop that believes itself to stand still."""
    private(loop)._thread_id = None
    loop.close()


def test_closed_in_a_callback(loop_name: str, loop: asyncio.AbstractEventLoop) -> None:
    """Line "A loop that is closed while it runs": an error out of the run, and the loop stands still and closed."""
    loop.call_soon(close_running, loop)
    loop.call_later(60, int)
    with pytest.raises(ERRORS) as ended:
        loop.run_forever()
    assert (loop.is_closed(), loop.is_running()) == (True, False)
    if loop_name == "vitok":
        assert ended.match("Event loop is closed")
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


def test_closed_and_stopped(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A loop that is closed while it runs": told to stop in the same turn it does, as asyncio's."""

    def close() -> None:
        loop.stop()
        close_running(loop)

    loop.call_soon(close)
    loop.run_forever()
    assert loop.is_closed()


def test_closed_by_what_it_runs(loop: asyncio.AbstractEventLoop, error_log: ErrorLog) -> None:
    """Line "A loop that is closed while it runs": `run_until_complete` ends in the same way."""

    async def main() -> None:
        close_running(loop)

    coroutine = main()
    with pytest.raises(ERRORS):
        loop.run_until_complete(coroutine)
    assert loop.is_closed()
    # The task cannot tell of its end any more, on neither loop.
    assert len(error_log.take()) == 1


@pytest.mark.vitok_only
def test_closed_by_another_thread_while_it_sleeps() -> None:
    """Line "A loop that is closed while it runs": it wakes for that; asyncio's sleeps on."""
    import vitok

    loop = vitok.Loop()
    thread = threading.Thread(target=close_running, args=(loop,))
    # The thread gets to run when the loop sleeps without the GIL, or is a turn early.
    loop.call_soon(thread.start)
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.run_forever()
    thread.join()


@pytest.mark.vitok_only
def test_it_hears_an_interrupt() -> None:
    """Line "spins at 100 % and is deaf to SIGINT": it ends, whether Ctrl-C or the closing is seen first."""
    output = run_script(
        "vitok",
        """
        import os, signal
        loop = new_loop()

        def close():
            loop._thread_id = None
            loop.close()
            os.kill(os.getpid(), signal.SIGINT)

        loop.call_soon(close)
        try:
            loop.run_forever()
        except (KeyboardInterrupt, RuntimeError) as error:
            print(type(error).__name__)
        """,
    )
    assert output in ("KeyboardInterrupt\n", "RuntimeError\n")
