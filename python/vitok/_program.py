"""Running a program as `python` does: a script, a folder or archive with `__main__`, a module, or code.

The program gets a module `__main__` of its own, which stays when the program has ended, because threads, exit functions
and multiprocessing look there. Which loop it gets is not known here. A program that cannot be run is a `ProgramError`.
"""

from __future__ import annotations

import importlib.util
import linecache
import pkgutil
import runpy
import shutil
import sys
from importlib.machinery import BuiltinImporter, SourceFileLoader, SourcelessFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from . import _uvloop_shim

if TYPE_CHECKING:
    from types import CodeType, TracebackType

# The function that the interpreter itself calls for `python -m` and for folders.
_run_module_as_main: Any = vars(runpy)["_run_module_as_main"]
# Shows the source of code without a file in tracebacks, from Python 3.13 on.
_LINES_OF_CODE = "_register_code"


class ProgramError(Exception):
    """A program cannot be run; the text says which, and why."""


def run_script(words: list[str]) -> None:
    """Run a file, or the `__main__` of a folder or of an archive. The words are its name and its arguments."""
    path = _found(words[0])
    sys.argv[:] = [str(path), *words[1:]]
    if path.is_dir() or pkgutil.get_importer(str(path)) is not None:
        if path.is_dir() and not (path / "__main__.py").is_file():
            raise ProgramError(f"cannot run {words[0]!r}: a folder without __main__.py")
        _set_first_folder(path.absolute())
        _new_main()
        _run_module_as_main("__main__", False)
        return
    code, loader = _code_of(path)
    _set_first_folder(path.resolve().parent)
    main = _new_main(__file__=str(path.absolute()), __cached__=None, __loader__=loader)
    exec(code, vars(main))


def run_module(words: list[str]) -> None:
    """Run a module, as `python -m` does. The words are its name and its arguments."""
    if not words:
        raise ProgramError("run: -m expects the name of a module")
    try:
        _set_first_folder(Path.cwd())
    except OSError:
        # The current folder was removed: no module is there.
        _set_first_folder("")
    try:
        spec = importlib.util.find_spec(words[0])
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise ProgramError(f"cannot run module {words[0]!r}: no such module")
    sys.argv[:] = ["-m", *words[1:]]
    _new_main()
    _run_module_as_main(words[0], True)


def run_code(words: list[str]) -> None:
    """Run code, as `python -c` does. The words are the code and its arguments."""
    if not words:
        raise ProgramError("run: -c expects a string of code")
    try:
        code = compile(words[0], "<string>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise ProgramError(f"cannot run the code after -c: not Python ({error})") from error
    show_lines: Any = vars(linecache).get(_LINES_OF_CODE)
    if show_lines is not None:
        # The first releases of 3.13 know code by the name of its file.
        show_lines(code if hasattr(linecache, "_make_key") else "<string>", words[0], "<string>")
    sys.argv[:] = ["-c", *words[1:]]
    _set_first_folder("")
    exec(code, vars(_new_main(__loader__=BuiltinImporter)))


def _found(word: str) -> Path:
    """Return the path of a script. A word that is no path may be a command that is a script, such as `uvicorn`."""
    path = Path(word)
    if path.exists() or path.is_symlink():
        return path
    command = shutil.which(word) if path.name == word else None
    if command is None:
        raise ProgramError(f"cannot run {word!r}: no such file")
    return Path(command)


def _code_of(path: Path) -> tuple[CodeType, Any]:
    """Return the code of a file, source or compiled, and its loader."""
    file = str(path.absolute())
    if path.suffix == ".pyc":
        compiled = SourcelessFileLoader("__main__", file)
        try:
            found = compiled.get_code("__main__")
        except (ImportError, EOFError, OSError) as error:
            raise ProgramError(f"cannot run {str(path)!r}: {error}") from error
        assert found is not None
        return found, compiled
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ProgramError(f"cannot run {str(path)!r}: {error.strerror}") from error
    try:
        return compile(source, file, "exec", dont_inherit=True), SourceFileLoader("__main__", file)
    except SyntaxError as error:
        # A file of null bytes has no lines.
        line = "" if error.lineno is None else f"line {error.lineno}: "
        raise ProgramError(f"cannot run {str(path)!r}: not Python ({line}{error.msg})") from error
    except ValueError as error:
        raise ProgramError(f"cannot run {str(path)!r}: not Python ({error})") from error


def _set_first_folder(folder: Path | str) -> None:
    """Put the program's folder where the interpreter has put that of this command."""
    if not sys.flags.safe_path:
        first = 1 if sys.path[0] == _uvloop_shim.FOLDER else 0
        sys.path[first : first + 1] = [str(folder)]


def _new_main(**attributes: Any) -> ModuleType:
    main = ModuleType("__main__")
    if "__annotations__" in vars(sys.modules["__main__"]):
        # Before Python 3.14 the interpreter adds it.
        vars(main)["__annotations__"] = {}
    vars(main).update(attributes, __builtins__=sys.modules["builtins"])
    sys.modules["__main__"] = main
    return main


def hide_frames(error: BaseException, *files: str) -> None:
    """Print an exception that ends the process without the frames of these files and of this one.

    Only frames that lead to the program are left out. The caller raises the exception again.
    """
    own = error.__traceback__
    while own is not None and own.tb_frame.f_code.co_filename in {*files, __file__}:
        own = own.tb_next
    if own is None or isinstance(error, SystemExit):
        return
    hook_of_program = sys.excepthook

    def print_own(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
        sys.excepthook = hook_of_program
        sys.last_traceback = error.__traceback__ = own
        hook_of_program(kind, error, own)

    sys.excepthook = print_own
