"""The example of `make run`, examples/page, in a browser over TLS: browser and server choose HTTP/2 for all of it.

What the page does is tested in test_page.py, whose steps are taken here.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import test_page as steps
from asgi import PAGE, served
from browser import Page, new_page
from children import FLAVOURS

pytestmark = pytest.mark.vitok_only

# What the browser calls the version of HTTP by which it got the page, and by which it got everything else.
PROTOCOL = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
OTHERS = "[...new Set(performance.getEntriesByType('resource').map((entry) => entry.nextHopProtocol))].join()"


@pytest.fixture
def page(browser: str, certificate: Path) -> Iterator[Page]:
    """The page as it is when it has loaded and the first measurements have come. It closes before its server."""
    running = served("app:app", FLAVOURS["vitok"], folder=PAGE, lifespan="auto", certificate=certificate)
    with running as server, new_page(browser) as page:
        page.open(server.address)
        page.wait_for("document.querySelector('#uptime').textContent.includes(':')")
        assert page.value(PROTOCOL) == "h2"
        yield page
        assert page.complaints() == []


def test_page(page: Page, browser: str) -> None:
    """Measurements, a form, streams and a WebSocket, some hundred requests at a time."""
    steps.test_measurements_change(page, FLAVOURS["vitok"])
    steps.test_form(page)
    steps.test_stream(page)
    steps.test_wall(page, browser)
    assert page.value(OTHERS) == "h2"
