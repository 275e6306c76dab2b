"""Serving an `App` for tests, on a loop of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgi_support import Answer, Site, request, serving

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from vitok.http import App


def served(app: App) -> AbstractContextManager[Site]:
    """Serve an application, as `serving` does."""
    return serving(app._compiled())


def ask(site: Site, target: str = "/", *fields: str, method: str = "GET", body: bytes = b"") -> Answer:
    """Send one request by a connection of its own."""
    return site.ask(request(target, *fields, method=method, body=body))


def get(site: Site, target: str = "/", **more: Any) -> str:
    """Return the text of a response with the status 200."""
    answer = ask(site, target, **more)
    assert answer.status == 200, (answer.line, answer.body)
    return answer.body.decode()


def problem(answer: Answer) -> tuple[int, str]:
    """Return the status and the detail of a problem."""
    assert answer.one(b"content-type") == b"application/problem+json"
    content = answer.json
    assert content["status"] == answer.status
    return answer.status, content.get("detail", "")
