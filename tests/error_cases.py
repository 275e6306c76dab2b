"""Calls that fail, by name, for tests that compare what they raise on two loops.

A call gets its loop and the places of `Places`. No name server is asked.
"""

import asyncio
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HOST = "127.0.0.1"
TLS = ssl.create_default_context()
# An address for documentation, which no machine has.
NOT_OURS = "192.0.2.1"
STREAM, DATAGRAM = asyncio.Protocol, asyncio.DatagramProtocol
PROCESS = asyncio.SubprocessProtocol


class Places(NamedTuple):
    """What a failing call refers to: ports, sockets that stay open, a folder with a file."""

    refused: int
    busy: int
    busy_datagrams: int
    folder: str
    file: str
    sockets: dict[str, socket.socket]


@contextmanager
def places(folder: Path) -> Iterator[Places]:
    """Make them, for any number of calls."""
    (folder / "file").touch()
    with (
        socket.socket() as bound,
        socket.create_server((HOST, 0)) as listener,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        for sock in (bound, datagrams):
            sock.bind((HOST, 0))
        ports = [sock.getsockname()[1] for sock in (bound, listener, datagrams)]
        sockets = {"bound": bound, "listener": listener, "datagrams": datagrams}
        yield Places(*ports, str(folder), str(folder / "file"), sockets)


def unblocking(*kind: int) -> socket.socket:
    """Return a new socket that does not block; it is closed as garbage."""
    sock = socket.socket(*kind)
    sock.setblocking(False)
    return sock


def closed() -> socket.socket:
    """Return a socket that is closed."""
    sock = unblocking()
    sock.close()
    return sock


Call = Callable[[Any, Places], Any]


def connections() -> dict[str, Call]:
    """Return calls of `create_connection` and `create_unix_connection`."""
    options: dict[str, Callable[[Places], dict[str, Any]]] = {
        "refused": lambda at: {"host": HOST, "port": at.refused},
        "refused text": lambda at: {"host": HOST, "port": str(at.refused)},
        "refused name": lambda at: {"host": "localhost", "port": at.refused},
        "refused bytes": lambda at: {"host": HOST.encode(), "port": at.refused},
        "refused IPv6": lambda at: {"host": "::1", "port": at.refused},
        "refused eyeballs": lambda at: {"host": "localhost", "port": at.refused, "happy_eyeballs_delay": 0.1},
        "refused TLS": lambda at: {"host": HOST, "port": at.refused, "ssl": TLS},
        "busy local": lambda at: {"host": HOST, "port": at.refused, "local_addr": (HOST, at.busy)},
        "foreign local": lambda at: {"host": HOST, "port": at.refused, "local_addr": (NOT_OURS, 0)},
        "other local": lambda at: {"host": HOST, "port": at.refused, "local_addr": ("::1", 0)},
        "no service": lambda _: {"host": HOST, "port": "no such service"},
        "port too large": lambda _: {"host": HOST, "port": 99999},
        "port negative": lambda _: {"host": HOST, "port": -1},
        "port no number": lambda _: {"host": HOST, "port": 1.5},
        "no name": lambda _: {"host": "a..b", "port": 80},
        "long name": lambda _: {"host": "a" * 300, "port": 80},
        "NUL": lambda _: {"host": "\0", "port": 80},
        "no text": lambda _: {"host": 5, "port": 80},
        "nothing": lambda _: {},
        "broadcast": lambda _: {"host": "255.255.255.255", "port": 80},
        "both": lambda at: {"host": HOST, "port": 1, "sock": at.sockets["bound"]},
        "datagram socket": lambda at: {"sock": at.sockets["datagrams"]},
        "unconnected": lambda _: {"sock": unblocking()},
        "family": lambda at: {"host": HOST, "port": at.refused, "family": socket.AF_INET6},
        "family unknown": lambda at: {"host": HOST, "port": at.refused, "family": 77},
        "protocol unknown": lambda at: {"host": HOST, "port": at.refused, "proto": 99},
        "flags unknown": lambda at: {"host": HOST, "port": at.refused, "flags": 1 << 20},
        "server name": lambda at: {"host": HOST, "port": at.refused, "server_hostname": "x"},
        "handshake": lambda at: {"host": HOST, "port": at.refused, "ssl_handshake_timeout": 1},
        "handshake negative": lambda at: {"host": HOST, "port": at.busy, "ssl": TLS, "ssl_handshake_timeout": -1},
        "shutdown zero": lambda at: {"host": HOST, "port": at.busy, "ssl": TLS, "ssl_shutdown_timeout": 0},
        "no context": lambda at: {"host": HOST, "port": at.busy, "ssl": 5},
        "no server name": lambda at: {"host": "", "port": at.busy, "ssl": TLS},
        "unknown option": lambda at: {"host": HOST, "port": at.refused, "nonsense": 1},
    }
    found: dict[str, Call] = {
        f"connect: {name}": lambda loop, at, how=how: loop.create_connection(STREAM, **how(at))
        for name, how in options.items()
    }
    found["connect: factory"] = lambda loop, at: loop.create_connection(lambda: {}["key"], HOST, at.busy)
    found["connect: no factory"] = lambda loop, at: loop.create_connection(5, HOST, at.busy)
    paths: dict[str, Callable[[Places], Any]] = {
        "missing": lambda at: at.folder + "/missing",
        "a file": lambda at: at.file,
        "long": lambda _: "x" * 200,
        "abstract": lambda _: f"\0vitok-test-missing-{os.getpid()}",
        "no text": lambda _: 5,
        "empty": lambda _: "",
        "None": lambda _: None,
    }
    for name, path in paths.items():
        found[f"connect at {name}"] = lambda loop, at, path=path: loop.create_unix_connection(STREAM, path(at))
    del paths["abstract"], paths["empty"]
    paths["missing"] = lambda at: at.folder + "/missing/socket"
    for name, path in paths.items():
        found[f"serve at {name}"] = lambda loop, at, path=path: loop.create_unix_server(STREAM, path(at))
    return found


def servers() -> dict[str, Call]:
    """Return calls that bind."""
    options: dict[str, Callable[[Places], dict[str, Any]]] = {
        "busy": lambda at: {"host": HOST, "port": at.busy},
        "busy name": lambda at: {"host": "localhost", "port": at.busy},
        "foreign": lambda _: {"host": NOT_OURS, "port": 0},
        "several": lambda _: {"host": [HOST, NOT_OURS], "port": 0},
        "no name": lambda _: {"host": "a..b", "port": 0},
        "NUL": lambda _: {"host": "\0", "port": 0},
        "port too large": lambda _: {"host": HOST, "port": 99999},
        "port no number": lambda _: {"host": HOST, "port": "x y"},
        "no text": lambda _: {"host": 5, "port": 0},
        "family": lambda _: {"host": HOST, "port": 0, "family": 77},
        "no context": lambda _: {"host": HOST, "port": 0, "ssl": 5},
        "handshake": lambda _: {"host": HOST, "port": 0, "ssl_handshake_timeout": 1},
        "both": lambda at: {"host": HOST, "port": 0, "sock": at.sockets["bound"]},
        "backlog": lambda _: {"host": HOST, "port": 0, "backlog": "x"},
        "datagram socket": lambda at: {"sock": at.sockets["datagrams"]},
        "nothing": lambda _: {},
    }
    endpoints: dict[str, Callable[[Places], dict[str, Any]]] = {
        "busy": lambda at: {"local_addr": (HOST, at.busy_datagrams)},
        "foreign": lambda _: {"local_addr": (NOT_OURS, 0)},
        "port too large": lambda _: {"remote_addr": (HOST, 99999)},
        "short address": lambda _: {"local_addr": (HOST,)},
        "no address": lambda _: {"local_addr": 5},
        "families": lambda _: {"local_addr": (HOST, 0), "remote_addr": ("::1", 1)},
        "both": lambda at: {"sock": at.sockets["datagrams"], "local_addr": (HOST, 0)},
        "stream socket": lambda at: {"sock": at.sockets["bound"]},
        "nothing": lambda _: {},
        "path missing": lambda at: {"family": socket.AF_UNIX, "remote_addr": at.folder + "/missing"},
        "path busy": lambda at: {"family": socket.AF_UNIX, "local_addr": at.file},
        "path no text": lambda _: {"family": socket.AF_UNIX, "local_addr": 5},
        "broadcast": lambda _: {"remote_addr": ("255.255.255.255", 9)},
        "reuse": lambda _: {"local_addr": (HOST, 0), "reuse_address": True},
    }
    return {
        **{
            f"serve: {name}": lambda loop, at, how=how: loop.create_server(STREAM, **how(at))
            for name, how in options.items()
        },
        **{
            f"endpoint: {name}": lambda loop, at, how=how: loop.create_datagram_endpoint(DATAGRAM, **how(at))
            for name, how in endpoints.items()
        },
    }


def sockets() -> dict[str, Call]:
    """Return calls of `sock_*`, for several wrong sockets and arguments."""
    addresses: dict[str, Callable[[Places], Any]] = {
        "refused": lambda at: (unblocking(), (HOST, at.refused)),
        "refused name": lambda at: (unblocking(), ("localhost", at.refused)),
        "other family": lambda at: (unblocking(), ("::1", at.refused)),
        "port too large": lambda _: (unblocking(), (HOST, 99999)),
        "short address": lambda _: (unblocking(), (HOST,)),
        "a text": lambda _: (unblocking(), HOST),
        "a number": lambda _: (unblocking(), 5),
        "path missing": lambda at: (unblocking(socket.AF_UNIX), at.folder + "/missing"),
        "path long": lambda _: (unblocking(socket.AF_UNIX), "x" * 200),
        "path no text": lambda _: (unblocking(socket.AF_UNIX), 5),
    }
    found: dict[str, Call] = {
        f"sock_connect: {name}": lambda loop, at, how=how: loop.sock_connect(*how(at))
        for name, how in addresses.items()
    }
    calls: dict[str, tuple[Any, ...]] = {
        "sock_recv": (1,),
        "sock_recv_into": (bytearray(1),),
        "sock_recvfrom": (1,),
        "sock_recvfrom_into": (bytearray(1),),
        "sock_sendall": (b"x",),
        "sock_sendto": (b"x", (HOST, 9)),
        "sock_accept": (),
        "sock_connect": ((HOST, 9),),
    }
    for name, arguments in calls.items():
        for what, make in {"closed": closed, "5": lambda: 5, "None": lambda: None}.items():
            found[f"{name}: {what}"] = lambda loop, _, name=name, make=make, rest=arguments: getattr(loop, name)(
                make(), *rest
            )
    wrong: dict[str, tuple[str, tuple[Any, ...]]] = {
        "unconnected": ("sock_recv", (1,)),
        "negative": ("sock_recv", (-1,)),
        "no count": ("sock_recv", ("x",)),
        "read-only": ("sock_recv_into", (b"read-only",)),
        "a text": ("sock_sendall", ("text",)),
        "no bytes": ("sock_sendall", (5,)),
        "unbound": ("sock_accept", ()),
    }
    for name, (method, rest) in wrong.items():
        found[f"{method}: {name}"] = lambda loop, _, method=method, rest=rest: getattr(loop, method)(
            unblocking(), *rest
        )
    datagram = (socket.AF_INET, socket.SOCK_DGRAM)
    for name, rest in {
        "large": (b"x" * 70000, (HOST, 9)),
        "port too large": (b"x", (HOST, 99999)),
        "no address": (b"x", 5),
        "a text": ("text", (HOST, 9)),
    }.items():
        found[f"sock_sendto: {name}"] = lambda loop, _, rest=rest: loop.sock_sendto(unblocking(*datagram), *rest)
    for name, size in {"too many": 5, "negative": -5}.items():
        found[f"sock_recvfrom_into: {name}"] = lambda loop, _, size=size: loop.sock_recvfrom_into(
            unblocking(*datagram), bytearray(1), size
        )
    return found


def names() -> dict[str, Call]:
    """Return look-ups."""
    look_ups: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "a..b": (("a..b", 80), {}),
        "service": ((HOST, "no such service"), {}),
        "negative": ((HOST, -1), {}),
        "large": ((HOST, 99999999999), {}),
        "number": ((5, 5), {}),
        "family": ((HOST, 80), {"family": 77}),
        "family of another": (("::1", 80), {"family": socket.AF_INET}),
        "type": ((HOST, 80), {"type": 77}),
        "protocol": ((HOST, 80), {"proto": 7777}),
        "flags": ((HOST, 80), {"flags": 1 << 20}),
        "nothing": ((None, None), {}),
        "NUL": (("\0", 80), {}),
    }
    reverse: dict[str, tuple[Any, ...]] = {
        "flags": ((HOST, 80), 1 << 20),
        "number": (5,),
        "short": ((HOST,),),
        "port": ((HOST, 99999),),
        "no port": ((HOST, "x"),),
        "no flags": ((HOST, 80), "x"),
    }
    return {
        **{
            f"getaddrinfo: {name}": lambda loop, _, plain=plain, options=options: loop.getaddrinfo(*plain, **options)
            for name, (plain, options) in look_ups.items()
        },
        **{
            f"getnameinfo: {name}": lambda loop, _, arguments=arguments: loop.getnameinfo(*arguments)
            for name, arguments in reverse.items()
        },
    }


def loops() -> dict[str, Call]:
    """Return calls of the loop's other methods."""
    methods: dict[str, list[tuple[Any, ...]]] = {
        "call_soon": [(), (None,), (5,), (asyncio.sleep,)],
        "call_soon_threadsafe": [(), (None,), (5,)],
        "call_later": [(), (1,), (None, int), ("x", int), (float("nan"), int), (1, None)],
        "call_at": [(), (1,), (None, int), (1, None)],
        "create_task": [(5,), (None,)],
        "run_until_complete": [(5,)],
        "run_in_executor": [(None,), (None, 5), (5, int)],
        "set_default_executor": [(5,)],
        "set_task_factory": [(5,)],
        "set_exception_handler": [(5,)],
        "remove_signal_handler": [("x",), (99,), (0,)],
        "start_tls": [(5, STREAM(), 5), (5, STREAM(), TLS)],
    }
    for name in ("add_reader", "add_writer"):
        methods[name] = [(what, int) for what in (5555, "x", None, -1, 1.5, object)]
    for name in ("remove_reader", "remove_writer"):
        methods[name] = [(what,) for what in ("x", None, -1, 1.5, object)]
    for number in ("x", 99, -1, 0, signal.SIGKILL, signal.SIGSTOP):
        methods.setdefault("add_signal_handler", []).append((number, int))
    methods["add_signal_handler"] += [(signal.SIGUSR1, None), (signal.SIGUSR1, asyncio.sleep)]
    found: dict[str, Call] = {
        f"{name}{arguments!r}": lambda loop, _, name=name, arguments=arguments: getattr(loop, name)(*arguments)
        for name, rows in methods.items()
        for arguments in rows
    }
    for name in ("call_soon", "call_soon_threadsafe", "run_in_executor", "add_reader", "create_future"):
        plain = {"run_in_executor": (None, int), "add_reader": (0, int), "create_future": ()}.get(name, (int,))
        found[f"closed: {name}"] = lambda loop, _, name=name, plain=plain: of_closed_loop(loop, name, plain)
    found["read a file"] = lambda loop, at: loop.connect_read_pipe(STREAM, opened(at, "rb"))
    found["write a file"] = lambda loop, at: loop.connect_write_pipe(STREAM, opened(at, "wb"))
    found["watch a file"] = lambda loop, at: loop.add_reader(opened(at, "rb"), int)
    return found


def opened(at: Places, mode: str) -> Any:
    """Return the file, open; it is closed as garbage, unless the call closes it."""
    return Path(at.file).open(mode)


def of_closed_loop(loop: Any, method: str, arguments: tuple[Any, ...]) -> Any:
    """Call a method of a closed loop."""
    other = type(loop)()
    other.close()
    return getattr(other, method)(*arguments)


def processes() -> dict[str, Call]:
    """Return calls that start a child, or would."""
    options: dict[str, Any] = {
        "shell": {"shell": True},
        "bufsize": {"bufsize": 5},
        "text": {"text": True},
        "universal_newlines": {"universal_newlines": True},
        "encoding": {"encoding": "utf-8"},
        "folder": {"cwd": "/missing/folder"},
        "user": {"user": "no such user"},
        "unknown option": {"nonsense": 1},
        "environment": {"env": {"a=b": "c"}},
        "input": {"stdin": "x"},
    }
    programs: dict[str, Callable[[Places], tuple[Any, ...]]] = {
        "missing": lambda at: (at.folder + "/missing",),
        "not executable": lambda at: (at.file,),
        "number": lambda _: (5,),
        "NUL": lambda _: ("a\0b",),
        "argument": lambda _: ("true", 5),
        "nothing": lambda _: (),
    }
    return {
        **{
            f"exec: {name}": lambda loop, _, how=how: loop.subprocess_exec(PROCESS, "true", **how)
            for name, how in options.items()
        },
        **{
            f"exec: {name}": lambda loop, at, words=words: loop.subprocess_exec(PROCESS, *words(at))
            for name, words in programs.items()
        },
        "shell: number": lambda loop, _: loop.subprocess_shell(PROCESS, 5),
        "shell: NUL": lambda loop, _: loop.subprocess_shell(PROCESS, "a\0b"),
        "shell: no shell": lambda loop, _: loop.subprocess_shell(PROCESS, "true", shell=False),
    }


CASES: dict[str, Call] = {**connections(), **servers(), **sockets(), **names(), **loops(), **processes()}
