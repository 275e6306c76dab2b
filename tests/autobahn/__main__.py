"""Runs the Autobahn test cases against `vitok serve`: `python -m tests.autobahn`.

The package kosoku has the cases and drives them; the application sends every message back. A case passes if its
messages and its close are OK, NON-STRICT (another behaviour is the better one) or INFORMATIONAL (any behaviour is
right); all that are not simply OK are listed. Exit status 0: every case has passed. 1: another outcome, or cases are
missing.
"""

import argparse
import asyncio
import collections
import importlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kosoku
from kosoku import _caseindex

FOLDER = Path(__file__).resolve().parent
# All of them, 1.* to 13.*: fewer are a fault of this run.
CASES = 517
# As many as the server and the cases keep two cores busy with.
AT_ONCE = 4
# A case that failed beside others is given a second try alone, because most end after a second, whatever the machine
# does meanwhile. More failures than this are no bad luck.
SECOND_TRIES = 5
# The end of an idle server, on a busy machine.
END_SECONDS = 30
# The cases 12.* and 13.* take any ping for the end of the case, and some of them may last longer than its interval.
OPTIONS = {
    "vitok": ("vitok", "serve", "--ws-ping-interval", "none"),
    "uvicorn": ("uvicorn", "--log-level", "warning", "--ws-ping-interval", "0"),
}


def main() -> int:
    """Run the cases that are chosen; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.autobahn", description=__doc__)
    parser.add_argument("case", nargs="*", help="1.1.1 or '12.*'; all without one")
    parser.add_argument("--server", choices=OPTIONS, default="vitok")
    options = parser.parse_args()
    begun = time.monotonic()
    with serving(options.server) as place:
        results = asyncio.run(outcomes(place, options.case))
    passed = report(results, seconds=time.monotonic() - begun)
    is_complete = bool(options.case) or len(results) == CASES
    if not is_complete:
        print(f"there are {len(results)} cases, not {CASES}")
    return 0 if passed and is_complete else 1


@contextmanager
def serving(server: str) -> Iterator[str]:
    """The application under a server, on a socket that already listens. Gives its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = [sys.executable, "-m", *OPTIONS[server], "--fd", str(listener.fileno()), "--app-dir", str(FOLDER)]
        words += ["--lifespan", "off", "--no-access-log", "echo:app"]
        with subprocess.Popen(words, pass_fds=[listener.fileno()]) as process:
            try:
                host, port = listener.getsockname()
                yield f"{host}:{port}"
                process.terminate()
                process.wait(END_SECONDS)
            finally:
                process.kill()


def mend_cases() -> None:
    """Let the cases 12.* and 13.* take a message that was not compressed.

    kosoku gives them bytes for what was compressed and str for anything else, a character for a byte of binary data; of
    a str they can't compute the hash. A server may leave messages uncompressed (RFC 7692, section 6).
    """
    _caseindex.initialize_shims()
    compression = importlib.import_module("case12_x_x")
    for case in (*compression.Case12_X_X, *compression.Case13_X_X):
        case.onMessage = taking_str(case.onMessage)


def taking_str(on_message: Callable[[Any, bytes, bool], None]) -> Callable[[Any, str | bytes, bool], None]:
    """The method of a case, with bytes for each message."""

    def taken(case: Any, message: str | bytes, binary: bool) -> None:
        if isinstance(message, str):
            message = message.encode("latin-1" if binary else "utf-8")
        on_message(case, message, binary)

    return taken


async def outcomes(place: str, cases: list[str]) -> list[Any]:
    """The result of each case."""
    mend_cases()
    results = await run(place, cases, at_once=AT_ONCE)
    failed = [result.case_id for result in results if not result.passed]
    if not failed or len(failed) > SECOND_TRIES:
        return results
    print(f"a second try of {', '.join(failed)}")
    again = {result.case_id: result for result in await run(place, failed, at_once=1)}
    return [again.get(result.case_id, result) for result in results]


async def run(place: str, cases: list[str], *, at_once: int) -> list[Any]:
    """Run some cases, or all."""
    try:
        return await kosoku.run_fuzzingclient(f"ws://{place}/", cases or None, concurrency=at_once)
    except kosoku.FailureError as failure:
        return failure.results


def report(results: list[Any], *, seconds: float) -> bool:
    """Print what is not simply OK, and a line for each group; whether all have passed."""
    groups: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for result in results:
        verdict, close = result.behavior.value, result.behavior_close.value
        worst = verdict if result.passed or verdict not in ("OK", "NON-STRICT", "INFORMATIONAL") else close
        groups[result.case_id.partition(".")[0]][worst] += 1
        if (verdict, close) != ("OK", "OK"):
            print(f"{result.case_id:8} {verdict} ({result.result}), close {close} ({result.result_close})")
    for group, counts in groups.items():
        print(f"{group + '.*':8} " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    failed = sum(not result.passed for result in results)
    print(f"autobahn: {len(results)} cases in {seconds:.0f} s, {failed} failed")
    return failed == 0


if __name__ == "__main__":
    sys.exit(main())
