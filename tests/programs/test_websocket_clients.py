"""Popular WebSocket clients against a plain ASGI application, which all of them visit in the same way.

Each is a program of apps/, on the loop that serves it. A browser has the visits in a language of its own.
"""

from collections.abc import Iterator

import pytest
from asgi import served
from browser import new_page
from children import APPS, Flavour, run_to_end, words_of
from needs import need_library

LOOPS = {"asyncio": "asyncio.unix_events._UnixSelectorEventLoop", "vitok": "vitok.Loop"}
CLIENTS = {
    "websockets": ("websockets",),
    "websockets_sync": ("websockets",),
    "aiohttp": ("aiohttp",),
    "picows": ("picows",),
    "httpx_ws": ("httpx_ws", "wsproto"),
}


@pytest.fixture(scope="module")
def site(flavour: Flavour) -> Iterator[str]:
    """The application, served for all of them."""
    need_library("websockets")
    with served("asgi_websocket:app", flavour, lifespan="off", ws="wsproto") as server:
        yield server.address.replace("http://", "ws://")


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client(site: str, flavour: Flavour, name: str) -> None:
    """All visits of apps/websocket_visits.py."""
    for library in CLIENTS[name]:
        need_library(library)
    words = [*words_of(f"websocket_by_{name}.py", flavour), site]
    assert run_to_end(words, flavour) == LOOPS[flavour.loop]


def test_a_browser(site: str, browser: str) -> None:
    """Chromium, which offers compression and parameters of it."""
    with new_page(browser) as page:
        page.value((APPS / "websocket_visits.js").read_text() + "null")
        assert page.value(f"visitAll('{site}')") == "visited"
