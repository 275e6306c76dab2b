"""The command `vitok top PID`: what the loops of a running process do, as a live view, once as text, or as JSON."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ._attach import ANSWER_SECONDS, AttachError, attach, is_alive
from ._commands import VERSION, Parser

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

_FAILURE: Final = 1
# Moves the cursor to the corner and clears what is below.
_CLEAR: Final = "\x1b[H\x1b[J"
_WIDTH: Final = 120
_SHOWN_GROUPS: Final = 12
_SHOWN_FRAMES: Final = 4
_SHOWN_SLOW: Final = 8
# What is shown as a rate, with its unit.
_RATES: Final = (("turns", ""), ("callbacks", ""), ("wakeups", ""), ("events", ""))
_BYTE_UNITS: Final = ("B", "kB", "MB", "GB")
_THOUSAND: Final = 1000


def main(words: list[str]) -> None:
    """Run the command. SystemExit with code 1 if the process cannot be asked, 2 for wrong arguments."""
    options = parser().parse_args(words)
    try:
        _show(options)
    except AttachError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        # The usual end of a live view.
        return
    except BrokenPipeError:
        # The reader of the output has gone; the interpreter would complain of it at its end.
        sys.stderr.close()
    except OSError as error:
        # No folder for the socket that the process connects to, for example.
        _fail(str(error))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    made = Parser(
        prog="vitok top",
        description="Shows what the loops of a running process do: metrics, tasks with their stacks, slow callbacks.",
        epilog="The process is asked by its socket if it runs under `vitok run --inspect`, and otherwise, from Python "
        "3.14 on, by remote debugging. Its loops measure the time of callbacks meanwhile.",
    )
    made.add_argument("--version", action="version", version=VERSION)
    made.add_argument("pid", type=_positive(int), help="the number of the process")
    made.add_argument("--once", action="store_true", help="show it once, over one interval, and end")
    made.add_argument("--json", action="store_true", help="one line of JSON for each interval")
    made.add_argument(
        "--interval", type=_positive(float), default=1.0, metavar="SECONDS", help="how often to ask; 1 by default"
    )
    made.add_argument(
        "--timeout",
        type=_positive(float),
        default=ANSWER_SECONDS,
        metavar="SECONDS",
        help=f"how long to wait for an answer; {ANSWER_SECONDS:g} by default",
    )
    return made


def _positive(kind: type[Any]) -> Any:
    def number(word: str) -> Any:
        value = kind(word)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"a positive number was expected, got {word!r}")
        return value

    # argparse names the type in the error of a word that is no number.
    number.__name__ = kind.__name__
    return number


def _show(options: argparse.Namespace) -> None:
    with attach(options.pid, seconds=options.timeout) as asker:
        answers = _ask(asker, options)
        before = next(answers)
        if "error" in before:
            raise AttachError(f"process {options.pid} has no vitok loop: {before['error']}")
        if not before["loops"]:
            raise AttachError(f"process {options.pid} has no vitok loop")
        is_screen = sys.stdout.isatty() and not options.once and not options.json
        for now in answers:
            text = json.dumps(now) if options.json else "\n".join(lines(before, now))
            print(_CLEAR + text if is_screen else text, flush=True)
            before = now
            if options.once:
                return


def _ask(asker: socket.socket, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Ask again and again. AttachError if the process ends or does not answer in time."""
    asker.settimeout(options.timeout)
    with asker.makefile("rb") as file:
        while True:
            try:
                # A process that has nothing to tell answers without a question.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    asker.sendall(b"\n")
                answer = file.readline()
            except TimeoutError:
                raise AttachError(f"process {options.pid} has not answered for {options.timeout:g} seconds") from None
            except OSError:
                answer = b""
            if not answer.endswith(b"\n"):
                what = "no longer answers" if is_alive(options.pid) else "has ended"
                raise AttachError(f"process {options.pid} {what}")
            yield json.loads(answer)
            time.sleep(options.interval)


def lines(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """The view, from two answers of the process."""
    clock = time.strftime("%H:%M:%S", time.localtime(now["time"]))
    yield f"process {now['pid']}   Python {now['python']}   vitok {now['vitok']}   {clock}"
    earlier = {loop["identity"]: loop for loop in before["loops"]}
    for loop in now["loops"]:
        known = earlier.get(loop["identity"])
        yield ""
        yield from _loop_lines(loop, known or loop, now["monotonic"] - before["monotonic"])
    if not now["loops"]:
        yield "no loop is open"


def _loop_lines(loop: dict[str, Any], before: dict[str, Any], seconds: float) -> Iterator[str]:
    metrics = loop["metrics"]
    change = {name: value - before["metrics"][name] for name, value in metrics.items() if name != "transports"}
    where = f"runs in {loop['thread']}" if loop["thread"] else "does not run"
    measured = change["measured_seconds"] or seconds
    yield f"{loop['loop']} {where}   in callbacks {change['callback_seconds'] / measured:.0%}"
    rates = [f"{name} {change[name] / seconds:,.0f}{unit}/s" for name, unit in _RATES]
    moved = [f"{word} {_bytes(change[name] / seconds)}/s" for word, name in _MOVED]
    yield "  " + "   ".join(rates + moved)
    lengths = [f"{name} {metrics[name]:,}" for name in ("ready", "timers", "tasks")]
    kinds = [f"{name} {count:,}" for name, count in metrics["transports"].items() if count]
    longest = f"longest callback {_duration(metrics['longest_callback'])}"
    yield "  " + "   ".join([*lengths, *kinds, longest])
    yield from _task_lines(loop["tasks"])
    if metrics["tasks"] == 0 and loop["stack"]:
        yield from _stack_lines(loop["stack"][-_SHOWN_FRAMES:])
    yield from _slow_lines(loop["slow"])


_MOVED: Final = (("received", "bytes_received"), ("sent", "bytes_sent"))


def _task_lines(groups: list[dict[str, Any]]) -> Iterator[str]:
    if groups:
        yield "  tasks"
    for group in groups[:_SHOWN_GROUPS]:
        waits = f" for {group['waits']}" if group["waits"] else ""
        names = group["name"] if group["count"] == 1 else f"{group['name']}, ..."
        yield _cut(f"  {group['count']:>7,}  {group['coroutine']} ({names}) {group['state']}{waits}")
        yield from _stack_lines(group["stack"][-_SHOWN_FRAMES:])
    if len(groups) > _SHOWN_GROUPS:
        yield f"           and {len(groups) - _SHOWN_GROUPS} other groups"


def _stack_lines(places: list[str]) -> Iterator[str]:
    for place in places:
        yield _cut(f"             {place}")


def _slow_lines(slow: list[list[Any]]) -> Iterator[str]:
    if slow:
        yield "  slow callbacks"
    for when, seconds, text in slow[: -_SHOWN_SLOW - 1 : -1]:
        clock = time.strftime("%H:%M:%S", time.localtime(when))
        yield _cut(f"    {clock}  {_duration(seconds):>8}  {text}")


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."


def _bytes(number: float) -> str:
    for unit in _BYTE_UNITS[:-1]:
        if number < _THOUSAND:
            return f"{number:.0f} {unit}"
        number /= _THOUSAND
    return f"{number:.1f} {_BYTE_UNITS[-1]}"


def _duration(seconds: float) -> str:
    return f"{seconds:.3f} s" if seconds >= 1 else f"{seconds * 1e3:.3f} ms"


def _fail(message: str) -> NoReturn:
    print(f"vitok: top: {message}", file=sys.stderr)
    raise SystemExit(_FAILURE)
