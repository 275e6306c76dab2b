"""`getaddrinfo` and `getnameinfo` of the loop: results and errors are those of the module `socket`, whatever is asked.

No name is looked up that needs a network. The pool of threads is tested in test_resolver.py.
"""

import asyncio
import itertools
import logging
import random
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support import private, run_python, run_script

NUMERIC_INFO = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
HOSTS = [
    None,
    "127.0.0.1",
    b"127.0.0.1",
    bytearray(b"10.1.2.3"),
    "0.0.0.0",
    "127.1",
    "0x7f.0.0.1",
    "010.0.0.1",
    "4294967295",
    "::",
    "::1",
    b"::1",
    "0:0:0:0:0:0:0:1",
    "2001:DB8::0:1",
    "1:0:0:2:0:0:0:3",
    "1:0:2:3:4:5:6:7",
    "::1.2.3.4",
    "::2",
    "::1:0",
    "::ffff:1.2.3.4",
    "::ffff:0:1.2.3.4",
    "64:ff9b::192.0.2.33",
    "fe80::1%lo",
    "fe80::1%1",
    "fe80::1%9",
]
# These are names to the system, which asks for them unless it is told not to.
NO_LITERALS = [
    "",
    "localhost",
    "127.0.0.1 ",
    "256.0.0.1",
    "1.2.3.4.5",
    "::1::",
    "fe80::1%no",
    "1" * 64,
    "a b",
    "é:1",
    ":",
    "1\0",
]
PORTS: list[Any] = [
    None,
    0,
    80,
    65535,
    65536,
    -1,
    2**40,
    2**70,
    True,
    1.5,
    "80",
    "080",
    "65536",
    b"80",
    "",
    " 80",
    "+80",
]
PORTS += ["http", "no-such-service", "\N{FULLWIDTH DIGIT EIGHT}", "8\0", bytearray(b"80"), socket.SOCK_STREAM]
FAMILIES: list[Any] = [0, socket.AF_INET, socket.AF_INET6, int(socket.AF_INET), socket.AF_UNIX, 999, 2**40, "2"]
TYPES: list[Any] = [0, socket.SOCK_STREAM, 1, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET, 99, None, True]
PROTOS: list[Any] = [0, socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP, 99, -1]
FLAGS: list[Any] = [
    0,
    socket.AI_PASSIVE,
    socket.AI_NUMERICHOST,
    socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    int(socket.AI_NUMERICSERV),
    socket.AI_CANONNAME,
    socket.AI_V4MAPPED | socket.AI_ALL,
    socket.AI_ADDRCONFIG,
    1 << 30,
    1 << 40,
    None,
]


def outcome(call: Callable[..., Any], *arguments: Any, **options: Any) -> object:
    """What a call returns, with the types of all parts, or what it raises."""
    try:
        returned = call(*arguments, **options)
    except Exception as error:
        return type(error), error.args, str(error), getattr(error, "errno", None)
    return returned, [[type(part) for part in item] if isinstance(item, tuple) else type(item) for item in returned]


def compare(loop: asyncio.AbstractEventLoop, questions: list[dict[str, Any]]) -> None:
    """Each question has the same answer from the loop as from the module `socket`."""

    async def ask(question: dict[str, Any]) -> object:
        try:
            returned = await loop.getaddrinfo(**question)
        except Exception as error:
            raised = error
            return outcome(raise_it, raised)
        return outcome(lambda: returned)

    def raise_it(error: Exception) -> None:
        raise error

    async def main() -> None:
        for question in questions:
            expected = outcome(socket.getaddrinfo, **question)
            assert await ask(question) == expected, question

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())


def test_every_host_with_every_port(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 14, "Names": a literal and a number or a service, in every form, with and without a type."""
    compare(
        loop,
        [
            {"host": host, "port": port, **options}
            for host, port in itertools.product(HOSTS, PORTS)
            for options in ({}, {"type": socket.SOCK_STREAM})
        ],
    )


def test_what_is_no_literal(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 14, "Names": with AI_NUMERICHOST a name is an error, and so is a host that is no text."""
    questions: list[dict[str, Any]] = [
        {"host": host, "port": port, "flags": socket.AI_NUMERICHOST, "type": socket.SOCK_STREAM}
        for host in [*NO_LITERALS, 1, 1.5, object, ("127.0.0.1",)]
        for port in (80, "80", None, "http")
    ]
    compare(loop, [*questions, {"host": "localhost", "port": 80, "family": socket.AF_INET}])


@pytest.mark.parametrize("flags", FLAGS, ids=repr)
def test_every_argument(loop: asyncio.AbstractEventLoop, flags: Any) -> None:
    """Issue 14, "Names": families, types, protocols and flags, those that no system knows included."""
    chosen = ["127.0.0.1", "::1", "fe80::1%lo", None]
    kinds = random.Random(14).sample(list(itertools.product(chosen, FAMILIES, TYPES, PROTOS)), 300)
    compare(
        loop,
        [
            {"host": host, "port": 80, "family": family, "type": kind, "proto": proto, "flags": flags}
            for host, family, kind, proto in kinds
        ],
    )


def test_random_questions(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 14, "Names": any host, port and arguments together, twice, as the second answer may be remembered."""
    chance = random.Random(41)
    names = ("host", "port", "family", "type", "proto", "flags")
    choices = (HOSTS, PORTS, FAMILIES[:4], TYPES[:5], PROTOS[:3], FLAGS[:6])
    questions = [
        {name: chance.choice(values) for name, values in zip(names, choices, strict=True)} for _ in range(1000)
    ]
    compare(loop, [question for question in questions for _ in range(2)])


def test_answers_are_not_shared(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 14, "Names": the list belongs to the caller."""

    async def main() -> None:
        for _ in range(3):
            (await loop.getaddrinfo("127.0.0.1", 80)).clear()
        assert await loop.getaddrinfo("127.0.0.1", 80) == socket.getaddrinfo("127.0.0.1", 80)

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())


ADDRESSES: list[Any] = [
    ("127.0.0.1", 80),
    ("127.0.0.1", 70000),
    ("127.0.0.1", -1),
    ("127.0.0.1", 2**40),
    ("127.0.0.1", "80"),
    ("127.0.0.1", True),
    ("127.0.0.1", 80, 0, 0),
    ("127.1", 80),
    (b"127.0.0.1", 80),
    ("::1", 80),
    ("::1", 80, 0),
    ("::1", 80, 5, 0),
    ("::1", 80, 2**20, 0),
    ("::1", 80, 0, 1),
    ("fe80::1", 80, 0, 1),
    ("fe80::1%lo", 80),
    ("::ffff:1.2.3.4", 80),
    ("::1.2.3.4", 80),
    ("2001:DB8::0:1", 80),
    ("localhost", 80),
    ["127.0.0.1", 80],
    (),
    ("127.0.0.1",),
    "127.0.0.1",
    None,
]


@pytest.mark.parametrize("address", ADDRESSES, ids=repr)
def test_getnameinfo(loop: asyncio.AbstractEventLoop, address: Any) -> None:
    """Issue 14, "Names": `getnameinfo` for numbers, with other flags, and without the flags a call needs."""
    flags = [NUMERIC_INFO, NUMERIC_INFO | socket.NI_DGRAM, NUMERIC_INFO | socket.NI_NAMEREQD, socket.NI_NUMERICHOST]
    for number in [*flags, 1 << 20, 2**40, "1"]:
        expected = outcome(socket.getnameinfo, address, number)
        for call in (lambda: loop.getnameinfo(address, number), lambda: loop.getnameinfo(address, flags=number)):  # noqa: B023
            assert outcome(lambda: loop.run_until_complete(call())) == expected, number  # noqa: B023
    loop.run_until_complete(loop.shutdown_default_executor())


def test_a_replaced_function_gets_every_call(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 14, "Names": programs replace `socket.getaddrinfo` and `socket.getnameinfo`, to remember or to redirect."""
    calls: list[tuple[Any, ...]] = []

    def record(*arguments: Any) -> str:
        calls.append(arguments)
        return "answer"

    monkeypatch.setattr(socket, "getaddrinfo", record)
    monkeypatch.setattr(socket, "getnameinfo", record)
    assert loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)) == "answer"
    assert loop.run_until_complete(loop.getaddrinfo("a.example", "http", flags=socket.AI_PASSIVE)) == "answer"
    assert loop.run_until_complete(loop.getnameinfo(("127.0.0.1", 80), NUMERIC_INFO)) == "answer"
    assert calls == [
        ("127.0.0.1", 80, 0, socket.SOCK_STREAM, 0, 0),
        ("a.example", "http", 0, 0, 0, socket.AI_PASSIVE),
        (("127.0.0.1", 80), NUMERIC_INFO),
    ]
    loop.run_until_complete(loop.shutdown_default_executor())


def test_a_function_replaced_before_the_import(loop_name: str) -> None:
    """The same for a program that replaces the function before it imports the loop, as gevent does."""
    script = f"""
import socket
socket.getaddrinfo = lambda *arguments: ["theirs"]
import {loop_name}
loop = {loop_name}.new_event_loop()
assert loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80)) == ["theirs"]
loop.close()
"""
    child = run_python("-c", script)
    assert (child.returncode, child.stderr) == (0, "")


def test_debug_mode_logs_look_ups(loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    """Issue 14, "Names": debug mode writes each look-up to the log, with its time, as asyncio does."""
    caplog.set_level(logging.DEBUG, "asyncio")
    loop.set_debug(True)
    answer = loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM))
    assert answer == socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    loop.run_until_complete(loop.shutdown_default_executor())
    texts = [record.getMessage() for record in caplog.records]
    assert "Get address info 127.0.0.1:80, type=<SocketKind.SOCK_STREAM: 1>" in texts
    assert any(text.startswith("Getting address info 127.0.0.1:80, type=<SocketKind.") for text in texts)


@pytest.mark.parametrize("name", ["getaddrinfo", "getnameinfo"])
def test_a_closed_loop(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """A look-up on a closed loop is a RuntimeError, also of a literal."""
    loop.close()
    question = (
        loop.getaddrinfo("127.0.0.1", 80) if name == "getaddrinfo" else loop.getnameinfo(("::1", 1), NUMERIC_INFO)
    )
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        question.send(None)


def test_a_coroutine(loop: asyncio.AbstractEventLoop) -> None:
    """A look-up is a coroutine: it is known as one, runs once, and one that is never awaited gives a warning."""
    question = loop.getaddrinfo("127.0.0.1", 80)
    assert asyncio.iscoroutine(question)
    assert private(question).__name__ == "getaddrinfo"
    with pytest.raises(TypeError, match="can't send non-None value to a just-started coroutine"):
        question.send("value")  # type: ignore[arg-type]
    assert loop.run_until_complete(question) == socket.getaddrinfo("127.0.0.1", 80)
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        question.send(None)
    with pytest.warns(RuntimeWarning, match="getaddrinfo' was never awaited"):
        loop.getaddrinfo("127.0.0.1", 80)
    closed = loop.getaddrinfo("127.0.0.1", 80)
    closed.close()
    thrown = loop.getaddrinfo("127.0.0.1", 80)
    with pytest.raises(ZeroDivisionError):
        thrown.throw(ZeroDivisionError())
    loop.run_until_complete(loop.shutdown_default_executor())


def test_arguments_that_are_refused(loop: asyncio.AbstractEventLoop) -> None:
    """Calls that the signature does not allow."""
    for arguments, options in [((), {}), (("::1",), {}), (("::1", 1, 0), {}), (("::1", 1), {"kind": 0})]:
        with pytest.raises(TypeError, match="argument"):
            private(loop).getaddrinfo(*arguments, **options)
    question = private(loop).getaddrinfo(port=80, host="::1", **{"ty" + "pe": socket.SOCK_STREAM})
    assert loop.run_until_complete(question) == socket.getaddrinfo("::1", 80, 0, socket.SOCK_STREAM)
    loop.run_until_complete(loop.shutdown_default_executor())


AUDIT = """
    import socket, sys
    events = []
    def hook(name, arguments):
        if name in ("socket.getaddrinfo", "socket.getnameinfo"):
            events.append((name, arguments))
    sys.addaudithook(hook)
    loop = new_loop()
    questions = [("127.0.0.1", 80), ("::1", "80"), ("127.0.0.1", None), ("127.1", 80)]
    for _ in range(2):
        for host, port in questions:
            loop.run_until_complete(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        loop.run_until_complete(loop.getnameinfo(("127.0.0.1", 80), 3))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    print(events)
"""


def test_audit_events() -> None:
    """Line "equal to `socket.getaddrinfo`": a program that watches look-ups by `sys.addaudithook` sees each."""
    assert run_script("vitok", AUDIT) == run_script("asyncio", AUDIT)


@pytest.mark.vitok_only
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "::1.2.3.4", "127.1", "fe80::1%lo", "1:0:2:3:4:5:6:7", b"::1", None], ids=repr
)
@pytest.mark.parametrize("port", [80, "80", b"80", None], ids=repr)
def test_a_literal_needs_no_thread(host: Any, port: Any) -> None:
    """Line "`getaddrinfo` of a literal address answers at once": with the first step, without the help of a thread."""
    import vitok

    loop = vitok.new_event_loop()
    threads = set(threading.enumerate())
    try:
        for options in ({}, {"type": socket.SOCK_DGRAM}, {"family": socket.AF_UNSPEC, "flags": socket.AI_PASSIVE}):
            if host is None and port is None:
                continue
            question = private(loop).getaddrinfo(host, port, **options)
            with pytest.raises(StopIteration) as answer:
                question.send(None)
            assert answer.value.value == private(socket).getaddrinfo(host, port, **options)
        with pytest.raises(StopIteration):
            private(loop).getnameinfo(("::1", 80, 0, 1), NUMERIC_INFO).send(None)
        assert set(threading.enumerate()) <= threads
    finally:
        loop.close()


@pytest.mark.vitok_only
@pytest.mark.parametrize("family", [socket.AF_INET6, socket.AF_UNIX, 999])
def test_a_bad_family_needs_no_thread(family: int) -> None:
    """Line "`getaddrinfo` of a literal address answers at once": also by an error."""
    import vitok

    loop = vitok.new_event_loop()
    try:
        with pytest.raises(socket.gaierror):
            loop.getaddrinfo("127.0.0.1", 80, family=family).send(None)
    finally:
        loop.close()
