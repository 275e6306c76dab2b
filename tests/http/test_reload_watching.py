"""The files that `--reload` watches, and how it notices that they have changed.

What follows from a change is tested in test_reload.py.
"""

import importlib
import logging
import os
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from reload_support import WAYS
from support import open_descriptors
from vitok.http import watching
from vitok.http.log import Log
from vitok.http.options import OptionError, Options
from vitok.http.watching import Change, Files, Watcher, folders_of

pytestmark = pytest.mark.vitok_only


def fill(folder: Path, *names: str) -> Path:
    """Make these files, and return the folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def found(folder: Path, includes: tuple[str, ...] = (), excludes: tuple[str, ...] = ()) -> set[str]:
    """Return the files that are watched in a folder, relative to it."""
    scan = Files([folder], includes, excludes).scan()
    return {str(Path(path).relative_to(folder)) for path in scan.files}


ALL = ("app.py", "a/page.html", "a/deep/more.py", "a/.env", ".env", "data/big.csv", "test_app.py", "a/test_more.py")


def test_sources_by_default(tmp_path: Path) -> None:
    """Python files, in all folders that are not left out."""
    assert found(fill(tmp_path, *ALL)) == {"app.py", "a/deep/more.py", "test_app.py", "a/test_more.py"}


def test_folders_that_are_not_entered(tmp_path: Path) -> None:
    """Hidden ones, those of caches and packages, virtual environments: none of them is even listed."""
    fill(tmp_path, ".git/a.py", ".venv/a.py", "node_modules/a.py", "x/__pycache__/a.py", "x/y/a.py")
    fill(tmp_path, "venv/lib/a.py", "venv/pyvenv.cfg")
    scan = Files([tmp_path]).scan()
    assert list(scan.files) == [str(tmp_path / "x/y/a.py")]
    assert scan.folders == {str(tmp_path / name) for name in ("", "x", "x/y")}


def test_a_folder_that_is_named_is_entered(tmp_path: Path) -> None:
    """Whatever its own name is."""
    hidden = tmp_path / ".hidden"
    assert found(fill(hidden, "a.py", "pyvenv.cfg")) == {"a.py"}


@pytest.mark.parametrize(
    ("includes", "more"),
    [
        (("*.html",), {"a/page.html"}),
        (("a/*.html",), {"a/page.html"}),
        (("./a/page.html",), {"a/page.html"}),
        (("**/page.html", "b/*"), {"a/page.html"}),
        (("page.html/",), {"a/page.html"}),
        ((".env",), {".env", "a/.env"}),
        (("a/.env",), {"a/.env"}),
        (("*",), {"a/page.html", "data/big.csv"}),
    ],
)
def test_includes(tmp_path: Path, includes: tuple[str, ...], more: set[str]) -> None:
    """They add files; a hidden one only by a pattern that begins with a dot."""
    assert found(fill(tmp_path, *ALL), includes) - found(tmp_path) == more


@pytest.mark.parametrize(
    ("excludes", "rest"),
    [
        (("test_*.py",), {"app.py", "a/deep/more.py"}),
        (("a",), {"app.py", "test_app.py"}),
        (("a/",), {"app.py", "test_app.py"}),
        (("a/deep",), {"app.py", "test_app.py", "a/test_more.py"}),
        (("a/*",), {"app.py", "test_app.py"}),
        (("**/deep", "nothing"), {"app.py", "test_app.py", "a/test_more.py"}),
        (("*.py",), set()),
    ],
)
def test_excludes(tmp_path: Path, excludes: tuple[str, ...], rest: set[str]) -> None:
    """They remove files, and folders with all that is in them."""
    assert found(fill(tmp_path, *ALL), (), excludes) == rest


def test_paths_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern with a slash may be absolute, or begin in the current folder instead of a watched one."""
    fill(tmp_path, "src/a/one.py", "src/two.py")
    monkeypatch.chdir(tmp_path)
    for pattern in ("src/a", "./src/a", str(tmp_path / "src/a")):
        assert found(tmp_path / "src", (), (pattern,)) == {"two.py"}


def test_what_can_not_be_read(tmp_path: Path) -> None:
    """Links that lead nowhere or in a circle, files that are none, and a folder that is missing."""
    fill(tmp_path, "app.py", "inner/one.py")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "inner" / "circle").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    assert found(tmp_path) == {"app.py", "inner/one.py"}
    assert Files([tmp_path / "missing"]).scan().files == {}


def test_the_folder_of_a_linked_file(tmp_path: Path) -> None:
    """Where the file is that a link leads to, changes are reported, too."""
    target = fill(tmp_path / "elsewhere", "settings") / "settings"
    project = fill(tmp_path / "project", "app.py")
    (project / "settings.py").symlink_to(target)
    files = Files([project])
    assert str(target.parent) in files.scan().folders
    assert files.concerns(str(target))
    assert not files.concerns(str(target.parent / "other"))


def test_folders_of_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are named, or that of the application; one that is missing is an error."""
    fill(tmp_path, "src/package_here/web.py", "src/package_here/__init__.py", "other/x.py", "site-packages/there.py")
    monkeypatch.chdir(tmp_path)
    assert folders_of("nothing:app", Options(app_dir="src")) == [tmp_path / "src"]
    assert folders_of("nothing:app", Options()) == [tmp_path]
    assert folders_of("nothing:app", Options(reload_dirs=("src", "other"))) == [tmp_path / "src", tmp_path / "other"]
    with pytest.raises(OptionError, match=r"--reload-dir: 'x\.py' is not a folder"):
        folders_of("nothing:app", Options(reload_dirs=("src", "x.py")))
    # A package that the path has elsewhere, unless it is installed.
    monkeypatch.syspath_prepend(tmp_path / "src")
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    assert folders_of("package_here.web:app", Options(app_dir="src")) == [tmp_path / "src"]
    assert folders_of("package_here.web:app", Options(app_dir="other")) == [
        tmp_path / "other",
        tmp_path / "src" / "package_here",
    ]
    assert folders_of("there:app", Options(app_dir="other")) == [tmp_path / "other"]
    assert folders_of("json:app", Options(app_dir="other"))[0] == tmp_path / "other"


@contextmanager
def watching_(folder: Path, *, before: Callable[[], object] = lambda: None) -> Iterator["queue.Queue[list[Change]]"]:
    """Watch a folder, and give what is reported. `before` is called before the thread starts."""
    reported: queue.Queue[list[Change]] = queue.Queue()
    descriptors = open_descriptors()
    watcher = Watcher(Files([folder]), 0.01, Log())
    before()
    watcher.start(reported.put)
    try:
        yield reported
    finally:
        watcher.stop()
        # The thread of watchfiles closes its own some time after it was told to.
        while open_descriptors().keys() - descriptors.keys():
            time.sleep(0.001)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to notice changes."""
    monkeypatch.delenv("WATCHFILES_FORCE_POLLING", raising=False)
    if request.param == "times":
        monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")
    else:
        pytest.importorskip("watchfiles")
    name: str = request.param
    return name


def test_each_change_is_reported_once(tmp_path: Path, way: str) -> None:
    """What is reported, in the order of paths; files that do not count are not."""
    with watching_(fill(tmp_path, "a.py", "b.py")) as reported:
        (tmp_path / "a.py").write_text("1")
        assert reported.get() == [Change(str(tmp_path / "a.py"), "changed")]
        (tmp_path / "notes.txt").touch()
        (tmp_path / "b.py").unlink()
        assert reported.get() == [Change(str(tmp_path / "b.py"), "removed")]
        fill(tmp_path, "new/deep/c.py")
        assert reported.get() == [Change(str(tmp_path / "new/deep/c.py"), "added")]
        (tmp_path / "new/deep/c.py").write_text("1")
        assert reported.get() == [Change(str(tmp_path / "new/deep/c.py"), "changed")]
    assert reported.empty()


def test_the_same_size_and_time(tmp_path: Path, way: str) -> None:
    """A file that another one replaced is changed, even if it has the same size and the same time."""
    path = fill(tmp_path, "a.py") / "a.py"
    path.write_text("x = 1")
    with watching_(tmp_path) as reported:
        before = path.stat()
        other = tmp_path / "other"
        other.write_text("x = 2")
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.replace(path)
        assert reported.get() == [Change(str(path), "changed")]


def test_changes_before_the_thread_runs(tmp_path: Path, way: str) -> None:
    """From the moment a watcher is made nothing is lost."""
    path = fill(tmp_path, "a.py") / "a.py"
    with watching_(tmp_path, before=lambda: path.write_text("1")) as reported:
        assert [change.what for change in reported.get()] == ["changed"]


def test_changes_are_gathered(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a file keeps changing between two looks at it, nothing is reported."""
    path = fill(tmp_path, "a.py") / "a.py"
    scans: list[int] = []
    scan = Files.scan

    def changing(files: Files) -> Any:
        if 0 < len(scans) < 10:
            path.write_text("x" * len(scans))
        scans.append(1)
        return scan(files)

    monkeypatch.setattr(Files, "scan", changing)
    with watching_(tmp_path) as reported:
        assert [change.what for change in reported.get()] == ["changed"]
        assert len(scans) > 10
    assert reported.empty()


def test_a_watched_folder_that_goes_and_comes(tmp_path: Path, way: str) -> None:
    """As by a change of branches: its files are removed, and added."""
    folder = fill(tmp_path / "src", "a.py")
    with watching_(folder) as reported:
        folder.rename(tmp_path / "away")
        assert [change.what for change in reported.get()] == ["removed"]
        (tmp_path / "away").rename(folder)
        assert [change.what for change in reported.get()] == ["added"]


def module_with(notify: Any) -> ModuleType:
    """A watchfiles with this class."""
    module: Any = SimpleNamespace(RustNotify=notify)
    return module  # type: ignore[no-any-return]


def test_a_limit_of_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If watchfiles can't watch, times are looked at instead, and the log says why, once."""

    def limited(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.delenv("WATCHFILES_FORCE_POLLING", raising=False)
    monkeypatch.setattr(importlib, "import_module", lambda _: module_with(limited))
    with watching_(fill(tmp_path, "a.py")) as reported:
        for text in ("1", "22"):
            (tmp_path / "a.py").write_text(text)
            assert [change.what for change in reported.get()] == ["changed"]
    [record] = [record for record in caplog.records if record.name == "vitok.server"]
    assert record.levelno == logging.WARNING
    assert "watchfiles can't watch ([Errno 28] No space left on device)" in record.getMessage()


@pytest.mark.parametrize(("value", "how"), [("1", "their times"), ("true", "their times"), ("0", "their times")])
def test_polling_can_be_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, how: str) -> None:
    """By the variable of watchfiles, and with its rules."""
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", value)
    assert Watcher(Files([tmp_path]), 0.01, Log()).how == how


def test_watchfiles_can_be_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same the other way round, in WSL for example."""
    pytest.importorskip("watchfiles")
    monkeypatch.setattr(watching.os, "uname", lambda: SimpleNamespace(release="5.15.90-Microsoft-standard-WSL2"))
    for value, how in (("", "their times"), ("false", "watchfiles")):
        monkeypatch.setenv("WATCHFILES_FORCE_POLLING", value)
        assert Watcher(Files([tmp_path]), 0.01, Log()).how == how


def test_a_slow_scan_is_worth_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder with too many files is said so, with the options that help."""
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    Watcher(Files([fill(tmp_path, "a.py")]), 0.01, Log())
    [record] = [record for record in caplog.records if record.name == "vitok.server"]
    assert record.getMessage().startswith("looking at 1 files takes 2.0 s: --reload-dir")
    assert time.monotonic() > 0
