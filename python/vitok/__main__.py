"""The command `vitok` (or `python -m vitok`): `run script.py`, `serve module:app`, `top PID`, `info` and `bench`.

It starts programs and makes vitok's loop their default; loops are not known otherwise.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import signal
import sys
from typing import NoReturn

import vitok
from vitok import _children, _program, _sigterm

_COMMANDS = ("run", "serve", "top", "info", "bench")
_USAGE_ERROR = 2


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. SystemExit with code 2 if the command cannot be run."""
    arguments = sys.argv[1:] if arguments is None else arguments
    first, second = [*(argument for argument in arguments if argument != "--as-uvloop"), None, None][:2]
    if first not in _COMMANDS and first not in ("-h", "--help", "--version", None):
        arguments = ["run", *arguments]
    elif first in _COMMANDS and second == "--version":
        # Each command has it, also those with a parser of their own.
        arguments, first = ["--version"], None
    if arguments[:1] == ["bench"]:
        # The command has options and required packages of its own.
        _bench(arguments[1:])
    if first == "serve":
        # So has this one.
        _serve(arguments)
        return
    if first == "top":
        # And this one.
        from vitok import _top

        _top.main(arguments[arguments.index("top") + 1 :])
        return
    options = _parser().parse_args(arguments)
    if options.as_uvloop or os.environ.get("VITOK_AS_UVLOOP") == "1":
        vitok.as_uvloop()
    if options.command == "info":
        _print_info()
    elif options.command == "run":
        _run(options)
    else:
        _parser().print_help()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vitok", description="Runs asyncio programs on vitok's event loop.")
    parser.add_argument("--version", action="version", version=f"vitok {vitok.__version__}")
    parser.add_argument("--as-uvloop", action="store_true", help="make 'import uvloop' import vitok")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="run a program with vitok's event loop as the default", allow_abbrev=False)
    run.add_argument(
        "--as-uvloop", action="store_true", default=argparse.SUPPRESS, help="make 'import uvloop' import vitok"
    )
    run.add_argument("--inspect", action="store_true", help="let `vitok top` of this user look at the process")
    how = run.add_mutually_exclusive_group()
    how.add_argument("-m", dest="module", metavar="MODULE", nargs=argparse.REMAINDER, help="run a module")
    how.add_argument("-c", dest="code", metavar="CODE", nargs=argparse.REMAINDER, help="run code given as a string")
    run.add_argument("script", nargs=argparse.REMAINDER, metavar="script.py [argument ...]")
    commands.add_parser("info", help="print the versions, the poller and the native parts")
    commands.add_parser("serve", help="serve an ASGI application over HTTP; see `vitok serve --help`", add_help=False)
    commands.add_parser("top", help="show what a running process does; see `vitok top --help`", add_help=False)
    commands.add_parser("bench", help="compare this loop with others; see `vitok bench --help`", add_help=False)
    return parser


def _bench(words: list[str]) -> NoReturn:
    """Replace this process with the command of the package vitok-bench, which imports nothing of vitok."""
    if importlib.util.find_spec("vitok_bench") is None:
        _refuse("bench: vitok-bench is not installed: pip install 'vitok[bench]' (in a checkout: make bench)")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "vitok_bench", *words])


def _serve(arguments: list[str]) -> None:
    """Serve an application. Options before the word `serve` belong to the package."""
    from vitok.http.serving import main as serve

    place = arguments.index("serve")
    if arguments[:place]:
        vitok.as_uvloop()
    serve(arguments[place + 1 :])


def _run(options: argparse.Namespace) -> None:
    _children.make_default()
    _sigterm.handle_while_running()
    if options.inspect or os.environ.get("VITOK_INSPECT") == "1":
        _listen()
    try:
        if options.module is not None:
            _program.run_module(options.module)
        elif options.code is not None:
            _program.run_code(options.code)
        elif options.script:
            _program.run_script(options.script)
        else:
            _refuse("run: expected a script, '-m module' or '-c code'")
    except _program.ProgramError as error:
        _refuse(str(error))
    except BaseException as error:
        if _sigterm.has_ended(error):
            # The exit code of a process that does not die of signals, the first of a container.
            raise SystemExit(128 + signal.SIGTERM) from None
        _program.hide_frames(error, __file__)
        raise


def _listen() -> None:
    """Let `vitok top` look at this process."""
    from vitok import _inspect

    try:
        _inspect.listen()
    except OSError as error:
        _refuse(f"run: --inspect: {error}")


def _print_info() -> None:
    from vitok import _native

    facts = _native.build_info()
    native = sorted(name for name in vars(_native.EventLoop) if not name.startswith("_"))
    print(f"vitok    {facts['version']} ({facts['profile']} build)")
    print(f"python   {platform.python_implementation()} {platform.python_version()}")
    print(f"system   {platform.system()} {platform.release()} {platform.machine()}")
    print(f"poller   {facts['poller']}")
    print(f"tls      {_tls_text()}")
    print(f"native   {', '.join(native)}")


def _tls_text() -> str:
    """Describe the engine of TLS, and why it is that one."""
    try:
        import ssl
    except ImportError:
        return "none: this Python has no module ssl"
    from vitok import _tls

    name, reason = _tls.engine()
    return f"{name}, {ssl.OPENSSL_VERSION}" + (f" ({reason})" if reason else "")


def _refuse(message: str) -> NoReturn:
    print(f"vitok: {message}", file=sys.stderr)
    raise SystemExit(_USAGE_ERROR)


if __name__ == "__main__":
    main()
