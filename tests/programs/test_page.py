"""The example of `make run`, examples/page, in a browser: app.py, answers.py, measures.py, streams.py and wall.py.

browser.py drives the browser.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from asgi import PAGE, served
from browser import ANSWER_SECONDS, Page, new_page
from children import Flavour

# What somebody may write who wants to be more than text.
NAME = "<img src=x onerror=console.error('run')> & \"Ada\""
# A phone's window and a desk's, in pixels.
SIZES = ((360, 740), (1280, 900))
# Notes what the lines are each time they change.
WATCH = """window.shown = [];
new MutationObserver(() => shown.push(document.querySelector('#lines').textContent))
  .observe(document.querySelector('#lines'), { childList: true }); true"""
PAPERS = {"light": "rgb(246, 244, 240)", "dark": "rgb(23, 21, 19)"}


@pytest.fixture
def page(browser: str, flavour: Flavour) -> Iterator[Page]:
    """The page as it is when it has loaded and the first measurements have come. It closes before its server."""
    with served("app:app", flavour, folder=PAGE, lifespan="auto") as server, new_page(browser) as page:
        page.open(server.address)
        page.wait_for("document.querySelector('#uptime').textContent.includes(':')")
        yield page
        assert page.complaints() == []


def test_without_a_browser(flavour: Flavour) -> None:
    """The routes by themselves: JSON, a form whose answer is escaped, a stream that ends, and what is not there."""
    with served("app:app", flavour, folder=PAGE, lifespan="auto") as server:
        assert json.loads(fetch(f"{server.address}/json")) == {"requests": 1, "connections": 1, "running": 1}
        assert fetch(f"{server.address}/form", b"name=%3Ci%3E") == b"<p>Good day, <b>&lt;i&gt;</b>.</p>"
        assert fetch(f"{server.address}/lines").splitlines()[-1] == b"line 5 of 5"
        with pytest.raises(urllib.error.HTTPError, match="404") as missing:
            fetch(f"{server.address}/nothing")
        missing.value.close()
        assert json.loads(fetch(f"{server.address}/json"))["requests"] == 5


def fetch(address: str, body: bytes | None = None) -> bytes:
    """A response's content; with a body of a form the request is a POST."""
    with urllib.request.urlopen(address, body, timeout=ANSWER_SECONDS) as answer:
        content: bytes = answer.read()
        return content


def test_measurements_change(page: Page, flavour: Flavour) -> None:
    """The figures are there, name the loop, and follow what the server does without the page being loaded again."""
    loops = {"asyncio": "asyncio.unix_events._UnixSelectorEventLoop", "vitok": "vitok.Loop"}
    assert page.text("#loop") == loops[flavour.loop]
    assert page.text("#memory").endswith(" MiB")
    before = int(page.text("#requests"))
    page.click("#work")
    page.wait_for("document.querySelector('#worked').textContent.startsWith('300 answers in ')")
    # Each of them is counted, and the next event of the stream shows it.
    page.wait_for(f"Number(document.querySelector('#requests').textContent) >= {before + 300}")
    page.wait_for("document.querySelector('#curve').getAttribute('points') !== ''")
    assert page.text("#cost").endswith((" µs", " ms"))


def test_form(page: Page) -> None:
    """The form's answer is shown where the form is, and what was written stays text."""
    page.click("#name")
    page.type(NAME)
    page.click("#form button")
    page.wait_for("document.querySelector('#answer b')")
    assert page.text("#answer") == f"Good day, {NAME}."
    assert page.value("document.querySelectorAll('#answer img').length") == 0


def test_stream(page: Page) -> None:
    """The lines of the stream are shown as they come: the page changes several times before it has all of them."""
    page.value(WATCH)
    page.click("#start")
    page.wait_for("!document.querySelector('#start').disabled && shown.length > 0")
    shown = page.value("[...new Set(shown)]")
    assert shown[-1].splitlines() == [f"line {number} of 5" for number in range(1, 6)]
    assert len(shown) > 2
    assert all(later.startswith(earlier) for earlier, later in pairwise(shown))


def test_wall(page: Page, browser: str) -> None:
    """What is written on one page is on all that are open, and on those that are opened later; it stays text."""
    page.wait_for("document.querySelector('#pages').textContent === '1'")
    with new_page(browser) as other:
        other.open(page.value("location.href"))
        page.wait_for("document.querySelector('#pages').textContent === '2'")
        other.click("#line")
        other.type(NAME)
        other.click("#wall button")
        page.wait_for("document.querySelector('#written li')")
        assert page.text("#written li") == NAME
        # Its own page has it from the server, too.
        other.wait_for("document.querySelector('#written li')")
        assert other.complaints() == []
    page.wait_for("document.querySelector('#pages').textContent === '1'")
    with new_page(browser) as later:
        later.open(page.value("location.href"))
        later.wait_for("document.querySelector('#written li')")
        assert (later.text("#written li"), later.text("#pages")) == (NAME, "2")


def test_it_fits(page: Page, tmp_path: Path) -> None:
    """On a phone and on a desk nothing stands outside the window, and it is light or dark as its reader wants it."""
    for scheme, paper in PAPERS.items():
        for width, height in SIZES:
            page.look_like(width=width, height=height, scheme=scheme)
            assert page.value("document.documentElement.scrollWidth") <= width
            assert page.value("getComputedStyle(document.body).backgroundColor") == paper
            page.screenshot(tmp_path / f"{scheme}-{width}.png")
