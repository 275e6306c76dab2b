"""Where `--threads` can't be used: a Python with the GIL, or one in which something has turned it on.

What it does where it can be used is tested in test_serve_threads.py.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import vitok
import vitok.http
from needs import missing, need_command
from served import CHILD_SECONDS, refused
from threads_support import APP, needs_free_threading

pytestmark = pytest.mark.vitok_only

is_free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
WITH_GIL = (
    "vitok serve: --threads: needs a free-threaded Python, such as python3.14t: use --workers here (the threads of a "
    "WSGI application are --wsgi-threads)"
)
TURNED_ON = (
    "vitok serve: --threads: the GIL of this free-threaded Python is on, by PYTHON_GIL, -X gil or an extension that "
    "was imported: turn it off, or use --workers"
)
IMPORTED = (
    "vitok serve: --threads: an extension that the application imports has turned the GIL on (Python's warning names "
    "it): use --workers, or set PYTHON_GIL=0 if that extension is safe without the GIL"
)
EXTENSION = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "needs_the_gil", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_needs_the_gil(void) { return PyModule_Create(&module); }
"""


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    """A folder with an extension that does not say that it runs without the GIL, and an application that imports it."""
    compiler = need_command("cc", package="gcc")
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        missing(f"{headers} has no Python.h")
    source = tmp_path / "needs_the_gil.c"
    source.write_text(EXTENSION)
    library = tmp_path / f"needs_the_gil{sysconfig.get_config_var('EXT_SUFFIX')}"
    words = [compiler, "-shared", "-fPIC", f"-I{headers}", source, "-o", library]
    if sys.platform == "darwin":
        words += ["-undefined", "dynamic_lookup"]
    subprocess.run(words, check=True, timeout=CHILD_SECONDS)
    (tmp_path / "imports_it.py").write_text(
        "import needs_the_gil\n\nasync def app(scope, receive, send):\n    raise AssertionError(scope)\n"
    )
    return tmp_path


@pytest.mark.skipif(is_free_threaded, reason="for a Python that has the GIL in any case")
@pytest.mark.parametrize("words", [[], ["--workers", "2"], ["--reload"], ["--check-config"]], ids=" ".join)
def test_with_the_gil(words: list[str]) -> None:
    """One line with the way out, before anything is bound or imported: the port and the application do not exist."""
    given = ("--threads", "2", "--bind", "fd://999", *words)
    assert refused(*given, app="no_such_module:app") == (2, [WITH_GIL])


@pytest.mark.skipif(not is_free_threaded, reason="for a Python that can turn the GIL off")
@pytest.mark.parametrize("words", [[], ["--workers", "2"], ["--reload"], ["--check-config"]], ids=" ".join)
def test_with_the_gil_turned_on(words: list[str]) -> None:
    """The same where it could be off, with another way out."""
    given = ("--threads", "2", "--bind", "fd://999", *words)
    assert refused(*given, app="no_such_module:app", PYTHON_GIL="1") == (2, [TURNED_ON])


@needs_free_threading
@pytest.mark.parametrize("words", [[], ["--workers", "2"], ["--check-config"]], ids=" ".join)
def test_an_extension_that_turns_it_on(extension: Path, words: list[str]) -> None:
    """What the application imports can turn it on: that is found before anything is served."""
    given = ("--threads", "2", "--port", "0", "--app-dir", extension, *words)
    code, lines = refused(*given, app="imports_it:app")
    assert code == 2
    assert IMPORTED in lines
    assert any("'needs_the_gil'" in line for line in lines)


@needs_free_threading
def test_an_extension_that_may_not_turn_it_on(extension: Path) -> None:
    """The way out that the line names."""
    words = ("--threads", "2", "--check-config", "--app-dir", extension)
    assert refused(*words, app="imports_it:app", PYTHON_GIL="0") == (
        0,
        ["vitok serve: the configuration can be used"],
    )


def test_one_thread_needs_nothing() -> None:
    """The default, also when it is given."""
    assert refused("--threads", "1", "--check-config", app=APP) == (0, ["vitok serve: the configuration can be used"])


@pytest.mark.parametrize("number", ["0", "-1", "1025", "many", "none"])
def test_numbers_that_are_none(number: str) -> None:
    """A number from 1 to 1024 is expected."""
    code, lines = refused("--threads", number)
    assert code == 2
    shown = number if number.lstrip("-").isdigit() else repr(number)
    assert lines == [f"vitok serve: --threads: {shown} is not a whole number from 1 to 1024"]


def test_the_variable_and_what_is_printed() -> None:
    """The option has a variable, and is shown with its source; that is no attempt to serve."""
    words = [sys.executable, "-m", "vitok", "serve", "--print-config", "x:y"]
    child = subprocess.run(
        words, capture_output=True, text=True, check=True, timeout=CHILD_SECONDS, env={"VITOK_THREADS": "3"}
    )
    assert [line for line in child.stdout.splitlines() if line.startswith("threads")] == [
        "threads = 3  # VITOK_THREADS"
    ]


def test_keywords() -> None:
    """From Python it is a ValueError where the GIL is on, and a `Server`, which has one loop, takes none at all."""
    options = {"threads": 2}
    with pytest.raises(ValueError, match=r"^threads: a Server has one loop, that of its program"):
        vitok.http.Server(print, **options)  # type: ignore[arg-type]
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        for serve in (vitok.serve, vitok.http.run):
            with pytest.raises(ValueError, match=r"^--threads: "):
                serve(print, port=0, threads=2)
