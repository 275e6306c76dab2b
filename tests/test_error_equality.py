"""The exceptions of failing calls equal asyncio's: type, text, arguments, number, file name, and what is reported.

Errors that reach a protocol are tested in test_error_texts.py.
"""

import asyncio
import gc
import inspect
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from error_cases import CASES, HOST, Call, Places, places
from support import ErrorLog, loop_factory

Outcome = dict[str, object]


def plain(text: object) -> str:
    """Return a text without what differs on purpose: the names of classes, addresses and numbers of objects."""
    found = re.sub(r"0x[0-9a-f]+|fd=\d+|Task-\d+", "...", str(text))
    found = re.sub(r"\b(?:\w+\.)*\w+\.(\w+\(\) )", r"\1", found)
    return found.replace("_UnixSelectorEventLoop", "Loop").replace("vitok.Loop", "Loop")


def described(error: BaseException) -> Outcome:
    """Return everything that a program can see of an exception."""
    return {
        "type": type(error),
        "text": plain(error),
        "arguments": plain(error.args),
        "number": getattr(error, "errno", None),
        "files": (getattr(error, "filename", None), getattr(error, "filename2", None)),
        "cause": type(error.__cause__),
        "several": [described(inner) for inner in getattr(error, "exceptions", ())],
    }


def outcome(loop_name: str, call: Call, at: Places) -> Outcome:
    """Make a call on a new loop, and return what it raises and what the loop reports."""
    loop, reported = loop_factory(loop_name)(), list[Any]()
    loop.set_exception_handler(lambda _, context: reported.append((context["message"], context.get("exception"))))
    try:
        returned = call(loop, at)
        if inspect.isawaitable(returned):
            loop.run_until_complete(returned)
        found: Outcome = {"raised": None}
    except Exception as error:
        found = described(error)
    finally:
        for _ in range(3):
            loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    found["reported"] = [(plain(message), type(error), plain(error)) for message, error in reported]
    return found


@pytest.mark.vitok_only
@pytest.mark.parametrize("name", CASES)
def test_an_exception_equals_asyncios(tmp_path: Path, name: str, error_log: ErrorLog) -> None:
    """Issue 14, item 9: "texts of exceptions equal asyncio's", each in a table of failing calls."""
    with places(tmp_path) as at, warnings.catch_warnings():
        # What a failed call leaves is garbage: a file, a socket, on asyncio's loop half a transport.
        warnings.simplefilter("ignore")
        expected = outcome("asyncio", CASES[name], at)
        assert outcome("vitok", CASES[name], at) == expected
        gc.collect()
    error_log.take()


TRANSPORTS: dict[str, Any] = {
    "write a text": lambda transport: transport.write("x"),
    "write a number": lambda transport: transport.write(5),
    "write nothing": lambda transport: transport.write(),
    "lines of a number": lambda transport: transport.writelines(5),
    "lines of texts": lambda transport: transport.writelines(["x"]),
    "lines of this and that": lambda transport: transport.writelines([b"a", 5]),
    "write behind the end": lambda transport: (transport.write_eof(), transport.write(b"x")),
    "lines behind the end": lambda transport: (transport.write_eof(), transport.writelines([b"x"])),
    "marks": lambda transport: transport.set_write_buffer_limits(5, 10),
    "mark below zero": lambda transport: transport.set_write_buffer_limits(low=-1),
    "no protocol": lambda transport: transport.set_protocol(),
}
DATAGRAMS: dict[str, Any] = {
    "a text": lambda transport: transport.sendto("x", (HOST, 9)),
    "a number": lambda transport: transport.sendto(5),
    "nothing": lambda transport: transport.sendto(),
    "an address": lambda transport: transport.sendto(b"x", 5),
    "a short address": lambda transport: transport.sendto(b"x", (HOST,)),
    "a port": lambda transport: transport.sendto(b"x", (HOST, 99999)),
    "another address": lambda transport: transport.sendto(b"x", (HOST, 9)),
}


async def with_stream(loop: Any, at: Places, use: Any) -> None:
    """Use the transport of a connection."""
    transport, _ = await loop.create_connection(asyncio.Protocol, HOST, at.busy)
    try:
        use(transport)
    finally:
        transport.abort()


async def with_datagrams(loop: Any, at: Places, use: Any, *, connected: bool) -> None:
    """Use the transport of a datagram endpoint."""
    address = {"remote_addr": (HOST, at.busy_datagrams)} if connected else {"local_addr": (HOST, 0)}
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, **address)
    try:
        use(transport)
    finally:
        transport.abort()


@pytest.mark.vitok_only
@pytest.mark.parametrize("name", TRANSPORTS)
def test_an_exception_of_a_stream_equals_asyncios(tmp_path: Path, name: str) -> None:
    """Issue 14, item 9: wrong calls of a transport's methods."""
    with places(tmp_path) as at:
        results = [
            outcome(loop_name, lambda loop, at: with_stream(loop, at, TRANSPORTS[name]), at)
            for loop_name in ("asyncio", "vitok")
        ]
    assert results[0] == results[1]
    assert results[0].get("raised", "error") is not None


@pytest.mark.vitok_only
@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("name", DATAGRAMS)
def test_an_exception_of_an_endpoint_equals_asyncios(tmp_path: Path, name: str, connected: bool) -> None:
    """Issue 14, item 9: wrong calls of an endpoint's methods."""
    use = DATAGRAMS[name]
    with places(tmp_path) as at:
        results = [
            outcome(loop_name, lambda loop, at: with_datagrams(loop, at, use, connected=connected), at)
            for loop_name in ("asyncio", "vitok")
        ]
    assert results[0] == results[1]
