"""`vitok serve --reload`: every kind of change starts the application again, and a broken one waits for its repair.

Which files are watched is tested in test_reload_watching.py; signals and clients in files of their own.
"""

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest
import vitok
import vitok.http
from reload_support import APP, READY, WAITS, WAYS, Project, is_running, ready, word
from served import refused
from vitok.http.options import OptionError

pytestmark = pytest.mark.vitok_only

NATIVE = """
from vitok.http import App
app = App()

@app.get("/")
def word(request):
    return {{"word": {word!r}}}
"""
FACTORY = """

def make():
    return app
"""
LIFESPAN = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {at_start}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        {at_end}
        await send({{"type": "lifespan.shutdown.complete"}})
"""
# An application that never starts or ends: it waits, it blocks the loop, it takes no notice of SIGTERM.
HANGS = {
    "waits": "import asyncio; await asyncio.Event().wait()",
    "blocks": "import time; print('blocked', flush=True); time.sleep(1000)",
}


@pytest.fixture(params=WAYS)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """A project, with each way to notice changes."""
    return Project(tmp_path, request.param)


@pytest.fixture
def plain(tmp_path: Path) -> Project:
    """A project, for what does not depend on the way."""
    return Project(tmp_path, "times")


def test_a_change(project: Project) -> None:
    """The application is started again, in another process on the same port, and the log names the file."""
    with project.serving() as served:
        assert f"by {'watchfiles' if project.way == 'watchfiles' else 'their times'}; Ctrl-C" in served.errors
        first = ready(served)
        assert (word(served), served.get()["process"]) == ("first", first)
        project.say("second")
        served.read_until(r"site_app\.py changed: starting the application again$")
        second = ready(served)
        assert (word(served), served.get()["process"]) == ("second", second)
        assert first != second
        assert served.end() == 0
    assert " WARNING " not in served.errors


def test_every_kind_of_change(project: Project) -> None:
    """Saved in place, replaced, added, removed, renamed, in a new folder, by a moved folder."""
    other = project.folder / "other.py"
    kinds = {
        "in place": (lambda: project.write(APP.format(word="in place")), r"site_app\.py changed"),
        "replaced": (lambda: project.say("replaced"), r"site_app\.py changed"),
        "added": (other.touch, r"other\.py added"),
        "renamed": (lambda: other.rename(project.folder / "name.py"), r"name\.py added, \S*other\.py removed"),
        "removed": ((project.folder / "name.py").unlink, r"name\.py removed"),
        "in a folder": (lambda: project.write("", "deep/er/one.py"), r"deep/er/one\.py added"),
        "in that folder": (lambda: project.write("1", "deep/er/one.py"), r"deep/er/one\.py changed"),
        "moved": (lambda: (project.folder / "deep").rename(project.folder / "moved"), r"moved/er/one\.py added"),
        "gone": (lambda: shutil.rmtree(project.folder / "moved"), r"moved/er/one\.py removed"),
    }
    with project.serving() as served:
        ready(served)
        for change, told in kinds.values():
            change()
            served.read_until(rf"{told}: starting the application again$")
            ready(served)
        assert word(served) == "replaced"


def test_a_save_in_the_middle(project: Project) -> None:
    """Half of a file is a start that fails; the other half repairs it."""
    text = APP.format(word="whole")
    half = text.index("await send")
    with project.serving() as served:
        ready(served)
        with (project.folder / "site_app.py").open("w") as file:
            file.write(text[:half] + "await send({")
            file.flush()
            served.read_until(WAITS)
            file.seek(0)
            file.truncate()
            file.write(text)
        ready(served)
        assert word(served) == "whole"
    assert "SyntaxError" in served.errors


def test_quick_changes(project: Project) -> None:
    """What was saved last is served in the end, however fast changes follow each other."""
    with project.serving() as served:
        for number in range(30):
            project.say(str(number))
        while word(served) != "29":
            served.read_until(READY)


def test_the_same_second_and_size(project: Project) -> None:
    """A change that bytecode does not know of, since it looks at seconds and sizes only, is seen all the same."""
    path = project.folder / "site_app.py"
    with project.serving(environment={"PYTHONDONTWRITEBYTECODE": ""}) as served:
        ready(served)
        assert list(project.folder.glob("__pycache__/site_app.*.pyc"))
        saved = path.stat().st_mtime_ns
        for fresh in ("other", "third"):
            path.write_text(APP.format(word=fresh))
            os.utime(path, ns=(saved, saved))
            ready(served)
            assert word(served) == fresh


def test_in_another_thread(plain: Project) -> None:
    """There nobody would hear of the end of a worker."""
    raised: list[BaseException] = []

    def serve() -> None:
        try:
            vitok.serve("site_app:app", reload=True, app_dir=str(plain.folder), port=0)
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    assert "reload: the call has to be in the main thread" in str(raised[0])


def test_a_factory_in_a_source_folder(plain: Project) -> None:
    """--factory, with the application in a package of src/."""
    plain.write(APP.format(word="first") + FACTORY, "src/site_package/web.py")
    plain.write("", "src/site_package/__init__.py")
    source = plain.folder / "src"
    with plain.serving("--factory", app="site_package.web:make", folder=source) as served:
        ready(served)
        assert word(served) == "first"
        plain.replace(APP.format(word="second") + FACTORY, "src/site_package/web.py")
        ready(served)
        assert word(served) == "second"


def test_a_native_application(plain: Project) -> None:
    """A native one, as well."""
    plain.write(NATIVE.format(word="first"))
    with plain.serving() as served:
        ready(served)
        assert word(served) == "first"
        plain.replace(NATIVE.format(word="second"))
        ready(served)
        assert word(served) == "second"


def test_links(project: Project, tmp_path: Path) -> None:
    """A linked folder is watched, and so is the file that a link leads to; links in a circle do no harm."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "inner.py").touch()
    (project.folder / "linked").symlink_to(outside)
    (outside / "back").symlink_to(project.folder)
    target = tmp_path / "elsewhere" / "settings"
    target.parent.mkdir()
    target.touch()
    (project.folder / "settings.py").symlink_to(target)
    with project.serving() as served:
        ready(served)
        (outside / "inner.py").write_text("1")
        served.read_until(r"linked/inner\.py changed")
        ready(served)
        target.write_text("1")
        served.read_until(r"settings\.py changed")
        ready(served)


BROKEN = {
    "a syntax error": ("def (", "SyntaxError: invalid syntax"),
    "a missing module": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "an exception": ("1 / 0", "ZeroDivisionError"),
    "an exit": ("import sys; sys.exit(7)", r"\(exit code 7\)"),
    "no application": ("app = 1", "'site_app:app' is not callable"),
    "a crash": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"\(SIGSEGV\)"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_application(plain: Project, kind: str) -> None:
    """It says what is wrong, waits, and answers after the repair those who have connected meanwhile."""
    text, told = BROKEN[kind]
    answers: list[str] = []
    with plain.serving() as served:
        ready(served)
        plain.replace(text)
        served.read_until(told)
        if WAITS not in served.errors:
            served.read_until(WAITS)
        client = threading.Thread(target=lambda: answers.append(word(served)))
        client.start()
        plain.say("repaired")
        ready(served)
        client.join()
        assert answers == ["repaired"]
        assert served.end() == 0


def test_broken_from_the_start(plain: Project) -> None:
    """The command waits also if the application has never started: its module is missing, and added then."""
    plain.folder.joinpath("site_app.py").unlink()
    with plain.serving() as served:
        served.read_until("there is no module 'site_app' for 'site_app:app'")
        served.read_until(WAITS)
        plain.say("there")
        ready(served)
        assert word(served) == "there"
        assert served.end() == 0


def test_a_worker_that_crashes(plain: Project) -> None:
    """One that ends by itself is not started again before a change: it would only end again."""
    with plain.serving() as served:
        os.kill(ready(served), signal.SIGKILL)
        served.read_until(rf"worker \d+ ended \(SIGKILL\): {WAITS}")
        plain.say("second")
        ready(served)
        assert word(served) == "second"


def test_a_limit_of_requests(plain: Project) -> None:
    """A worker that is due for replacement has a successor at once."""
    with plain.serving("--limit-max-requests", "1") as served:
        first = ready(served)
        assert word(served) == "first"
        served.read_until("due for replacement: starting the application again")
        assert ready(served) != first


@pytest.mark.parametrize("hang", HANGS)
def test_a_start_that_hangs(plain: Project, hang: str) -> None:
    """A change ends the worker that never starts, by force if nothing else helps."""
    plain.write(LIFESPAN.format(at_start=f"print('starts', flush=True); {HANGS[hang]}", at_end="pass"))
    with plain.serving() as served:
        assert served.child.stdout is not None
        assert served.child.stdout.readline() == "starts\n"
        plain.say("second")
        served.read_until("site_app.py changed")
        ready(served)
        assert word(served) == "second"
        assert served.end() == 0


@pytest.mark.parametrize("hang", HANGS)
def test_an_end_that_hangs(plain: Project, hang: str) -> None:
    """The limits of a reload are short, whatever those of the server are."""
    plain.write(LIFESPAN.format(at_start="pass", at_end=HANGS[hang]))
    with plain.serving("--timeout-shutdown", "none", "--timeout-graceful-shutdown", "none") as served:
        process = ready(served)
        plain.say("second")
        ready(served)
        assert word(served) == "second"
        assert not is_running(process)
        assert served.end() == 0
    assert ("--timeout-shutdown: the application did not end within 2 s" in served.errors) == (hang == "waits")
    assert ("does not end: killing it" in served.errors) == (hang == "blocks")


def test_a_change_while_the_application_starts(plain: Project) -> None:
    """The half-started one is ended at once, and the changed one is started."""
    plain.write("print('importing', flush=True)\nimport time\ntime.sleep(1000)\n")
    with plain.serving() as served:
        assert served.child.stdout is not None
        assert served.child.stdout.readline() == "importing\n"
        plain.say("second")
        ready(served)
        assert word(served) == "second"
    assert "killing" not in served.errors


def test_what_is_refused(tmp_path: Path) -> None:
    """Options that do not fit are one line that names them."""
    for words, told in (
        (("--workers", "2"), "--reload is for one process, but --workers is 2"),
        (("--reload-dir", tmp_path / "missing"), f"--reload-dir: '{tmp_path}/missing' is not a folder"),
        (("--reload-delay", "0"), "--reload-delay"),
        (("--ssl-certfile", tmp_path / "missing"), f"'{tmp_path}/missing'"),
    ):
        for check in ((), ("--check-config",)):
            code, [line] = refused("--reload", "--port", "0", *words, *check)
            assert (code in (2, 3), told in line) == (True, True), line


def test_what_is_refused_from_python() -> None:
    """An application that is not a name can't be imported again; a Server has only its own process."""

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError

    with pytest.raises(OptionError, match="reload: expected the application as module:attribute"):
        vitok.serve(app, reload=True)
    with pytest.raises(OptionError, match="reload: expected an application that is an attribute of a module"):
        vitok.http.run(app, reload=True)
    with pytest.raises(OptionError, match="reload: a Server"):
        vitok.http.Server(app, reload=True)
