"""The numbered examples: each prints the same on asyncio's loop and on vitok's (issue 2, item 5).

The expected output is that of asyncio's own loop.
"""

import json
import re
import signal
import socket
import subprocess
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support import PROJECT, next_line, python_child, run_python

EXAMPLES = PROJECT / "examples"
PROGRAMS = sorted(EXAMPLES.glob("[0-9][0-9]_*.py"))
# "each at most 60 lines" is the promise of ARCHITECTURE.md for the folder.
LONGEST_LINES = 60
# The streamed answer takes one; a server that does not answer at all is found out before the time limit of the test.
ANSWER_SECONDS = 10


def test_all_ten_programs_of_the_seed_are_there() -> None:
    """The seed's list "Несколько примеров", by its numbers and names."""
    assert [program.stem for program in PROGRAMS] == [
        "01_sequential",
        "02_gather",
        "03_wait",
        "04_wait_for",
        "05_as_completed",
        "06_create_task",
        "07_to_thread",
        "08_call_later",
        "09_call_soon",
        "10_call_at",
    ]


@pytest.mark.parametrize("program", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(program: Path) -> None:
    """Each example fits on a screen."""
    assert len(program.read_text().splitlines()) <= LONGEST_LINES


@pytest.mark.vitok_only
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_same_output_on_both_loops(program: Path) -> None:
    """Each program, run by Python and by `python -m vitok`, prints the same and nothing else."""
    expected = run_python(program)
    ours = run_python("-m", "vitok", program)
    assert (expected.returncode, expected.stderr) == (0, "")
    assert expected.stdout
    assert (ours.returncode, ours.stderr) == (0, "")
    assert ours.stdout == expected.stdout


def test_server_answers_and_stops(loop_name: str) -> None:
    """The server that is traced says where it is, answers, and ends quietly on Ctrl-C."""
    with serve(loop_name, "server.py") as child:
        address = re.search(r"http://\S+", next_line(child))
        assert address is not None
        where = urlsplit(address[0])
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            # The server closes when it has seen us leave: from then on no task of a connection is there to be
            # cancelled, which Python 3.11's streams would report as an error, on every loop.
            connection.shutdown(socket.SHUT_WR)
            assert connection.makefile("rb").read().endswith(b"\r\n\r\nHello from the loop\n")
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate()
        assert (child.returncode, output, errors) == (0, "", "")


def test_site_names_its_loop(loop_name: str) -> None:
    """The aiohttp site says on which loop it runs, on the terminal and as JSON, streams, and ends quietly on Ctrl-C."""
    with serve(loop_name, "site.py") as child:
        first = next_line(child)
        address = re.search(r"http://\S+", first)
        assert address is not None
        with urllib.request.urlopen(address[0] + "json", timeout=ANSWER_SECONDS) as answer:
            name = json.load(answer)["loop"]
        assert name in first
        assert name.startswith(loop_name)
        with urllib.request.urlopen(address[0] + "stream", timeout=ANSWER_SECONDS) as answer:
            assert answer.read().count(b"\n") == 5
        child.send_signal(signal.SIGINT)
        child.communicate()
        assert child.returncode == 0


def serve(loop_name: str, program: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A server of the examples in a child, on a port that the kernel chooses."""
    on_our_loop = ["-m", "vitok"] if loop_name == "vitok" else []
    return python_child(*on_our_loop, EXAMPLES / program, "--port", "0")
