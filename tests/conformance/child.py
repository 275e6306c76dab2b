"""The process of one test: the test runs, with the fixtures of its class and module, and its outcome is written.

The process was forked from one that had imported every test module; here it is separated from its parent. The parent
applies time limits.
"""

import faulthandler
import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import traceback
import types
import unittest
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from . import engines
from .catalogue import Case
from .chosen_loop import ChosenLoop
from .outcome import Outcome

# Lines that tell one failure from another are the last of a traceback; more would not fit a line of the terminal.
DETAIL_LENGTH = 200


def run_and_exit(case: Case, chosen: ChosenLoop, *, folder: Path, output: BinaryIO, answer: BinaryIO) -> NoReturn:
    """Run the test in `folder`, with what it prints in `output` and one JSON object of the outcome in `answer`."""
    try:
        become_independent(folder, output)
        if case.engine:
            engines.choose(case.engine)
        outcome = run(case)
        outcome["loops"] = chosen.made
        answer.write(json.dumps(outcome).encode())
        answer.flush()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    # Not sys.exit: the frames below are the parent's, and its atexit functions are not ours to run.
    os._exit(0)


def become_independent(folder: Path, output: BinaryIO) -> None:
    """Leave the parent's session, signals, terminal and folder."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    # A shell's background job ignores SIGINT, and asyncio.Runner then installs no handler of its own.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A session and a process group of its own: what the test leaves behind can be ended with it, and nothing else.
    os.setsid()
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    # The tracebacks of all threads on a crash, and on the SIGABRT that ends a hung test; no core file of it.
    faulthandler.enable(file=sys.__stderr__ or 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Names that test.support chose at import are the same in every child; in a folder of its own they don't meet.
    os.chdir(folder)
    tempfile.tempdir = str(folder)
    note_what_nobody_catches()


def note_what_nobody_catches() -> None:
    """Let exceptions that reach no caller fail the test, by the flag that test.support has for that."""
    support: Any = importlib.import_module("test.support")
    default_unraisable, default_thread = sys.unraisablehook, threading.excepthook

    def unraisable(event: Any) -> None:
        support.environment_altered = True
        default_unraisable(event)

    def in_thread(event: Any) -> None:
        support.environment_altered = True
        default_thread(event)

    sys.unraisablehook = unraisable
    threading.excepthook = in_thread


def run(case: Case) -> dict[str, Any]:
    """Run the test through a suite, which is what calls setUpModule and setUpClass, and judge its result."""
    result = unittest.TestResult()
    try:
        suite = unittest.TestSuite([case.make()])
        suite.run(result)
        del suite
        # What the test dropped is finalized while somebody still looks: its warnings and crashes are its own.
        gc.collect()
    except BaseException:  # a KeyboardInterrupt or SystemExit that the test let through, which unittest raises again
        text = traceback.format_exc()
        return {"outcome": Outcome.FAILED, "detail": last_line(text), "output": text}
    return judge(result)


def judge(result: unittest.TestResult) -> dict[str, Any]:
    """One outcome out of what unittest collected."""
    support: types.ModuleType = sys.modules["test.support"]
    tracebacks = [text for _, text in [*result.errors, *result.failures]]
    if tracebacks:
        return {"outcome": Outcome.FAILED, "detail": last_line(tracebacks[0]), "output": "\n".join(tracebacks)}
    if result.unexpectedSuccesses:
        return {"outcome": Outcome.FAILED, "detail": "was expected to fail and passed", "output": ""}
    if support.environment_altered:
        detail = "left threads, children or an exception that nobody caught (see its output)"
        return {"outcome": Outcome.FAILED, "detail": detail, "output": ""}
    if result.skipped:
        reasons = dict.fromkeys(reason for _, reason in result.skipped)
        return {"outcome": Outcome.SKIPPED, "detail": "; ".join(reasons), "output": ""}
    if not result.testsRun:
        return {"outcome": Outcome.FAILED, "detail": "unittest ran nothing", "output": ""}
    return {"outcome": Outcome.PASSED, "detail": "", "output": ""}


def last_line(text: str) -> str:
    """The line of a traceback that names the exception, which is the last one that is not indented."""
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "\t"))]
    named = [line for line in lines if line.partition(":")[0].rpartition(".")[2].isidentifier()]
    return (named or lines or [""])[-1][:DETAIL_LENGTH]
