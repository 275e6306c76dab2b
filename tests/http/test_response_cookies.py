"""`Set-Cookie` and `Content-Disposition`: what is written, and what is refused. Needs no server."""

import datetime
from typing import Any

import pytest
from vitok.http.native.cookies import set_cookie
from vitok.http.native.disposition import content_disposition
from vitok.http.native.responses import Response

pytestmark = pytest.mark.vitok_only

LATER = datetime.datetime(2027, 3, 1, 10, 5, 9, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "n=v; Path=/; SameSite=Lax"),
        ({"path": None, "samesite": None}, "n=v"),
        ({"max_age": 60, "samesite": "strict"}, "n=v; Max-Age=60; Path=/; SameSite=Strict"),
        ({"max_age": datetime.timedelta(days=1)}, "n=v; Max-Age=86400; Path=/; SameSite=Lax"),
        ({"expires": LATER}, "n=v; Expires=Mon, 01 Mar 2027 08:05:09 GMT; Path=/; SameSite=Lax"),
        ({"domain": "example.org", "path": "/a b"}, "n=v; Path=/a b; Domain=example.org; SameSite=Lax"),
        (
            {"secure": True, "httponly": True, "samesite": "none", "partitioned": True},
            "n=v; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
        ),
    ],
)
def test_attributes(arguments: dict[str, Any], expected: str) -> None:
    """RFC 6265bis section 4.1."""
    assert set_cookie("n", "v", **arguments) == expected


@pytest.mark.parametrize("value", ["", "a=b", '"quoted"', "a%3Bb", "!#$%&'()*+-./:<=>?@[]^_`{|}~"])
def test_values(value: str) -> None:
    """Section 4.1.1: what a value consists of."""
    assert set_cookie("n", value, path=None, samesite=None) == f"n={value}"


@pytest.mark.parametrize(
    ("name", "value", "arguments", "reason"),
    [
        ("", "", {}, "name: '' is no name"),
        ("a b", "", {}, "no name"),
        ("a=b", "", {}, "no name"),
        ("a\r\nSet-Cookie: b", "", {}, "no name"),
        ("n", "a b", {}, "value: a cookie has visible ASCII"),
        ("n", "a;b", {}, "value: "),
        ("n", "a,b", {}, "value: "),
        ("n", 'a"b', {}, "value: "),
        ("n", "a\\b", {}, "value: "),
        ("n", "é", {}, "value: "),
        ("n", "a\r\nb", {}, "value: "),
        ("n", "v" * 4096, {}, "at most 4096 bytes"),
        ("n", "v", {"path": "a"}, "path: "),
        ("n", "v", {"path": "/;secure"}, "path: "),
        ("n", "v", {"path": "/\n"}, "path: "),
        ("n", "v", {"path": "/" + "a" * 1024}, "path: "),
        ("n", "v", {"domain": "a b"}, "domain: "),
        ("n", "v", {"domain": "a;b"}, "domain: "),
        ("n", "v", {"samesite": "sometimes"}, "samesite: expected strict, lax or none"),
        ("n", "v", {"samesite": "none"}, "samesite: browsers refuse none without secure=True"),
        ("n", "v", {"partitioned": True}, "partitioned: "),
        ("n", "v", {"expires": datetime.datetime(2027, 3, 1)}, "expires: expected a datetime with a time zone"),
        ("__Secure-n", "v", {}, "without secure=True"),
        ("__HOST-n", "v", {}, "without secure=True"),
        ("__Host-n", "v", {"secure": True, "path": "/a"}, "with a domain, or with another path"),
        ("__host-n", "v", {"secure": True, "domain": "example.org"}, "with a domain, or with another path"),
    ],
)
def test_what_a_browser_would_refuse(name: str, value: str, arguments: dict[str, Any], reason: str) -> None:
    """Issue 15: set_cookie "refuses bad names and values; prefixes checked"."""
    with pytest.raises(ValueError, match=reason):
        set_cookie(name, value, **arguments)


def test_prefixes_that_hold() -> None:
    """Section 4.1.3."""
    assert set_cookie("__Host-n", "v", secure=True) == "__Host-n=v; Path=/; Secure; SameSite=Lax"
    assert "Domain=a.b" in set_cookie("__Secure-n", "v", secure=True, domain="a.b")


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("a b (1).txt", 'attachment; filename="a b (1).txt"'),
        ("naïve.txt", "attachment; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ("日本.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"),
        ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("a\\b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%5Cb"),
        ("50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
        ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
        ("a/b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%2Fb"),
        ("\udcff", "attachment; filename=\"_\"; filename*=UTF-8''%3F"),
        (None, "attachment"),
    ],
)
def test_content_disposition(filename: str | None, expected: str) -> None:
    """RFC 6266 section 4.3 and appendix D, RFC 8187 section 3.2."""
    assert content_disposition(filename) == expected
    assert content_disposition("a", "inline") == 'inline; filename="a"'


@pytest.mark.parametrize(("filename", "disposition"), [("", "inline"), ("a\0", "inline"), ("a", "form-data")])
def test_bad_dispositions(filename: str, disposition: str) -> None:
    """What is no file name, and no disposition."""
    with pytest.raises(ValueError, match=r"filename: |disposition: "):
        content_disposition(filename, disposition)


def test_the_cookies_of_another_response_are_all_copied() -> None:
    """Several fields of a name stay several, at creation and by `update()`."""
    first = Response.text("a")
    first.set_cookie("one", "1")
    first.set_cookie("two", "2")
    second = Response("b", headers=first.headers)
    third = Response("c")
    third.headers.update(first.headers)
    for other in (second, third):
        assert other.headers.get_all("set-cookie") == first.headers.get_all("set-cookie")
        assert other.headers.get_all("content-type") == ["text/plain; charset=utf-8"]
