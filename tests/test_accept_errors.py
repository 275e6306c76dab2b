"""Errors of `accept()` that last, or come by the thousand: reported once a second with a count, without a busy loop.

The kernel refuses because of a limit on descriptors, or a filter of system calls in a child. The pause itself is tested
in test_accepting.py.
"""

import re
import sys
from pathlib import Path

import pytest
from support import run_python

pytestmark = [
    pytest.mark.vitok_only,
    pytest.mark.skipif(sys.platform != "linux", reason="filters of system calls are Linux's"),
]

PROGRAM = """
import asyncio, ctypes, errno, os, platform, resource, socket, ssl, struct, sys, time
import vitok

ACCEPT4 = {"x86_64": 288, "aarch64": 242}


def refuse(number):
    # prctl(PR_SET_NO_NEW_PRIVS), then PR_SET_SECCOMP: accept4() gives this error, and all other calls work.
    call = ACCEPT4[platform.machine()]
    rules = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x00050000 | number), (0x06, 0, 0, 0x7FFF0000)]
    program = b"".join(struct.pack("HBBI", *rule) for rule in rules)

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)
    if libc.prctl(22, 2, ctypes.byref(Filter(len(rules), program))):
        print("no filter")
        sys.exit()


async def main(kind, has_tls):
    loop = asyncio.get_running_loop()
    reports = []
    loop.set_exception_handler(lambda _, details: reports.append(details))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if has_tls == "tls" else None
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context, backlog=1000)
    clients = [socket.socket() for _ in range(5)]
    if kind == "EMFILE":
        # Below what is open already: none is to be had.
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 2, 4096))
    else:
        refuse(getattr(errno, kind))
    for client in clients:
        client.connect(server.sockets[0].getsockname())
    began, used = time.monotonic(), time.process_time()
    while len(reports) < 2:
        await asyncio.sleep(0.1)
    print(time.monotonic() - began, time.process_time() - used)
    print(reports[0]["exception"].errno == getattr(errno, kind), type(reports[0]["socket"]).__name__)
    for report in reports:
        print(report["message"])
    server.close()
    print("closed")


vitok.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("has_tls", ["plain", "tls"])
@pytest.mark.parametrize(
    ("kind", "message", "others"),
    [
        ("EMFILE", "socket.accept() out of system resource", 0),
        ("EPERM", "Accepting a connection failed", 0),
        # An error of one connection: the next one is tried, up to so many of them in a row.
        ("EPROTO", "Accepting a connection failed", 62),
    ],
)
def test_errors_are_reported_once_a_second(kind: str, message: str, others: int, has_tls: str, tmp_path: Path) -> None:
    """The first error at once, the next one a second later with a count of those between; the loop sleeps meanwhile."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    child = run_python(program, kind, has_tls)
    if child.stdout == "no filter\n":
        pytest.skip("this system has no filters of system calls")
    assert child.returncode == 0, child.stderr
    times, facts, first, second, *_, last = child.stdout.splitlines()
    took, used = map(float, times.split())
    assert took >= 0.9
    assert used < took / 2
    assert (facts, first, last) == ("True TransportSocket", message, "closed")
    count = rf" \({others} more in the last second\)" if others else ""
    assert re.fullmatch(re.escape(message) + count, second)
