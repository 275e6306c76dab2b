"""docs/reference/: the built pages have each public name with its docstring, and each function with its signature."""

import ast
import functools
import importlib
import importlib.util
import inspect
import re
import shutil
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support import PROJECT

pytestmark = pytest.mark.vitok_only

MODULES = ("vitok", "vitok.loop", "vitok.http", "vitok.http.testing", "vitok.httptools", "vitok.uvicorn")
# What a module gives beside its `__all__`: names that warn or cost time, and the class of a function's result.
MORE = {"vitok": ("Metrics", "EventLoopPolicy", "install"), "vitok.httptools": ("URL",)}
# Methods with underscores that programs call by an operator.
SPECIAL = ("__call__", "__contains__", "__getitem__", "__iter__", "__len__")
# Members of the loop with asyncio's documentation.
INHERITED = ("create_connection", "slow_callback_duration")
# The same classes under another name, which a page mentions.
ALIASES = {"vitok.EventLoop", "vitok.loop.Loop"}


class Page(HTMLParser):
    """One page: of each documented object its signature, and the text below it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.signatures: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self._name = ""
        self._in: dict[str, str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a heading, a signature or a text."""
        found = dict(attrs)
        classes = (found.get("class") or "").split()
        if "doc-heading" in classes:
            self._name, self._in = found.get("id") or "", None
        elif "doc-signature" in classes:
            self._in = self.signatures
        elif "doc-contents" in classes and self._name:
            self._in = self.texts
            self.texts.setdefault(self._name, "")

    def handle_data(self, data: str) -> None:
        """Add text to what was begun."""
        if self._in is not None:
            self._in[self._name] = self._in.get(self._name, "") + data


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Return the pages of the reference together, built by the configuration of the site without its other pages."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not installed: make docs-test, or pip install --group docs")
    build: Any = importlib.import_module("mkdocs.commands.build").build
    load: Any = importlib.import_module("mkdocs.config").load_config
    folder = tmp_path_factory.mktemp("reference")
    shutil.copytree(PROJECT / "docs" / "reference", folder / "docs" / "reference")
    target = folder / "site"
    validation = {"nav": {"omitted_files": "ignore"}, "links": {"not_found": "ignore", "unrecognized_links": "ignore"}}
    build(
        load(
            str(PROJECT / "mkdocs.yml"),
            docs_dir=str(folder / "docs"),
            site_dir=str(target),
            nav=[],
            validation=validation,
        )
    )
    return Page("".join(page.read_text() for page in sorted(target.glob("reference/*/index.html"))))


def test_every_public_name_is_there(pages: Page) -> None:
    """All that the modules export, and the public members of the classes, have a heading and a text."""
    names = set(public_names())
    assert len(names) > 300, "the modules export more than that"
    assert names - set(pages.texts) == set()


def test_every_entry_has_a_docstring(pages: Page) -> None:
    assert [name for name, text in pages.texts.items() if not text.strip() and name not in ALIASES] == []


def test_functions_have_signatures(pages: Page) -> None:
    """Arguments with their types, of native functions as well, whose module has none."""
    for name in public_names():
        value: object = resolved(name)
        if inspect.isroutine(value) and type(value) is not functools.cached_property:
            assert re.search(r"\w+\(.*\)", pages.signatures.get(name, ""), re.DOTALL), name
    assert "name: str" in pages.signatures["vitok.http.Request.url_for"]
    assert "-> bytes" in pages.signatures["vitok.Loop.sock_recv"]
    assert "backlog=100" in pages.signatures["vitok.Loop.create_server"]
    assert "delay: float" in pages.signatures["vitok.Loop.call_later"]
    assert "data: ReadableBuffer" in pages.signatures["vitok.httptools.HttpRequestParser.feed_data"]


def public_names() -> Iterator[str]:
    """Yield what programs may use, by the name under which they import it."""
    for place in MODULES:
        module = importlib.import_module(place)
        exported = getattr(module, "__all__", None) or [
            name for name, value in vars(module).items() if getattr(value, "__module__", "") == place
        ]
        for name in (*exported, *MORE.get(place, ())):
            if name.startswith("_") and name != "__version__":
                continue
            yield from () if f"{place}.{name}" in ALIASES else [f"{place}.{name}"]
            value = getattr(module, name)
            if inspect.isclass(value) and f"{place}.{name}" not in ALIASES:
                yield from (f"{place}.{name}.{member}" for member in members(value))


def members(value: type) -> set[str]:
    """Return the public members of a class that this package defines, without what is documented elsewhere."""
    elsewhere = set(vars(Mapping)) if issubclass(value, Mapping) else set(INHERITED)
    found = set(getattr(value, "__annotations__", ()))
    for base in value.__mro__:
        if base.__module__.partition(".")[0] == "vitok":
            found |= set(vars(base)) | assigned(base)
    return {name for name in found if not name.startswith("_") or name in SPECIAL} - elsewhere


def assigned(value: type) -> set[str]:
    """Return the attributes that methods of a class of Python assign to `self`."""
    files = {member.__code__.co_filename for member in vars(value).values() if inspect.isfunction(member)}
    return {
        node.attr
        for file in files
        if Path(file).is_relative_to(PROJECT)
        for defined in ast.walk(ast.parse(Path(file).read_text()))
        if isinstance(defined, ast.ClassDef) and defined.name == value.__name__
        for node in ast.walk(defined)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }


def resolved(name: str) -> Any:
    """Return the object of a public name."""
    place = max((module for module in MODULES if name.startswith(f"{module}.")), key=len)
    value: Any = importlib.import_module(place)
    for part in name.removeprefix(f"{place}.").split("."):
        value = getattr(value, part, None)
    return value
