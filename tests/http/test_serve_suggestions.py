"""What `vitok serve` proposes for a name that leads to no application: files and names nearby, which are not run."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import refused
from vitok.http import application
from vitok.http.application import LoadingError
from vitok.http.module_text import applications_in, factories_in
from vitok.http.options import Options

pytestmark = pytest.mark.vitok_only

# Running it would be noticed.
SITE = """
from fastapi import FastAPI
print("run")
api = FastAPI()
admin = FastAPI()
number = 1
"""
NO_NAME = "'not-a-name' is no name of a module: rename it to not_a_name"
FACTORY = "def create_app():\n    return print\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with modules in it and below."""
    (tmp_path / "site_one.py").write_text(SITE)
    (tmp_path / "made_one.py").write_text(FACTORY)
    (tmp_path / "not-a-name.py").write_text(SITE)
    (tmp_path / "plain.py").write_text("import asyncio\n")
    (tmp_path / "below" / "package").mkdir(parents=True)
    (tmp_path / "no-package").mkdir()
    (tmp_path / "no-package" / "__init__.py").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "below" / "inner_one.py").write_text(FACTORY)
    (tmp_path / "below" / "package" / "__init__.py").touch()
    (tmp_path / "below" / "package" / "main.py").write_text("async def app(scope, receive, send): ...\n")
    (tmp_path / "loaded_one.py").write_text("def app(environ, start_response): ...\nroutes = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    yield tmp_path
    sys.modules.pop("loaded_one", None)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("site_one.py", "it is a file: vitok serve site_one:api or site_one:admin"),
        ("./site_one.py", "it is a file: vitok serve site_one:api or site_one:admin"),
        ("site_one.py:admin", "it is a file: vitok serve site_one:admin"),
        ("./site_one", "it is a file: vitok serve site_one:api or site_one:admin"),
        ("made_one.py", "it is a file: vitok serve made_one:create_app --factory"),
        ("below/inner_one.py", "it is a file: vitok serve inner_one:create_app --factory --app-dir below"),
        ("below/package/main.py:app", "it is a file: vitok serve package.main:app --app-dir below"),
        ("below/package", "it is a package: vitok serve package.main:app --app-dir below"),
        ("below/package/", "it is a package: vitok serve package.main:app --app-dir below"),
        ("below/", "it is a folder: vitok serve inner_one:create_app --factory --app-dir below"),
        ("below", "expected module:attribute, such as inner_one:create_app --factory --app-dir below"),
        (".", "expected module:attribute, such as loaded_one:app"),
        ("./", "it is a folder: vitok serve loaded_one:app"),
        ("empty/", "it is a folder without an application"),
        ("not-a-name.py", f"can't be imported: {NO_NAME}"),
        ("not-a-name", f"it is a file that can't be imported: {NO_NAME}"),
        ("not-a-name:api", f"it is a file that can't be imported: {NO_NAME}"),
        (
            "no-package",
            "it is a package that can't be imported: 'no-package' is no name of a module: rename it to no_package",
        ),
        ("not_a_name:api", "there is no module 'not_a_name' for 'not_a_name:api'"),
        ("loaded_one.app", "expected module:attribute, such as loaded_one:app"),
        ("Site_One:api", "there is no module 'Site_One' for 'Site_One:api': did you mean 'site_one:api'?"),
        ("./plain.py", "no application is seen: vitok serve plain:NAME, or for a program vitok run ./plain.py"),
        ("plain", "expected module:attribute, such as plain:app"),
        ("site_ome.py", "there is no file 'site_ome.py': did you mean 'site_one.py'?"),
        ("below/iner_one.py", "there is no file 'below/iner_one.py': did you mean 'below/inner_one.py'?"),
        ("nowhere/site.py", "there is no file 'nowhere/site.py'"),
        ("site_one", "expected module:attribute, such as site_one:api or site_one:admin"),
        ("made_one:", "expected module:attribute, such as made_one:create_app --factory"),
        ("missing", "expected module:attribute, such as missing:app"),
        ("site_ome:api", "there is no module 'site_ome' for 'site_ome:api': did you mean 'site_one:api'?"),
        ("inner_one:app", "for 'inner_one:app': it is in 'below', for which there is --app-dir below"),
        ("loaded_one:application", "module 'loaded_one' has no attribute 'application': did you mean 'app'?"),
        ("loaded_one:route", "module 'loaded_one' has no attribute 'route': did you mean 'routes'?"),
        ("loaded_one:number.x", "module 'loaded_one' has no attribute 'number.x': did you mean 'app'?"),
    ],
)
def test_what_was_probably_meant(folder: Path, name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message ends with it, and no file is run for it."""
    with pytest.raises(LoadingError) as caught:
        application.load(name, Options())
    assert str(caught.value).endswith(said)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("name", "where"), [("site", "site.py"), ("time", "the module of this name that is built in")])
def test_a_module_that_another_one_hides(folder: Path, name: str, where: str) -> None:
    """A file named as a module that is imported already can't be imported: the message says which one is."""
    with pytest.raises(LoadingError) as caught:
        application.load(f"{name}:app", Options())
    assert str(caught.value) == f"module '{name}' has no attribute 'app'"
    (folder / f"{name}.py").write_text(SITE)
    with pytest.raises(LoadingError) as caught:
        application.load(f"{name}:app", Options())
    assert where in str(caught.value)
    assert str(caught.value).endswith(f", which hides '{name}.py': rename that file")


def test_a_folder_of_the_modules(folder: Path) -> None:
    """A path counts from there, too; what it has needs no option then."""
    for name in ("inner_one.py", "below/inner_one.py"):
        with pytest.raises(LoadingError, match=r"vitok serve inner_one:create_app --factory$"):
            application.split(name, "below")


@pytest.mark.parametrize("name", ["", ":", "/", "./", "..", ".py", "a\0b.py", "x" * 300 + "/y.py", "/proc/1/root/a.py"])
def test_names_that_are_no_paths(folder: Path, name: str) -> None:
    """Each is an error of one line."""
    with pytest.raises(LoadingError) as caught:
        application.split(name)
    assert "\n" not in str(caught.value)


def test_the_command(folder: Path) -> None:
    """It says so in one line, before workers are started, and without an application it names one that is there."""
    for words in ([], ["--workers", "2"], ["--reload"]):
        code, lines = refused("--app-dir", folder, *words, app=f"{folder}/site_one.py")
        assert (code, len(lines)) == (2, 1)
        assert lines[0].endswith("it is a file: vitok serve site_one:api or site_one:admin")
    code, lines = refused("--app-dir", folder / "below", app=None)
    expected = "vitok serve: expected an application, as module:attribute, such as inner_one:create_app --factory"
    assert (code, lines) == (2, [expected])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import x\napp: x.App = x.make()", ["app"]),
        ("a = Flask(__name__)\napp = a", ["app", "a"]),
        ("from .inner import app", ["app"]),
        ("from .inner import site as application", ["application"]),
        ("from fastapi import FastAPI as F\nsite = F()", ["site"]),
        ("try:\n    app = one()\nexcept E:\n    wsgi = two()\nelse:\n    asgi = two()", ["app", "asgi", "wsgi"]),
        ("if x:\n    def site(environ, start_response): ...", ["site"]),
        ("class Site(FastAPI): ...\nsite = Site()", ["site"]),
        ("class Site:\n    async def __call__(self, scope, receive, send): ...\nsite = Site()", ["site"]),
        ("application = get_wsgi_application()", ["application"]),
        ("app = 1\napplication = 'x'\ndef f():\n    app = make()", []),
        ("async def site(scope, _receive, _send): ...", ["site"]),
        ("def (", []),
        ("\0", []),
        (r"app = make('\d')", ["app"]),
        ("(" * 5000, []),
    ],
)
def test_applications_in_a_file(tmp_path: Path, text: str, found: list[str]) -> None:
    """Names at the top level, the usual ones first; what is no Python has none."""
    path = tmp_path / "text.py"
    path.write_text(text)
    assert applications_in(path) == found
    assert factories_in(path) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def create_app(config=None, *, debug=False): ...", ["create_app"]),
        ("def site() -> FastAPI: ...", ["site"]),
        ("def site() -> 'fastapi.FastAPI': ...", ["site"]),
        ("def create_app(config): ...", []),
        ("def create_app(*, config): ...", []),
        ("async def create_app(): ...", []),
    ],
)
def test_factories_in_a_file(tmp_path: Path, text: str, found: list[str]) -> None:
    """Functions that need no argument, and are named or annotated as factories."""
    path = tmp_path / "text.py"
    path.write_text(text)
    assert factories_in(path) == found


def test_files_that_are_not_read(tmp_path: Path) -> None:
    """A folder, a missing file, a pipe without a writer and a file of megabytes have no applications."""
    pipe = tmp_path / "pipe.py"
    os.mkfifo(pipe)
    large = tmp_path / "large.py"
    large.write_text("app = make()\n" + "#" * (1 << 20))
    for path in (tmp_path, tmp_path / "missing.py", pipe, large):
        assert applications_in(path) == []


class Site:
    """An application of ASGI 3 as an object."""

    def __init__(self, name: str, debug: bool = False, title: str = "") -> None:
        """Take three arguments, as the scope would be."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Nothing."""


class WsgiSite:
    """An application of WSGI as an object."""

    def __init__(self, name: str) -> None:
        """Take one argument, as a class of ASGI 2 does."""

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        """Nothing."""
        return []


async def handler(request: Any) -> None:
    """A handler of requests."""


def plain_handler(request: Any) -> str:
    """Another one."""
    return "hello"


async def make() -> None:
    """A factory that would have to be awaited."""


OwnServer = type("Application", (), {"__module__": "aiohttp.web_app", "__call__": lambda self: self})
OF_CLASS = "whose objects are applications: name one, such as app = "


@pytest.mark.parametrize(
    ("app", "interface", "said"),
    [
        (Site, "auto", f"no application: it is the class Site, {OF_CLASS}Site\\(...\\); expected one of ASGI 3"),
        (WsgiSite, "auto", f"no application: it is the class WsgiSite, {OF_CLASS}WsgiSite\\(...\\); expected"),
        (WsgiSite("x"), "asgi3", r"--interface: .* can't be called as one of ASGI 3: .*; it is one of WSGI"),
        (WsgiSite("x"), "asgi2", r"--interface: .* can't be called as one of ASGI 2: .*; it is one of WSGI"),
        (Site("x"), "wsgi", r"--interface: .* can't be called as one of WSGI: .*; it is one of ASGI 3"),
        (handler, "auto", r"no application: it is an async function with \(request\); expected"),
        (plain_handler, "auto", r"no application: it is a function with \(request\); expected"),
        (make, "auto", "no application: it is an async function without parameters: a factory is a plain function"),
        (sys, "auto", "is not callable: it is the module sys, which may have one: name it as sys:app"),
        (OwnServer(), "auto", "it is an application of aiohttp, which has a server of its own: `vitok run`"),
    ],
)
def test_what_an_object_is(app: Any, interface: str, said: str) -> None:
    """An object that is no application is refused with what it is."""
    with pytest.raises(LoadingError, match=said):
        application.load(app, Options(interface=interface))


def test_a_coroutine() -> None:
    """What an async function has returned is told from other objects, and no warning about it follows."""
    with pytest.raises(LoadingError, match="it is a coroutine, which an async function has returned"):
        application.load(make(), Options())


def test_a_factory_of_none() -> None:
    """The result of a factory is described, and an application that is given as a factory."""
    with pytest.raises(LoadingError, match=r"what the factory .* returned is no application: it is the class Site"):
        application.load(lambda: Site, Options(factory=True))
    with pytest.raises(LoadingError, match=r"is not a factory: .* \(if it is the application itself, leave out"):
        application.load(Site("x"), Options(factory=True))


def test_an_application_class_of_vitok() -> None:
    """The class App is not taken for an object of it."""
    from vitok.http import App

    with pytest.raises(LoadingError, match="it is the class App, whose objects are applications"):
        application.load(App, Options())
