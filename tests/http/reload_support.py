"""A project that is being developed, and `vitok serve --reload` for it.

Each version of an application has a word, which it answers with; what happens is read from the log, never waited for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from served import Served, serving

READY = r"worker (\d+) is ready after"
WAITS = "waiting for a change"
# How changes are noticed: by watchfiles, or without it.
WAYS = ("watchfiles", "times")
APP = """
import json, os
WORD = {word!r}

async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = json.dumps({{"word": WORD, "process": os.getpid()}}).encode()
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}})
    await send({{"type": "http.response.body", "body": body}})
"""


class Project:
    """A folder with the module `site_app`."""

    def __init__(self, folder: Path, way: str) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self.way = way
        self._hidden = folder / "hidden"
        self._hidden.mkdir()
        (self._hidden / "watchfiles.py").write_text("raise ImportError('hidden by a test')\n")
        self.write(APP.format(word="first"))

    def write(self, text: str, name: str = "site_app.py") -> None:
        """Save a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def replace(self, text: str, name: str = "site_app.py") -> None:
        """Save a file as most editors do: another one takes its name."""
        fresh = self.folder / ".fresh"
        fresh.write_text(text)
        fresh.replace(self.folder / name)

    def say(self, word: str) -> None:
        """Save the application with another word."""
        self.replace(APP.format(word=word))

    @contextmanager
    def serving(self, *words: str | Path, app: str = "site_app:app", **options: Any) -> Iterator[Served]:
        """Run the command until it listens."""
        if self.way == "watchfiles":
            pytest.importorskip("watchfiles")
        else:
            options["environment"] = {**options.get("environment", {}), "PYTHONPATH": str(self._hidden)}
        given = ("--reload", "--reload-delay", "0.05", "--no-access-log", *words)
        with serving(*given, app=app, **{"folder": self.folder, **options}) as served:
            yield served


def ready(served: Served) -> int:
    """Wait until the next worker is ready, and return its number."""
    return int(served.read_until(READY)[1])


def word(served: Served) -> str:
    """Return the word of the application that answers."""
    answer: str = served.get()["word"]
    return answer


def is_running(process: int) -> bool:
    """Return whether there is such a process, which is not only waited for."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
