"""The notes of examples/notes in a browser, by mouse and keyboard: templates, notes.js, live.js and notes.css.

Two windows show what one of them does to the other. browser.py drives the browser; test_notes_database.py tests what is
below.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asgi import served
from browser import CONTROL, SHIFT, Page, new_page
from children import APPS, Flavour, Server

EXAMPLES = APPS.parents[2] / "examples"
# What somebody may write who wants to be more than text.
TITLE = "<img src=x onerror=console.error('run')> & \"tea\""
# A picture of one dot.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# A phone's window and a desk's, in pixels.
SIZES = ((390, 844), (1280, 900))
DESKS = {"light": "rgb(243, 239, 231)", "dark": "rgb(21, 19, 17)"}


@pytest.fixture
def server(flavour: Flavour, tmp_path: Path) -> Iterator[Server]:
    """The notes under `vitok serve`, or under uvicorn."""
    with served("notes.app:app", flavour, folder=EXAMPLES, NOTES_FOLDER=str(tmp_path / "data")) as server:
        yield server


@pytest.fixture
def page(browser: str, server: Server) -> Iterator[Page]:
    """A window with the notes. It closes before the server ends."""
    with window(browser, server) as page:
        yield page


@pytest.fixture
def other(browser: str, server: Server, page: Page) -> Iterator[Page]:
    """Another window."""
    with window(browser, server) as other:
        page.wait_for("document.querySelector('#people').textContent.includes('2 people here')")
        yield other


@contextmanager
def window(browser: str, server: Server) -> Iterator[Page]:
    """A window with the notes as they are when all of the page is there. In the end nothing was wrong with it."""
    with new_page(browser) as page:
        # Animations would be in the way of the mouse for a moment.
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        page.open(server.address)
        page.wait_for("/here/.test(document.querySelector('#people').textContent)")
        yield page
        assert page.complaints() == []


def write(page: Page, title: str, text: str) -> None:
    """Write a note, without saving it."""
    page.to_front()
    page.click("#title")
    page.type(title)
    page.press("Tab")
    page.type(text)


def open_form(page: Page, title: str) -> None:
    """Go to the form of a note."""
    page.to_front()
    page.load(lambda: page.click(f"[aria-label='Edit {title}']"))


def wait_for_note(page: Page) -> None:
    """Wait until a note that was written in the other window is shown in the place of its draft."""
    page.wait_for("document.querySelector('#note-1') && !document.querySelector('.draft')")


def is_shown(selector: str, text: str) -> str:
    """The condition that an element shows a text."""
    return f"document.querySelector({selector!r})?.textContent.trim() === {text!r}"


def test_a_note_is_seen_while_it_is_written(page: Page, other: Page) -> None:
    """The other window shows the draft, and then the note; what was written stays text."""
    write(page, TITLE, "two spoons\nper cup")
    other.wait_for("document.querySelector('.draft .text')?.textContent === 'two spoons\\nper cup'")
    assert other.text(".draft h3") == TITLE
    assert page.value("document.querySelectorAll('.draft').length") == 0
    page.press("Enter", modifiers=CONTROL)
    for shown in (page, other):
        shown.wait_for("document.querySelector('#notes h3')")
        assert (shown.text("#notes h3"), shown.text("#notes .text")) == (TITLE, "two spoons\nper cup")
        assert shown.text("#count") == "1"
        assert shown.value("document.querySelectorAll('#notes img').length") == 0
    other.wait_for("!document.querySelector('.draft')")
    page.wait_for(is_shown("#status", "The note is saved."))
    # The form is empty again, and ready for the next note.
    assert page.value("[document.activeElement.id, document.querySelector('#text').value]") == ["title", ""]


def test_a_note_is_changed(page: Page, other: Page) -> None:
    """The other window says that somebody is at it, and shows the change when it is saved."""
    write(page, "Tea", "green")
    page.click("#form button")
    wait_for_note(other)
    open_form(other, "Tea")
    page.wait_for("document.querySelector('#note-1 .badge')?.textContent.endsWith('is editing')")
    other.click("#text")
    other.press("a", modifiers=CONTROL)
    other.type("black")
    other.load(lambda: other.click("#form button"))
    page.wait_for(is_shown("#note-1 .text", "black"))
    other.wait_for(is_shown("#note-1 .text", "black"))
    page.wait_for("!document.querySelector('.badge')")


def test_a_file_goes_there_and_back(page: Page, other: Page, tmp_path: Path) -> None:
    """A picture is shown, and comes back as it was; a text is a link only."""
    picture, text = tmp_path / "a dot.png", tmp_path / 'größe "1".txt'
    picture.write_bytes(PICTURE)
    text.write_text("not a picture\n" * 100_000)
    for path in (text, picture):
        write(page, path.suffix, "")
        page.choose_file("#file", path)
        page.click("#form button")
        page.wait_for(is_shown("#notes h3", path.suffix))
    other.wait_for(is_shown("#notes h3", ".png"))
    other.wait_for("document.querySelectorAll('#notes img').length === 1")
    other.to_front()
    other.value("document.querySelector('#notes img').decode()")
    assert other.text("#note-2 .file span") == "a dot.png"
    assert other.text("#note-1 .file").endswith("1.4 MB")
    arrived = tmp_path / "arrived"
    arrived.mkdir()
    assert other.download("#note-2 .file", arrived).read_bytes() == PICTURE
    page.to_front()
    assert page.download("#note-1 .file", arrived).read_text() == text.read_text()


def test_a_note_is_deleted_by_keyboard(page: Page, other: Page) -> None:
    """The question can be answered with no; its first answer is the one that keeps the note."""
    write(page, "Old", "")
    page.press("Enter", modifiers=CONTROL)
    page.wait_for("document.querySelector('#note-1')")
    page.value("document.querySelector('#note-1 .remove button').focus()")
    page.press("Enter")
    page.wait_for(is_shown("dialog p", "Delete “Old”?"))
    assert page.value("document.activeElement.textContent") == "Keep it"
    page.press("Escape")
    page.wait_for("!document.querySelector('dialog')")
    assert page.value("document.querySelectorAll('.note').length") == 1
    page.press("Enter")
    page.wait_for("document.querySelector('dialog')")
    page.press("Tab")
    page.press("Enter")
    for shown in (page, other):
        shown.wait_for("document.querySelector('.empty')")
        assert shown.text("#count") == "0"


def test_two_writers(page: Page, other: Page, server: Server) -> None:
    """Who has not seen the latest version keeps what they wrote, and is told why it is not saved."""
    write(page, "Plan", "A")
    page.press("Enter", modifiers=CONTROL)
    page.wait_for(is_shown("#status", "The note is saved."))
    open_form(page, "Plan")
    wait_for_note(other)
    # This moves the note, and with it the link to its form.
    other.wait_for("document.querySelector('#note-1 .badge')?.textContent.endsWith('is editing')")
    open_form(other, "Plan")
    other.to_front()
    other.click("#text")
    other.type("B")
    other.load(lambda: other.press("Enter", modifiers=CONTROL))
    assert other.text("#note-1 .text") in {"AB", "BA"}
    page.to_front()
    page.click("#text")
    page.type("C")
    page.click("#form button")
    page.wait_for("document.querySelector('#problem').textContent.startsWith('Somebody else has changed this note')")
    assert page.value("document.querySelector('#text').value") in {"AC", "CA"}
    # The browser itself notes each response with an error.
    (complaint,) = page.complaints()
    assert "409" in complaint["params"]["entry"]["text"]
    page.events.clear()


def test_search(page: Page, other: Page) -> None:
    """A search shows some notes, and goes on showing them when there are more."""
    for title in ("one fish", "two birds"):
        write(page, title, "")
        page.press("Enter", modifiers=CONTROL)
        page.wait_for(is_shown("#notes h3", title))
    other.to_front()
    other.click("#words")
    other.type("FISH")
    other.load(lambda: other.press("Enter"))
    assert other.text("#count") == "1"
    assert other.text("#notes h3") == "one fish"
    other.wait_for("/here/.test(document.querySelector('#people').textContent)")
    for title in ("three birds", "four fish"):
        write(page, title, "")
        page.press("Enter", modifiers=CONTROL)
        page.wait_for(is_shown("#notes h3", title))
    other.wait_for(is_shown("#count", "2"))
    assert other.value("[...document.querySelectorAll('#notes h3')].map((title) => title.innerText)") == [
        "four fish",
        "one fish",
    ]


def test_without_scripts(page: Page) -> None:
    """Forms and links do the same without any script."""
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.load(lambda: page.call("Page.reload"))
    write(page, "Plain", "paper")
    page.load(lambda: page.click("#form button"))
    assert page.text("#notes h3") == "Plain"
    open_form(page, "Plain")
    page.click("#title")
    page.press("a", modifiers=CONTROL)
    page.type("Paper")
    page.load(lambda: page.press("Enter"))
    assert page.text("#notes h3") == "Paper"
    page.load(lambda: page.click("[aria-label='Delete Paper']"))
    assert page.text("#count") == "0"


def test_keyboard_and_names(page: Page) -> None:
    """The focus is visible, the first key leads to the notes, and everything that can be used has a name."""
    write(page, "Named", "")
    page.press("Enter", modifiers=CONTROL)
    page.wait_for("document.querySelector('#note-1')")
    page.value("document.activeElement.blur()")
    page.press("Tab", modifiers=SHIFT)
    page.press("Tab")
    reached = []
    while (name := page.value("document.activeElement.id || document.activeElement.innerText")) not in reached:
        reached.append(name)
        assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid", reached
        page.press("Tab")
    assert {"title", "text", "file", "words"} <= set(reached)
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    used = [node for node in nodes if node["role"]["value"] in {"button", "link", "textbox", "searchbox", "article"}]
    assert len(used) > 8
    assert [node["role"]["value"] for node in used if not node["name"]["value"]] == []


def test_it_fits(page: Page, tmp_path: Path) -> None:
    """On a phone and on a desk nothing stands outside the window, and it is light or dark as its reader wants it."""
    write(page, "x" * 120, "y" * 1000)
    page.press("Enter", modifiers=CONTROL)
    page.wait_for("document.querySelector('#note-1')")
    for scheme, desk in DESKS.items():
        for width, height in SIZES:
            page.look_like(width=width, height=height, scheme=scheme)
            assert page.value("document.documentElement.scrollWidth") <= width
            assert page.value("getComputedStyle(document.body).backgroundColor") == desk
            page.screenshot(tmp_path / f"{scheme}-{width}.png")
