"""Keeps pages of other sites out: from sending requests by a visitor's browser, and from showing these pages.

Browsers say where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`. Other clients send neither, and
have nothing that another site could misuse. Notes are not known here.
"""

from collections.abc import Awaitable, Callable, Mapping

from vitok.http import HTTPError, Request, Response

READING = {"GET", "HEAD", "OPTIONS"}
# What a page may load, by default nothing, and who may show it within another one.
POLICY = """default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'"""
FIXED = {"content-security-policy": " ".join(POLICY.split()), "x-content-type-options": "nosniff"}


def is_same_site(headers: Mapping[str, str]) -> bool:
    """Tell whether a request comes from a page of this site, from its user directly, or from no browser."""
    if (source := headers.get("sec-fetch-site")) is not None:
        return source in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


async def protect(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Let requests pass that only read, and those of this site."""
    if request.method not in READING and not is_same_site(request.headers):
        raise HTTPError(403, "this request comes from a page of another site")
    return await call_next(request)


def restrict(_request: Request, response: Response) -> None:
    """Let a browser load nothing but what this site has, and take each response for the type that it names."""
    for name, value in FIXED.items():
        response.headers.setdefault(name, value)
