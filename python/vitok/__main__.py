"""The command `vitok` (or `python -m vitok`): `run script.py`, `serve module:app`, `top PID`, `info` and `bench`.

It starts programs and makes vitok's loop their default; loops are not known otherwise.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import signal
import sys
from argparse import Namespace
from typing import NoReturn

import vitok
from vitok import _children, _program, _sigterm
from vitok._commands import COMMANDS, check, parser, refuse

# What is not for `run`, whose name may be left out.
_OWN_OPTIONS = ("-h", "--help", "--version", "--completion")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. SystemExit with code 2 if the command cannot be run."""
    arguments = sys.argv[1:] if arguments is None else arguments
    first, second = [*(argument for argument in arguments if argument != "--as-uvloop"), None, None][:2]
    if first is not None and first not in COMMANDS and first.partition("=")[0] not in _OWN_OPTIONS:
        if not first.startswith("-"):
            check(first)
        arguments = ["run", *arguments]
    elif first in COMMANDS and second == "--version":
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
    options = parser().parse_args(arguments)
    if options.completion is not None:
        from vitok import _completion

        _print(_completion.script(options.completion))
        return
    if options.as_uvloop or os.environ.get("VITOK_AS_UVLOOP") == "1":
        vitok.as_uvloop()
    if options.command == "info":
        _print_info()
    elif options.command == "run":
        _run(options)
    else:
        _print(parser().format_help())


def _print(text: str) -> None:
    """Write to standard output, and nothing more once its reader has left, as in `vitok info | head -1`."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bench(words: list[str]) -> NoReturn:
    """Replace this process with the command of the package vitok-bench, which imports nothing of vitok."""
    if importlib.util.find_spec("vitok_bench") is None:
        refuse("bench: vitok-bench is not installed: pip install 'vitok[bench]' (in a checkout: make bench)")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "vitok_bench", *words])


def _serve(arguments: list[str]) -> None:
    """Serve an application. Options before the word `serve` belong to the package."""
    from vitok.http.serving import main as serve

    place = arguments.index("serve")
    if arguments[:place]:
        vitok.as_uvloop()
    serve(arguments[place + 1 :])


def _run(options: Namespace) -> None:
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
            refuse("run: expected a script, '-m module' or '-c code'")
    except _program.ProgramError as error:
        refuse(str(error))
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
        refuse(f"run: --inspect: {error}")


def _print_info() -> None:
    from vitok import _native

    facts = _native.build_info()
    native = sorted(name for name in vars(_native.EventLoop) if not name.startswith("_"))
    _print(
        f"vitok    {facts['version']} ({facts['profile']} build)\n"
        f"python   {platform.python_implementation()} {platform.python_version()}\n"
        f"system   {platform.system()} {platform.release()} {platform.machine()}\n"
        f"poller   {facts['poller']}\n"
        f"tls      {_tls_text()}\n"
        f"native   {', '.join(native)}\n"
    )


def _tls_text() -> str:
    """Describe the engine of TLS, and why it is that one."""
    try:
        import ssl
    except ImportError:
        return "none: this Python has no module ssl"
    from vitok import _tls

    name, reason = _tls.engine()
    return f"{name}, {ssl.OPENSSL_VERSION}" + (f" ({reason})" if reason else "")


if __name__ == "__main__":
    main()
