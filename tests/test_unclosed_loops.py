"""Loops that are not closed, and loops that were never initialized: Python's warnings, and no traceback of vitok's.

Children run with warnings shown; asyncio's own loop is the control. Closing is not tested here.
"""

import sys

import pytest
from support import run_python, script_for

WARNED = "ResourceWarning: unclosed event loop"


def complaints(loop_name: str, body: str) -> str:
    """What a child writes to its standard error, in which every warning is shown."""
    child = run_python("-W", "default", "-c", script_for(loop_name, body))
    assert child.returncode == 0, child.stderr
    return child.stderr


@pytest.mark.vitok_only
@pytest.mark.parametrize("arguments", ["selector=1", "1", "1, 2, more=3"])
def test_a_loop_that_refuses_its_arguments(arguments: str) -> None:
    """Line "`vitok.Loop(selector=1)` prints a `__del__` traceback": a TypeError and nothing else."""
    written = complaints(
        "vitok",
        f"""
        import vitok
        try:
            vitok.Loop({arguments})
        except TypeError:
            pass
        else:
            raise AssertionError
        """,
    )
    assert written == ""


@pytest.mark.vitok_only
def test_a_loop_whose_constructor_is_interrupted() -> None:
    """Line "prints a `__del__` traceback": a subclass that raises first leaves nothing to close."""
    written = complaints(
        "vitok",
        """
        import vitok

        class Own(vitok.Loop):
            def __init__(self):
                raise ValueError("on purpose")

        try:
            Own()
        except ValueError:
            pass
        loop = vitok.Loop.__new__(vitok.Loop)
        try:
            loop.call_soon(int)
        except RuntimeError as error:
            assert "closed" in str(error)
        """,
    )
    assert written == ""


KEPT = {
    "by nobody": "new_loop()",
    "by the main module": "loop = new_loop()",
    "by itself": "loop = new_loop(); loop.me = loop; del loop",
    "as the current loop": "import asyncio; asyncio.set_event_loop(new_loop())",
    "by a module of asyncio": "import asyncio.events; asyncio.events.kept = new_loop()",
    "by the standard library": "import threading; threading.kept = new_loop()",
    "with a handler of a signal": "import signal; loop = new_loop(); loop.add_signal_handler(signal.SIGUSR1, int)",
    "by builtins": "import builtins; builtins.kept = new_loop()",
}


@pytest.mark.parametrize("kept", KEPT)
def test_a_loop_that_is_dropped_unclosed(loop_name: str, kept: str) -> None:
    """Line "a loop that is dropped unclosed prints "Exception ignored in"": a ResourceWarning at most."""
    written = complaints(loop_name, KEPT[kept])
    assert "Exception ignored" not in written
    assert "Traceback" not in written
    if kept in ("by nobody", "by the main module"):
        assert WARNED in written


TRANSPORTS = {
    "stream": "loop.create_connection(asyncio.Protocol, sock=socket.socketpair()[0])",
    "datagrams": "loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=('127.0.0.1', 0))",
    "reading": "loop.connect_read_pipe(asyncio.Protocol, os.fdopen(os.pipe()[0], 'rb'))",
    "writing": "loop.connect_write_pipe(asyncio.Protocol, os.fdopen(os.pipe()[1], 'wb'))",
}


@pytest.mark.vitok_only
@pytest.mark.parametrize("kind", TRANSPORTS)
def test_a_transport_that_outlives_our_modules(kind: str) -> None:
    """Line "Exception ignored in": asyncio's own modules keep a transport to the last."""
    written = complaints(
        "vitok",
        f"""
        import asyncio, os, socket
        loop = new_loop()
        asyncio.events.kept = loop.run_until_complete({TRANSPORTS[kind]})
        """,
    )
    assert "Exception ignored" not in written, written
    assert "Traceback" not in written, written


@pytest.mark.skipif(sys.platform != "linux", reason="the number of descriptors is limited as Linux does")
def test_a_loop_without_descriptors(loop_name: str) -> None:
    """Line "An OSError's text has a suffix that asyncio's has not": the kernel's own words, and nothing left behind."""
    written = complaints(
        loop_name,
        """
        import errno, os, resource
        new_loop().close()
        taken = os.dup(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken, taken))
        try:
            new_loop()
        except OSError as error:
            assert str(error) == f"[Errno {errno.EMFILE}] {os.strerror(errno.EMFILE)}", error
        else:
            raise AssertionError
        """,
    )
    assert "vitok" not in written
