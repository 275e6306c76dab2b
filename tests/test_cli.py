"""The command line: `vitok run` and the environment of its program, refused arguments, and `vitok info`.

The replacement of uvloop is tested in test_uvloop_shim.py.
"""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import CHILD_SECONDS, PROJECT, next_line, python_child, run_python

pytestmark = pytest.mark.vitok_only

# Says how a program finds itself: it must be what `python script.py` would have found, but for the loop.
SELF = """
import asyncio, sys
async def main():
    return type(asyncio.get_running_loop()).__module__.split(".")[0]
print(__name__, sys.argv[1:], asyncio.run(main()))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script that says how it finds itself."""
    path = tmp_path / "script.py"
    path.write_text(SELF)
    return path


def vitok(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `python -m vitok` to its end."""
    return run_python("-m", "vitok", *arguments, **options)  # type: ignore[arg-type]


def test_script(script: Path) -> None:
    """Issue 2, item 4: `python -m vitok script.py` and `vitok run script.py`, with the script's own arguments."""
    for words in (["run"], []):
        child = vitok(*words, script, "--flag", "-m", "value", "run")
        assert (child.returncode, child.stderr) == (0, "")
        assert child.stdout == "__main__ ['--flag', '-m', 'value', 'run'] vitok\n"


def test_the_installed_command(script: Path) -> None:
    """Issue 2, item 4: the command `vitok` itself, beside the interpreter."""
    command = Path(sys.executable).with_name("vitok")
    child = subprocess.run(
        [command, "run", script, "x"], capture_output=True, text=True, timeout=CHILD_SECONDS, check=False
    )
    assert (child.returncode, child.stdout, child.stderr) == (0, "__main__ ['x'] vitok\n", "")


def test_code() -> None:
    """Issue 2, item 4: `-c code`, with arguments."""
    for words in (["run"], []):
        child = vitok(*words, "-c", SELF, "one", "-two")
        assert (child.returncode, child.stdout, child.stderr) == (0, "__main__ ['one', '-two'] vitok\n", "")


def test_module(script: Path) -> None:
    """Issue 2, item 4: `-m module`, found from the folder where the command was given, as Python does."""
    for words in (["run"], []):
        child = vitok(*words, "-m", "script", "one", "-two", cwd=script.parent)
        assert (child.returncode, child.stdout, child.stderr) == (0, "__main__ ['one', '-two'] vitok\n", "")


def test_package_as_module(tmp_path: Path) -> None:
    """Issue 2, item 4: a package with `__main__`, which imports from itself."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("value = 42")
    (package / "__main__.py").write_text("from . import value\nprint(value)")
    child = vitok("-m", "package", cwd=tmp_path)
    assert (child.returncode, child.stdout, child.stderr) == (0, "42\n", "")


def test_a_script_finds_itself_as_under_python(tmp_path: Path) -> None:
    """Issue 2, item 4: `sys.argv`, `sys.path[0]`, `__file__` and neighbours are those of `python script.py`."""
    (tmp_path / "neighbour.py").write_text("value = 'imported'")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, neighbour\nfrom pathlib import Path\n"
        "print(sys.argv, Path(sys.path[0]).resolve(), Path(__file__).resolve(), neighbour.value, __package__ or None)\n"
        "print(sys.modules['__main__'].__dict__ is globals())\n"
    )
    expected, ours = run_python(script, "x"), vitok(script, "x")
    assert (ours.returncode, ours.stderr) == (0, "")
    assert ours.stdout.splitlines()[0] == expected.stdout.splitlines()[0]


def test_every_way_to_a_loop_gives_ours() -> None:
    """Issue 2, item 4: whichever way of asyncio's a program asks for a loop, it is ours, and nothing warns."""
    body = """
import asyncio
async def main():
    return type(asyncio.get_running_loop()).__module__.split(".")[0]
assert asyncio.run(main()) == "vitok"
with asyncio.Runner() as runner:
    assert runner.run(main()) == "vitok"
loop = asyncio.new_event_loop()
assert loop.run_until_complete(main()) == "vitok"
loop.close()
"""
    child = run_python("-W", "error", "-m", "vitok", "-c", body)
    assert (child.returncode, child.stderr) == (0, "")


def test_a_folder_that_was_removed(tmp_path: Path) -> None:
    """What needs the current folder says in one line that there is none."""
    gone = tmp_path / "gone"
    gone.mkdir()
    source = "import os, sys; os.rmdir(os.getcwd()); sys.argv[0] = 'vitok'; from vitok.__main__ import main; main()"
    expected = {
        ("serve", "a:b"): (2, "vitok serve: --app-dir: '.': the current folder does not exist any more"),
        ("run", "-m", "no_such_module"): (2, "vitok: cannot run module 'no_such_module': no such module"),
    }
    for words, (code, line) in expected.items():
        gone.mkdir(exist_ok=True)
        # As for the command, the current folder is not searched for modules: there CPython 3.13.0 can't import its own.
        child = run_python("-P", "-c", source, *words, cwd=gone)
        assert (child.returncode, child.stderr) == (code, f"{line}\n")


def test_exit_code_and_traceback_are_the_programs() -> None:
    """Issue 2, item 4: `sys.exit`, an exception and standard input pass through."""
    child = vitok("-c", "import sys; sys.exit(7)")
    assert (child.returncode, child.stderr) == (7, "")
    child = vitok("-c", "raise LookupError('nothing there')")
    assert child.returncode == 1
    assert child.stderr.rstrip().endswith("LookupError: nothing there")
    child = vitok("-c", "print(input())", input="typed")
    assert (child.returncode, child.stdout) == (0, "typed\n")


def test_ctrl_c_ends_a_program() -> None:
    """Line "Ctrl-C works in `Runner`": a program run by the command dies of the signal, as under Python."""
    body = "import asyncio\nasync def main():\n    print('ready', flush=True)\n    await asyncio.Event().wait()\n"
    with python_child("-m", "vitok", "-c", body + "asyncio.run(main())") as child:
        assert next_line(child) == "ready"
        child.send_signal(signal.SIGINT)
        child.communicate()
        assert child.returncode == -signal.SIGINT


def one_line(child: subprocess.CompletedProcess[str]) -> str:
    """What a refusal says: one line, nothing on the standard output, exit code 2."""
    assert child.returncode == 2
    assert child.stdout == ""
    [line] = child.stderr.splitlines()
    return line


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    """Issue 2, item 4: `vitok run` of something missing says so in one line, by name, and exits 2."""
    for words in (["run"], []):
        assert "missing.py" in one_line(vitok(*words, tmp_path / "missing.py"))
        assert "no_such_module" in one_line(vitok(*words, "-m", "no_such_module"))
        assert "no_such_package.module" in one_line(vitok(*words, "-m", "no_such_package.module"))


def test_what_is_not_python_is_said_in_one_line(tmp_path: Path) -> None:
    """Issue 2, item 4: `vitok run` of something that is not Python says so in one line and exits 2."""
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>no Python</title>")
    folder = tmp_path / "folder"
    folder.mkdir()
    binary = tmp_path / "binary"
    binary.write_bytes(b"\0")
    for path in (picture, page, folder, binary):
        line = one_line(vitok("run", path))
        assert path.name in line
        assert "None" not in line
    assert one_line(vitok("-c", "this is no Python"))


def test_a_file_that_can_not_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    """Issue 2, item 4: what exists but can't be opened is refused like what is missing: here a link to itself."""
    path = tmp_path / "circle.py"
    path.symlink_to(path)
    assert "circle.py" in one_line(vitok("run", path))


def test_a_program_is_not_refused_for_what_it_does(tmp_path: Path) -> None:
    """Issue 2, item 4: a failing import within a program, or a missing file it opens, is its own error."""
    for body in ("import no_such_module", "open('missing')", "import broken"):
        (tmp_path / "broken.py").write_text("this is no Python")
        script = tmp_path / "script.py"
        script.write_text(body)
        child = vitok(script, cwd=tmp_path)
        assert child.returncode == 1
        assert "Traceback" in child.stderr


@pytest.mark.parametrize("words", [["run"], ["run", "-m"], ["run", "-c"]])
def test_nothing_to_run_is_an_error(words: list[str]) -> None:
    """Issue 2, item 4: without anything to run, one line and exit code 2."""
    child = vitok(*words)
    assert child.returncode == 2
    assert child.stdout == ""
    assert child.stderr


def test_info() -> None:
    """Issue 2, item 4: `vitok info` gives versions, the poller, and what is native."""
    import vitok as package

    child = vitok("info")
    assert (child.returncode, child.stderr) == (0, "")
    assert package.__version__ in child.stdout
    assert platform.python_version() in child.stdout
    assert "epoll" in child.stdout or "kqueue" in child.stdout
    for name in ("call_soon", "call_later", "add_reader", "run_forever"):
        assert name in child.stdout


@pytest.mark.parametrize("words", [["info"], ["--completion", "bash"], []], ids=["info", "completion", "help"])
def test_a_reader_that_has_left_is_no_error(words: list[str]) -> None:
    """Output that nobody reads any more, as in `vitok info | head -1`, is dropped without a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "vitok", *words]
        child = subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=CHILD_SECONDS, check=False
        )
    finally:
        os.close(writer)
    assert (child.returncode, child.stderr) == (0, "")


def test_version_and_help() -> None:
    """Issue 2, item 4: the usual two options."""
    import vitok as package

    assert package.__version__ in vitok("--version").stdout
    for command in ("run", "serve", "top", "info", "bench"):
        assert vitok(command, "--version").stdout == f"vitok {package.__version__}\n"
    for command in ("run", "serve", "top", "info"):
        assert "--version" in vitok(command, "--help").stdout
    child = vitok("--help")
    assert child.returncode == 0
    for word in ("run", "info", "serve", "top", "--as-uvloop"):
        assert word in child.stdout


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("srve", ": did you mean `vitok serve`?"),
        ("Bench", ": did you mean `vitok bench`?"),
        ("module:app", ": did you mean `vitok serve module:app`?"),
        ("script", ": did you mean `vitok script.py`?"),
        ("nothing-like-it", ""),
        ("", ""),
    ],
)
def test_a_word_that_is_no_command(script: Path, word: str, meant: str) -> None:
    """Issue 17, item 7: a first word that is neither a command nor a file is answered with the list of commands."""
    for before in ([], ["--as-uvloop"]):
        child = vitok(*before, word, "more", cwd=script.parent)
        assert (child.returncode, child.stdout) == (2, "")
        line, heading, *commands = child.stderr.splitlines()
        assert line == f"vitok: there is no command and no file {word!r}{meant}"
        assert heading == "Commands:"
        assert [command.split()[0] for command in commands] == ["run", "serve", "top", "info", "bench"]


def test_nothing_lists_the_commands() -> None:
    """Issue 17, item 7: `vitok` alone shows its commands, each with what it does."""
    child = vitok()
    assert (child.returncode, child.stderr) == (0, "")
    for text in ("run a program", "serve an application", "show what", "print the versions", "compare this loop"):
        assert text in child.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--no-such-option"], "--no-such-option"),
        (["info", "more"], "more"),
        (["run", "--inspekt", "script.py"], "--inspekt: did you mean --inspect?"),
        (["--versoin"], "--versoin: did you mean --version?"),
        (["top", "--onec", "1"], "--onec: did you mean --once?"),
        (["serve", "a:b", "--prot=1"], "--prot=1: did you mean --port?"),
        (["serve", "a:b", "--zzz"], "arguments: --zzz\n"),
        (["serve", "--", "a:b", "--port", "1"], "arguments: --port 1\n"),
        (["top"], "top: the following arguments are required: pid"),
        (["top", "x"], "top: argument pid"),
        (["--completion"], "--completion: expected one argument"),
        (["--completion", "tcsh"], "--completion: invalid choice: 'tcsh'"),
    ],
)
def test_wrong_options_are_one_line(words: list[str], said: str) -> None:
    """Issue 17, item 7: what is wrong with the arguments is one line."""
    assert said in f"{one_line(vitok(*words))}\n"


def test_bench_is_a_command_of_its_own() -> None:
    """Issue 4, item 1: `vitok bench` has options of its own, and lists what it can measure."""
    checkout = {"PYTHONPATH": str(PROJECT / "benchmarks")}
    child = vitok("bench", "--list", "--suite", "scheduling", environment=checkout)
    assert (child.returncode, child.stderr) == (0, "")
    assert "call_soon_0" in child.stdout
    assert "bench" in vitok("--help").stdout
    assert "--compare" in vitok("bench", "--help", environment=checkout).stdout


def test_bench_without_its_package_is_one_line() -> None:
    """Issue 17, item 2: the package `vitok-bench` is what `vitok[bench]` installs."""
    body = "import importlib.util as util; util.find_spec = lambda name: None; from vitok import __main__"
    child = run_python("-c", f"{body}; __main__.main(['bench'])")
    said = "vitok: bench: vitok-bench is not installed: pip install 'vitok[bench]' (in a checkout: make bench)\n"
    assert (child.returncode, child.stderr) == (2, said)


def test_nothing_but_the_standard_library_is_imported() -> None:
    """Issue 4, item 1: what the benchmarks need is imported by nobody else."""
    body = "import sys, vitok.__main__; print([n for n in ('rich', 'matplotlib', 'vitok_bench') if n in sys.modules])"
    child = run_python("-c", body)
    assert (child.returncode, child.stdout) == (0, "[]\n")
