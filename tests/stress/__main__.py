"""The command: `python -m tests.stress --seconds 60`.

The rounds run in a child, so that the seed of one that dies is named. What a round does is not known here.
"""

import argparse
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .rounds import Run, scenarios

# Python warns of loops that are left open, and of forks beside threads: these rounds do both on purpose.
_FLAGS = ("-X", "faulthandler", "-W", "ignore")


def main(arguments: list[str]) -> int:
    """Run the stress and return its exit code."""
    options = _parse(arguments)
    if options.child:
        return Run(options, Path(options.child)).run()
    with tempfile.TemporaryDirectory(prefix="stress-") as folder:
        command = [sys.executable, *_FLAGS, "-m", __package__, *arguments, "--seed", options.seed, "--child", folder]
        print(f"stress: seed {options.seed}, {options.loop}, Python {sys.version.split(' (')[0]}", flush=True)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            last = _follow(child, verbose=options.verbose)
    if child.returncode < 0:
        print(f"stress: {last} was ended by {signal.Signals(-child.returncode).name}", file=sys.stderr)
    elif child.returncode:
        print(f"stress: {last} ended the run with {child.returncode}", file=sys.stderr)
    if child.returncode:
        again = f"{Path(sys.executable).name} -m {__package__} --round {last.rpartition(' ')[2]} --rounds 50"
        print(f"stress: the same round again, {options.loop} loop: {again}", file=sys.stderr)
        return 1
    print(f"stress: {last}")
    return 0


def _follow(child: "subprocess.Popen[str]", *, verbose: bool) -> str:
    """Return the last line that the child wrote, which tells the round."""
    assert child.stdout is not None
    last = "the start"
    for line in child.stdout:
        last = line.rstrip("\n")
        if verbose:
            print(last, flush=True)
    return last


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description="Loops in many threads, at random.")
    parser.add_argument("--seconds", type=float, default=60, help="how long rounds are begun (60)")
    parser.add_argument("--rounds", type=int, default=0, help="run so many rounds instead")
    parser.add_argument("--seed", default="", help="the seed of the run; a random one is printed")
    parser.add_argument("--round", default=None, help="the seed of one round, as a failure names it, for every round")
    parser.add_argument("--loop", choices=("vitok", "asyncio"), default="vitok", help="asyncio's loop is the control")
    parser.add_argument("--size", type=float, default=1.0, help="multiplies the work of each scenario")
    parser.add_argument("--at-once", type=int, default=5, help="the most scenarios of a round")
    parser.add_argument("--patience", type=float, default=30, help="seconds after which a wait is a deadlock")
    parser.add_argument("--only", action="append", default=[], help="a scenario; several are possible")
    parser.add_argument(
        "--without-leaks", action="store_true", help="count nothing, where a sanitizer holds things too"
    )
    parser.add_argument("--verbose", action="store_true", help="print a line for each round")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for name in options.only:
        if name not in scenarios(options.loop):
            parser.error(f"--only: one of {', '.join(scenarios(options.loop))}, not {name}")
    options.seed = options.seed or str(secrets.randbelow(10**6))
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
