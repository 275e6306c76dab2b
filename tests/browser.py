"""A page in headless Chromium, driven over the DevTools protocol: actions on it, its contents and its reports.

The protocol's messages are JSON over a WebSocket (https://chromedevtools.github.io/devtools-protocol/). The library
`websockets` carries them, so that Debian's own Chromium is used and no other is downloaded. Pages are not known here.
"""

import base64
import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from needs import need_command, need_library

# A page is there in a fraction of a second, the browser in a few; the machine may be busy.
ANSWER_SECONDS = 30
# What comes by a WebSocket or a stream is there within this time, if its cause is over; live charts never rest.
LOOK_SECONDS, LOOKS_AT_MOST = 0.1, 10
LISTENS = re.compile(r"DevTools listening on ws://(?P<place>127\.0\.0\.1:\d+)/")
# Nothing is asked of any other server, nothing is remembered, and no shared memory of a container's few MiB is used.
FLAGS = (
    *("--headless=new", "--remote-debugging-port=0", "--remote-debugging-address=127.0.0.1", "--no-proxy-server"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage", "--disable-gpu", "--mute-audio"),
    # Servers of tests have certificates that nobody else has signed.
    "--ignore-certificate-errors",
)
# The browser's own cage needs a user other than root.
AS_ROOT = ("--no-sandbox",)
# Keys by their names, with their Windows codes, which Chromium uses everywhere, and what they write.
KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), "a": (65, "a")}
CONTROL, SHIFT = 2, 8
# Resolves as soon as an expression of the page is true; it is tried anew when anything on the page has changed.
WHEN = """new Promise((resolve) => {
  const look = () => { if (%s) { observer.disconnect(); resolve(true); } };
  const observer = new MutationObserver(look);
  observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
  look();
})"""


class Page:
    """One tab. Each call answers when the browser has."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.numbers = count(1)
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol; events that come meanwhile are kept."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := self.receive()).get("id") != number:
            self.events.append(message)
        assert "error" not in message, (method, message["error"])
        result: dict[str, Any] = message["result"]
        return result

    def receive(self) -> dict[str, Any]:
        """The next message; TimeoutError if there is none."""
        message: dict[str, Any] = json.loads(self.socket.recv(ANSWER_SECONDS))
        return message

    def open(self, address: str) -> None:
        """Go to an address and wait until everything that belongs to the page is there."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        assert "errorText" not in self.call("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def to_front(self) -> None:
        """Show the page in front of the others, as somebody does who uses it: others are in the background."""
        self.call("Page.bringToFront")

    def load(self, act: Callable[[], object]) -> None:
        """Do something that leads to another page, and wait until everything that belongs to it is there."""
        self.events = [event for event in self.events if event["method"] != "Page.loadEventFired"]
        act()
        self.wait_for_event("Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript comes to; a promise is waited for."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true."""
        assert self.value(WHEN % condition)

    def text(self, selector: str) -> str:
        """What an element shows."""
        shown: str = self.value(f"document.querySelector({json.dumps(selector)}).innerText")
        return shown

    def click(self, selector: str) -> None:
        """Click on the middle of an element, by the mouse."""
        where = f"document.querySelector({json.dumps(selector)})"
        self.settle()
        self.value(f"{where}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        x, y = self.value(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({where}.getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def settle(self) -> None:
        """Wait until the page stays as it is for a moment: the mouse misses what something new has moved meanwhile.

        A page that always changes is clicked as it is. This works without scripts, too.
        """
        before = None
        for _ in range(LOOKS_AT_MOST):
            shown = self.value("document.documentElement.outerHTML")
            if shown == before:
                return
            before = shown
            time.sleep(LOOK_SECONDS)

    def type(self, text: str) -> None:
        """Write into whatever has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, *, modifiers: int = 0) -> None:
        """Press a key and release it: the name of one, as KEYS has them, with CONTROL or SHIFT held down."""
        code, text = KEYS[key]
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        # A key that writes something does so only if no other is held down.
        writes = {"text": text} if text and not modifiers else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **writes)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def choose_file(self, selector: str, path: Path) -> None:
        """Click on a field for files, and choose one in the window that opens."""
        self.call("Page.setInterceptFileChooserDialog", enabled=True)
        self.click(selector)
        chooser = self.wait_for_event("Page.fileChooserOpened")
        self.call("DOM.setFileInputFiles", files=[str(path)], backendNodeId=chooser["backendNodeId"])

    def download(self, selector: str, folder: Path) -> Path:
        """Click on a link to a file, wait until the folder has it, and return its path."""
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=True)
        self.click(selector)
        name = self.wait_for_event("Browser.downloadWillBegin")["suggestedFilename"]
        while self.wait_for_event("Browser.downloadProgress")["state"] == "inProgress":
            pass
        return folder / name

    def wait_for_event(self, method: str) -> dict[str, Any]:
        """Wait for the next event of this kind, or take the first one that has come, and return what it says."""
        while not (found := [event for event in self.events if event["method"] == method]):
            self.events.append(self.receive())
        self.events.remove(found[0])
        parameters: dict[str, Any] = found[0]["params"]
        return parameters

    def look_like(self, *, width: int, height: int, scheme: str) -> None:
        """Give the page a window of so many pixels, and a reader who wants it `light` or `dark`."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path: Path) -> None:
        """What the window shows, as a PNG file."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def complaints(self) -> list[dict[str, Any]]:
        """Errors and warnings of the console, exceptions that nobody caught, and requests that failed."""
        return [event for event in self.events if is_complaint(event["method"], event.get("params", {}))]


def is_complaint(method: str, parameters: dict[str, Any]) -> bool:
    """Whether an event of the protocol speaks of something wrong."""
    if method == "Runtime.consoleAPICalled":
        return parameters["type"] in {"error", "warning", "assert"}
    if method == "Log.entryAdded":
        return parameters["entry"]["level"] in {"error", "warning"}
    if method == "Network.loadingFailed":
        # Chromium calls a body cancelled that a script has read piece by piece, although it came to its end.
        return not parameters.get("canceled")
    return method == "Runtime.exceptionThrown"


@contextmanager
def running_browser(folder: Path) -> Iterator[str]:
    """A browser that keeps its profile in the folder. Gives the host and port of its DevTools.

    What it writes once it listens stays in its pipe until the end; its few lines have room there.
    """
    need_library("websockets")
    words = [str(need_command("chromium", package="chromium")), *FLAGS, f"--user-data-dir={folder}"]
    if os.geteuid() == 0:
        words += AS_ROOT
    with subprocess.Popen([*words, "about:blank"], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield place_of(process)
        finally:
            process.terminate()
            try:
                process.communicate(timeout=ANSWER_SECONDS)
            finally:
                process.kill()


def place_of(process: subprocess.Popen[str]) -> str:
    """Read what a browser says until it names the place of its DevTools."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := LISTENS.search(line):
            return found["place"]
    raise AssertionError(f"the browser ended before it listened:\n{said}")


@contextmanager
def new_page(place: str) -> Iterator[Page]:
    """A new tab, which is closed afterwards."""
    from websockets.sync.client import connect

    request = urllib.request.Request(f"http://{place}/json/new?about:blank", method="PUT")
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
        target = json.load(answer)
    with connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None, compression=None) as socket:
        page = Page(socket)
        yield page
        page.call("Page.close")
