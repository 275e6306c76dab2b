"""The site that `make docs` builds, in a browser: every page, light and dark, on a desk and on a phone.

A page asks no other host for anything, shows its text without being wider than the window, and reports no error. The
site is that of VITOK_SITE, or is built here. With VITOK_PICTURES the pictures of all pages are kept in that folder.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Page, new_page, running_browser
from served import serving
from support import PROJECT

DOCS = PROJECT / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
# The windows of a desk and of a phone, in pixels.
DESK, PHONE = (1280, 900), (360, 740)
# Where site_url has it.
PATH = "/vitok"
BUILD_SECONDS = 200

pytestmark = [pytest.mark.vitok_only, pytest.mark.timeout(BUILD_SECONDS + 60)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, which a child serves: a browser keeps connections open for longer than a test."""
    folder = Path(os.environ.get("VITOK_SITE") or built(tmp_path_factory.mktemp("site")))
    with serving("--mount", f"{PATH}={folder}") as server:
        yield f"{server.urls[0]}{PATH}"


def built(folder: Path) -> Path:
    """Build the site, and return its folder."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not installed: make docs-test, or pip install --group docs")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(words, cwd=PROJECT, env=environment, check=True, timeout=BUILD_SECONDS, stdout=-1, stderr=-2)
    return folder


@pytest.fixture(scope="module")
def devtools(site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host and port of a browser's DevTools."""
    with running_browser(tmp_path_factory.mktemp("browser")) as place:
        yield place


@pytest.fixture
def page(site: str, devtools: str) -> Iterator[Page]:
    """A tab, which must not have asked anybody else, nor reported anything."""
    with new_page(devtools) as page:
        yield page
        assert page.complaints() == []
        assert [url for url in requested(page) if not url.startswith((f"{site}/", "data:", "blob:"))] == []


def requested(page: Page) -> list[str]:
    """Return the addresses that a tab has asked for."""
    events = [event for event in page.events if event["method"] == "Network.requestWillBeSent"]
    return [event["params"]["request"]["url"] for event in events]


def address_of(name: str) -> str:
    """Return the path of a page on the site."""
    path = name.removesuffix(".md")
    return path.removesuffix("index") if path.rpartition("/")[2] == "index" else f"{path}/"


@pytest.mark.parametrize("name", PAGES)
def test_page(page: Page, site: str, name: str) -> None:
    """Each page has a title and text, fits into each window, and has the colours that the reader's system asks for."""
    page.look_like(width=DESK[0], height=DESK[1], scheme="light")
    page.open(f"{site}/{address_of(name)}")
    assert page.value("document.title").endswith("vitok")
    assert page.text("h1").strip()
    assert len(page.text(".md-content").split()) > 20
    lightness = {}
    for scheme, palette in (("light", "default"), ("dark", "slate")):
        for size in (DESK, PHONE):
            page.look_like(width=size[0], height=size[1], scheme=scheme)
            # The theme's script follows the system's choice.
            page.wait_for(f"document.body.dataset.mdColorScheme === '{palette}'")
            too_wide = page.value("document.documentElement.scrollWidth - innerWidth")
            assert too_wide <= 0, f"{scheme}, {size}: {widest(page)}"
            keep_picture(page, f"{name.replace('/', '-')}-{scheme}-{size[0]}.png")
        lightness[scheme] = lightness_of(page)
    assert lightness["light"] > 200 > 80 > lightness["dark"]


def widest(page: Page) -> str:
    """Return what is wider than the window."""
    found: str = page.value(
        "[...document.querySelectorAll('.md-main *')]"
        ".filter((one) => one.getBoundingClientRect().right > innerWidth + 1)"
        ".slice(0, 3).map((one) => one.outerHTML.slice(0, 200)).join('\\n')"
    )
    return found


def lightness_of(page: Page) -> float:
    """Return how light the paper is, from 0 to 255."""
    colour = page.value("getComputedStyle(document.body).backgroundColor")
    red, green, blue = map(float, colour[colour.index("(") + 1 : -1].split(",")[:3])
    return (red + green + blue) / 3


def keep_picture(page: Page, name: str) -> None:
    """Keep what the window shows if somebody wants to see it."""
    if folder := os.environ.get("VITOK_PICTURES"):
        page.screenshot(Path(folder) / name)


def test_search(page: Page, site: str) -> None:
    """The search finds a page without a server of its own."""
    page.look_like(width=DESK[0], height=DESK[1], scheme="light")
    page.open(f"{site}/")
    page.to_front()
    page.click(".md-search__input")
    page.type("uvloop")
    page.wait_for("document.querySelector('.md-search-result__item') !== null")
    assert "uvloop" in page.text(".md-search-result__list").lower()


def test_colours_can_be_chosen(page: Page, site: str) -> None:
    """A reader may choose light or dark against the system, and the choice lasts."""
    page.look_like(width=DESK[0], height=DESK[1], scheme="light")
    page.open(f"{site}/")
    for media in ("light", "dark"):
        page.click(".md-header__option label:not([hidden])")
        page.wait_for(f"document.body.dataset.mdColorMedia === '(prefers-color-scheme: {media})'")
    page.load(lambda: page.call("Page.reload"))
    page.wait_for("document.body.dataset.mdColorScheme === 'slate'")
    assert lightness_of(page) < 80
    page.value("localStorage.clear()")


def test_commands_are_copied(page: Page, site: str) -> None:
    """The button of a console copies its commands, not the prompts and the outputs."""
    page.look_like(width=DESK[0], height=DESK[1], scheme="light")
    page.open(f"{site}/tutorial/first-program/")
    # The theme's script sets this attribute while it reads what is to be copied.
    page.value("document.querySelectorAll('.language-console code').forEach((one) => one.dataset.mdCopying = '')")
    texts = page.value("[...document.querySelectorAll('.language-console code')].map((one) => one.innerText.trim())")
    assert "python3 -m venv .venv\n. .venv/bin/activate\npip install vitok" in texts
    assert "python kettle.py" in texts
    assert not [text for text in texts if "$" in text]


def test_a_missing_page(page: Page, site: str) -> None:
    """It is a page of the site, too."""
    page.open(f"{site}/404.html")
    assert "404" in page.text("h1")
