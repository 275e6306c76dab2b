"""The cookies of a client, kept by the rules of `http.cookiejar` (RFC 6265 as browsers apply it)."""

from __future__ import annotations

import email.message
import urllib.request
from collections.abc import Iterator, Mapping, MutableMapping
from http.cookiejar import Cookie, CookieJar


class Cookies(MutableMapping[str, str]):
    """The cookies of a client by name. `jar` has them with their domains, paths and times."""

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self.jar: CookieJar = CookieJar()
        self.update(given or {})

    def keep(self, url: str, fields: list[tuple[bytes, bytes]]) -> None:
        """Keep the cookies that a response to a request for this URL sets."""
        if any(name == b"set-cookie" for name, _ in fields):
            self.jar.extract_cookies(_Response(fields), urllib.request.Request(url))  # type: ignore[arg-type]

    def field(self, url: str) -> str | None:
        """Return the field value `cookie` of a request for this URL, or None if there is no cookie for it."""
        request = urllib.request.Request(url)
        self.jar.add_cookie_header(request)
        return request.get_header("Cookie")

    def __getitem__(self, name: str) -> str:
        for cookie in self.jar:
            if cookie.name == name:
                return cookie.value or ""
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        """Set a cookie that is sent with every request."""
        self.pop(name, None)
        self.jar.set_cookie(
            Cookie(
                version=0,
                name=name,
                value=value,
                port=None,
                port_specified=False,
                domain="",
                domain_specified=False,
                domain_initial_dot=False,
                path="/",
                path_specified=True,
                secure=False,
                expires=None,
                discard=True,
                comment=None,
                comment_url=None,
                rest={},
            )
        )

    def __delitem__(self, name: str) -> None:
        found = [cookie for cookie in self.jar if cookie.name == name]
        if not found:
            raise KeyError(name)
        for cookie in found:
            self.jar.clear(cookie.domain, cookie.path, cookie.name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(cookie.name for cookie in self.jar))

    def __len__(self) -> int:
        return len(list(iter(self)))


class _Response:
    """What the jar reads of a response."""

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        self._message = email.message.Message()
        for name, value in fields:
            self._message[name.decode("latin-1")] = value.decode("latin-1")

    def info(self) -> email.message.Message:
        return self._message
