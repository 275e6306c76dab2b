"""A program under `vitok run` finds itself, and fails, as under `python`: the same output, traceback and exit code.

Refusals and the command line itself are tested in test_cli.py.
"""

import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import CHILD_SECONDS, python_child, run_python

pytestmark = pytest.mark.vitok_only

# What a program can see of itself, and a failure that passes through a call, a cause and a loop.
BODY = """
import asyncio, os, sys
print(__name__, sys.argv, sys.path[0], __package__, __spec__, sorted(globals()))
print(globals().get("__file__"), globals().get("__cached__"), type(__loader__), sys.modules["__main__"].BODY)
async def main():
    fail()
def fail():
    raise LookupError("nothing there") from ValueError("cause")
"""
BODY = "BODY = 1" + BODY
WAYS = {
    "raises": "fail()",
    "raises in the loop": "asyncio.run(main())",
    "has its own hook": "sys.excepthook = lambda kind, error, tb: print('hook', error, tb.tb_frame)\nfail()",
    "has its own hook of Python's": "import traceback\nsys.excepthook = traceback.print_exception\nfail()",
    "exits": "import atexit\natexit.register(lambda: print(sys.modules['__main__'].BODY))\nsys.exit(7)",
    "exits with a text": "sys.exit('a text')",
    "raises a group": "raise ExceptionGroup('several', [LookupError('one'), KeyError('two')])",
}
NAMES = {
    "script": ["script.py"],
    "module": ["-m", "script"],
    "package": ["-m", "package"],
    "folder": ["package"],
    "archive": ["archive.pyz"],
    "compiled": ["script.pyc"],
    "code": [],
}


def words_for(form: str, body: str, folder: Path) -> list[str]:
    """Write a program in a folder, and return the words with which Python runs it from there."""
    if form == "code":
        return ["-c", body, "-a", "b"]
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").touch()
    for path in ("script.py", "package/__main__.py"):
        (folder / path).write_text(body)
    with zipfile.ZipFile(folder / "archive.pyz", "w") as archive:
        archive.writestr("__main__.py", body)
    if form == "compiled":
        assert run_python("-m", "compileall", "-q", "-b", "script.py", cwd=folder).returncode == 0
    return [*NAMES[form], "-a", "b"]


def outcome(child: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    """What a child did, without addresses of objects and without the lines of the loop, whose files differ."""
    errors = re.sub(r'  File "[^"]*(base_events|_loop).py", line.*\n(    .*\n)*', "  (the loop)\n", child.stderr)
    return child.returncode, re.sub(r" at 0x\w+", "", child.stdout), errors


@pytest.mark.parametrize("form", NAMES)
def test_a_program_is_run_as_by_python(tmp_path: Path, form: str) -> None:
    """Issue 14, item 8: "`vitok run` adds no frame of its own to a traceback", whatever form the program has."""
    words = words_for(form, f"{BODY}\nasyncio.run(main())", tmp_path)
    expected = outcome(run_python(*words, cwd=tmp_path))
    assert expected[0] == 1
    assert "LookupError: nothing there" in expected[2]
    assert outcome(run_python("-m", "vitok", "run", *words, cwd=tmp_path)) == expected


@pytest.mark.parametrize("way", WAYS)
def test_a_program_ends_as_under_python(tmp_path: Path, way: str) -> None:
    """Issue 14, item 8: tracebacks, hooks for exceptions and exit codes, by the installed command."""
    words = words_for("script", f"{BODY}\n{WAYS[way]}", tmp_path)
    expected = outcome(run_python(*words, cwd=tmp_path))
    command = [str(Path(sys.executable).with_name("vitok")), "run", *words]
    child = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False, cwd=tmp_path)
    assert outcome(child) == expected


def test_the_hook_of_the_interpreter_is_back(tmp_path: Path) -> None:
    """Issue 14, item 8: what looks at the last exception after the end finds the program's traceback and hook."""
    body = """
import atexit, sys
def look():
    tb = sys.last_traceback
    print(sys.excepthook is sys.__excepthook__, tb.tb_frame.f_globals is globals(), tb.tb_next)
atexit.register(look)
raise LookupError
"""
    child = run_python("-m", "vitok", "-c", body)
    assert (child.returncode, child.stdout) == (1, "True True None\n")


def test_an_interrupted_program_has_its_own_traceback() -> None:
    """Issue 14, item 8: KeyboardInterrupt, with the exit code of the signal."""
    body = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nsignal.raise_signal(signal.SIGINT)\n"
    )
    expected, ours = run_python("-c", body), run_python("-m", "vitok", "-c", body)
    assert expected.returncode == ours.returncode == -signal.SIGINT
    assert ours.stderr == expected.stderr


def test_an_inspected_program_is_inspected(tmp_path: Path) -> None:
    """`python -i` goes on in the program's own module, with the usual hook for exceptions."""
    script = tmp_path / "script.py"
    script.write_text("value = 42\nraise LookupError")
    with python_child("-i", "-m", "vitok", script) as child:
        output, errors = child.communicate("import sys\nprint(value, sys.excepthook is sys.__excepthook__)\n")
    assert output == "42 True\n"
    assert "vitok" not in errors


def test_a_command_on_the_path_is_found(tmp_path: Path) -> None:
    """Issue 14, item 8: `vitok run uvicorn ...` runs the script that the shell would run under that name."""
    command = tmp_path / "some-command"
    command.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv)\n")
    command.chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    child = run_python("-m", "vitok", "run", "some-command", "--flag", environment=environment)
    assert (child.returncode, child.stdout, child.stderr) == (0, f"[{str(command)!r}, '--flag']\n", "")
    child = run_python("-m", "vitok", "run", "no-such-command", environment=environment)
    assert (child.returncode, child.stderr) == (2, "vitok: cannot run 'no-such-command': no such file\n")


@pytest.mark.parametrize("flag", [[], ["-P"]])
def test_a_safe_path_stays_safe(tmp_path: Path, flag: list[str]) -> None:
    """With -P, Python puts no folder first; without, it puts the program's there, and not the current one, too."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "script.py").write_text("import sys\nprint(sys.path)")
    expected = run_python(*flag, "scripts/script.py", cwd=tmp_path)
    ours = run_python(*flag, "-m", "vitok", "scripts/script.py", cwd=tmp_path)
    assert (ours.stdout, ours.stderr) == (expected.stdout, "")
