"""Programs as children of a test: their loop and warnings, their address, and their end.

The output of a program is checked as a whole: any sign of an error in it fails the test, and so does a wrong exit code.
The programs are in apps/, and each says there how it gets its loop.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

APPS = Path(__file__).resolve().parent / "apps"
# A few seconds on an idle machine, for the slowest of them; what takes longer than this hangs.
CHILD_SECONDS = 30

ADDRESS = re.compile(r"(?:http|https|ws|tcp)://127\.0\.0\.1:\d+")
# What Python, asyncio and the frameworks write when something went wrong. A deprecation is the library's own affair.
COMPLAINT = re.compile(
    r"traceback|exception|(?<!\w)error|[a-z]Error\b|critical|fatal|panicked|"
    r"(?:Resource|Runtime)Warning|unclosed|never (?:awaited|retrieved)|was destroyed|leaked",
    re.IGNORECASE,
)
# asyncio's remark on whoever goes on writing to a connection that was reset, which a program cannot know at once.
REMARK = "socket.send() raised exception."


@dataclass(frozen=True, slots=True)
class Flavour:
    """A loop, and the flags under which Python runs; for a program that uses TLS, its engine."""

    loop: str
    flags: tuple[str, ...]
    tls: str = ""


# Development mode looks for misuse of memory and switches asyncio's debug mode on, which is another path through the
# loop: so ours runs in both. asyncio's own shows that what fails on ours is ours.
FLAVOURS = {
    "asyncio": Flavour("asyncio", ("-W", "always::ResourceWarning")),
    "vitok": Flavour("vitok", ("-W", "always::ResourceWarning")),
    "vitok-dev": Flavour("vitok", ("-X", "dev")),
}

# Without development mode, for programs that other tests run in it, or that start slowly in it.
PLAIN_FLAVOURS = {name: FLAVOURS[name] for name in ("asyncio", "vitok")}

# For programs of which TLS is the main thing: they run with each engine of our loop.
TLS_FLAVOURS = {
    "asyncio": FLAVOURS["asyncio"],
    "direct": Flavour("vitok", ("-W", "always::ResourceWarning"), tls="direct"),
    "memory": Flavour("vitok", ("-X", "dev"), tls="memory"),
}


@dataclass(frozen=True, slots=True)
class Server:
    """A program that listens."""

    address: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self.address.rpartition(":")[2])


class Judge(Protocol):
    """Looks at how a program ended and what it wrote, by assertions."""

    def __call__(self, exit_code: int, output: str, *, expected: int) -> None:
        """Judge one program, whose exit code was expected to be this."""


def words_of(program: str, flavour: Flavour, *, by_command: Sequence[str] = ()) -> list[str]:
    """The command line of a program of apps/; `by_command` is what its user puts between Python and the program."""
    return [sys.executable, *flavour.flags, *by_command, str(APPS / program)]


def run_to_end(words: Sequence[str], flavour: Flavour, *, seconds: int = CHILD_SECONDS, **environment: str) -> str:
    """Run a program, which must succeed in this time and complain of nothing. Gives the last line of its output."""
    # In debug mode asyncio says before it what took long.
    return lines_of(words, flavour, seconds=seconds, **environment)[-1]


def lines_of(words: Sequence[str], flavour: Flavour, *, seconds: int = CHILD_SECONDS, **environment: str) -> list[str]:
    """Run a program, which must succeed in this time and complain of nothing. Gives its output."""
    child = subprocess.run(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
        env=surroundings(flavour, environment),
    )
    judge(child.returncode, child.stdout, expected=0)
    return child.stdout.splitlines()


@contextmanager
def beside(words: Sequence[str], flavour: Flavour, **environment: str) -> Iterator[Callable[[], list[str]]]:
    """Run a program beside the test. Gives a function that waits for its end and returns the lines of its output.

    The program must succeed and complain of nothing.
    """

    def end() -> list[str]:
        output, _ = child.communicate(timeout=CHILD_SECONDS)
        judge(child.returncode, output, expected=0)
        return output.splitlines()

    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=surroundings(flavour, environment)
    ) as child:
        try:
            yield end
        finally:
            child.kill()


@contextmanager
def serving(
    words: Sequence[str],
    flavour: Flavour,
    *,
    exit_code: int = 0,
    place: re.Pattern[str] = ADDRESS,
    judged_by: Judge | None = None,
    **environment: str,
) -> Iterator[Server]:
    """Start a server, wait until it says where it listens, and end it by SIGTERM; then its exit and output are judged.

    `judged_by` is for a server that is made to complain. The output is one pipe, which is read until the address and
    again at the end: a server that fills it meanwhile, with 64 KiB of complaints, hangs and thereby fails its test.
    """
    with started(words, flavour, place=place, **environment) as (begin, server):
        yield server
        server.process.terminate()
        rest, _ = server.process.communicate(timeout=CHILD_SECONDS)
    (judged_by or judge)(server.process.returncode, begin + rest, expected=exit_code)


@contextmanager
def started(
    words: Sequence[str], flavour: Flavour, *, place: re.Pattern[str] = ADDRESS, **environment: str
) -> Iterator[tuple[str, Server]]:
    """Start a server and wait until it says where it listens: what it wrote until then, and the server.

    The test ends it; what still runs then is killed.
    """
    child = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=surroundings(flavour, environment),
    )
    with child:
        try:
            begin, address = read_address(child, place)
            yield begin, Server(address, child)
        finally:
            child.kill()


def read_address(child: subprocess.Popen[str], place: re.Pattern[str]) -> tuple[str, str]:
    """What a server wrote until it said where it listens, and that."""
    assert child.stdout is not None
    lines = ""
    for line in child.stdout:
        lines += line
        if address := place.search(line):
            return lines, address[0]
    raise AssertionError(f"it ended before it listened:\n{lines}")


def judge(exit_code: int, output: str, *, expected: int) -> None:
    """A program must have ended as it should and have nothing to complain of."""
    complaints = [line for line in output.splitlines() if COMPLAINT.search(line) and line != REMARK]
    assert (exit_code, complaints) == (expected, []), output


def surroundings(flavour: Flavour, more: dict[str, str]) -> dict[str, str]:
    """The environment of a program: which loop it runs on, and nothing that would change which loop that is."""
    own = {"PROGRAM_LOOP": flavour.loop, "PYTHONUNBUFFERED": "1", "VITOK_AS_UVLOOP": "", "PYTHONASYNCIODEBUG": ""}
    engine = {"VITOK_TLS": flavour.tls} if flavour.tls else {}
    return {**os.environ, **own, **engine, **more}
