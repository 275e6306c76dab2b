"""The application by its name, factories, and kinds of callables.

The command line is not tested here.
"""

import asyncio
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vitok.http.application import Asgi2, LoadingError, load
from vitok.http.options import Options

pytestmark = pytest.mark.vitok_only


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which a test writes modules; what it imported from there is forgotten."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


async def asgi3(scope: Any, receive: Any, send: Any) -> None:
    """An application."""


def load_from(folder: Path, name: str, **options: Any) -> Any:
    """Load by name with this folder as --app-dir."""
    return load(name, Options(app_dir=str(folder), **options))


def test_an_object_by_its_path(module: Path) -> None:
    """`module:attribute` with dots on both sides."""
    (module / "package").mkdir()
    (module / "package" / "inner.py").write_text("class A:\n    class b:\n        app = print\n")
    assert load_from(module, "package.inner:A.b.app") is print


def test_a_factory(module: Path) -> None:
    """With `factory` what was named is called; without, a function that takes nothing is no application."""
    (module / "factories.py").write_text("def make():\n    return print\n")
    assert load_from(module, "factories:make", factory=True) is print
    with pytest.raises(LoadingError, match="it is a function without parameters: with --factory it is called"):
        load_from(module, "factories:make")


def test_an_object_needs_no_name() -> None:
    """An application that is given as such is taken as it is."""
    assert load(asgi3, Options()) is asgi3
    assert load(lambda: asgi3, Options(factory=True)) is asgi3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("loaded", "has no attribute: expected module:attribute, such as loaded:app"),
        ("loaded:", "has no attribute"),
        (":app", "not of the form"),
        ("loaded:a b", "not of the form"),
        ("loaded.py:app", "'loaded.py:app' is not of the form module:attribute: it is a file: vitok serve loaded:app"),
        ("absent.py:app", "no module 'absent"),
        ("missing:app", "no module 'missing'"),
        ("missing.inner:app", "no module 'missing'"),
        ("loaded:missing", "module 'loaded' has no attribute 'missing'"),
        ("loaded:number.missing", "module 'loaded' has no attribute 'number.missing'"),
        ("loaded:number", "'loaded:number' is not callable: it is an object of type int"),
    ],
)
def test_names_that_lead_nowhere(module: Path, name: str, said: str) -> None:
    """What is wrong with a name is one line that has the name in it."""
    (module / "loaded.py").write_text("number = 1\n")
    with pytest.raises(LoadingError, match=said):
        load_from(module, name)


@pytest.mark.parametrize("body", ["import no_such_module", "raise ValueError('mine')", "def f(:", "1 / 0"])
def test_what_a_module_raises_is_its_own(module: Path, body: str) -> None:
    """An exception while the module is imported is raised as it is, a missing import inside included."""
    (module / "broken.py").write_text(body)
    with pytest.raises(Exception, match=r"no_such_module|mine|syntax|division") as caught:
        load_from(module, "broken:app")
    assert not isinstance(caught.value, LoadingError)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def make(needed): ...", "can't be called without arguments"),
        ("async def make(): ...", "is an async function"),
        ("def make(): return 1", "returned an object that is not callable, of type int"),
    ],
)
def test_factories_that_are_none(module: Path, body: str, said: str) -> None:
    """A factory is called without arguments and gives an application."""
    (module / "factories.py").write_text(body)
    with pytest.raises(LoadingError, match=said):
        load_from(module, "factories:make", factory=True)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """--app-dir has to be a folder."""
    with pytest.raises(LoadingError, match="--app-dir"):
        load_from(tmp_path / "missing", "a:b")


class Single:
    """ASGI 3 as an object."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Nothing."""


class Awaited:
    """ASGI 3 as a class whose instances are awaited."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        """Nothing."""

    def __await__(self) -> Iterator[None]:
        """Nothing."""
        yield


class Double:
    """ASGI 2 as a class."""

    def __init__(self, scope: Any) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        """Show the scope."""
        await send(self.scope)


def plain(scope: Any, receive: Any, send: Any) -> Any:
    """ASGI 3 as a function that gives an awaitable."""
    return asgi3(scope, receive, send)


def wrapped(*arguments: Any) -> Any:
    """Something that takes whatever comes."""


@pytest.mark.parametrize(
    "app", [asgi3, plain, wrapped, Single(), Awaited, functools.partial(asgi3), functools.partial(plain)]
)
def test_asgi3_is_seen_by_its_parameters(app: Any) -> None:
    """What takes three arguments is called with three."""
    assert load(app, Options()) is app


def test_asgi2_is_seen_by_its_parameters() -> None:
    """What takes one argument is called twice, and told that it is ASGI 2."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    for app in (Double, lambda scope: Double(scope)):
        loaded = load(app, Options())
        assert isinstance(loaded, Asgi2)
        asyncio.run(loaded({"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}, None, send))
        assert sent.pop()["asgi"] == {"version": "2.0", "spec_version": "2.3"}


def test_the_interface_can_be_said() -> None:
    """`interface` overrules what the parameters look like."""
    assert isinstance(load(wrapped, Options(interface="asgi2")), Asgi2)
    assert load(wrapped, Options(interface="asgi3")) is wrapped
