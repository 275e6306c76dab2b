"""The field Forwarded (RFC 7239), and the ports of X-Forwarded-For and X-Forwarded-Port.

Trusted peers are tested in test_serve_proxies.py.
"""

import random
from typing import Any

import pytest
from served import get, serving
from vitok.http import App, Request
from vitok.http.forwarded import address_and_port, elements_from_last
from vitok.http.options import Options
from vitok.http.proxies import Forwarded, Trusted
from vitok.http.testing import serve

pytestmark = pytest.mark.vitok_only

LOCAL = Options().forwarded_allow_ips
PEER = ("127.0.0.1", 5000)


def corrected(
    *fields: tuple[str, str],
    style: str = "forwarded",
    trusted: tuple[str, ...] = LOCAL,
    client: tuple[str, int] | None = PEER,
    server: tuple[str, int | None] = ("10.0.0.1", 8000),
    kind: str = "http",
) -> dict[str, Any]:
    """A scope as the application sees it."""
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields]
    scope = {"type": kind, "client": client, "server": server, "scheme": "http", "headers": headers}
    Forwarded(Trusted(trusted), style).correct(scope)
    return scope


def by(*values: str, **more: Any) -> tuple[Any, str]:
    """Client and scheme by the values of Forwarded."""
    scope = corrected(*(("Forwarded", value) for value in values), **more)
    return scope["client"], scope["scheme"]


@pytest.mark.parametrize(
    ("values", "client"),
    [
        # The examples of RFC 7239, sections 4, 6 and 7.1.
        (['For="[2001:db8:cafe::17]:4711"'], ("2001:db8:cafe::17", 4711)),
        (["for=192.0.2.60;proto=http;by=203.0.113.43"], ("192.0.2.60", 0)),
        (["for=192.0.2.43, for=198.51.100.17"], ("198.51.100.17", 0)),
        (['for="192.0.2.43:47011"'], ("192.0.2.43", 47011)),
        (['for=192.0.2.43, for="[2001:db8:cafe::17]"'], ("2001:db8:cafe::17", 0)),
        (['for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown'], PEER),
        (['for="_gazonk"'], PEER),
        (["for=_hidden, for=_SEVKISEK"], PEER),
        # The port may be obfuscated, too.
        (['for="192.0.2.43:_port"'], ("192.0.2.43", 0)),
        # Several fields are one list; trusted proxies are passed over.
        (["for=192.0.2.1", "for=192.0.2.2"], ("192.0.2.2", 0)),
        (['for="192.0.2.1:80"', "for=127.0.0.1"], ("192.0.2.1", 80)),
        (["for=192.0.2.1, for=127.0.0.1, for=127.0.0.1"], ("192.0.2.1", 0)),
        (["for=127.0.0.1"], ("127.0.0.1", 0)),
        (["for=unknown, for=127.0.0.1"], ("127.0.0.1", 0)),
        # White space, empty members, empty pairs, escapes and unknown parameters.
        ([" , for=192.0.2.1 ;; by=x ,, "], ("192.0.2.1", 0)),
        (['for="192\\.0.2.1";x="a,b;for=c\\""'], ("192.0.2.1", 0)),
        (["by=127.0.0.1"], PEER),
        (["for=192.0.2.1, by=127.0.0.1"], PEER),
        # What is malformed says nothing, and nothing before it does.
        (["for=192.0.2.1;for=192.0.2.2"], PEER),
        (["for=192.0.2.1, for"], PEER),
        (["for=192.0.2.1, for=a b"], PEER),
        (["for=192.0.2.1, ;"], PEER),
        (["for = 192.0.2.1"], PEER),
        (["for=2001:db8::1"], PEER),
        ([""], PEER),
        # Nor can a client hide what a proxy appends.
        (['for="192.0.2.1, for=198.51.100.17'], ("198.51.100.17", 0)),
        (['for="192.0.2.1', "for=198.51.100.17"], ("198.51.100.17", 0)),
        (['for="\\, for="[2001:db8::1]:80"'], ("2001:db8::1", 80)),
        (['for="x\\"y, for=127.0.0.1, for="[2001:db8::1]"'], ("2001:db8::1", 0)),
    ],
)
def test_the_client(values: list[str], client: tuple[str, int]) -> None:
    """The last address that is not a trusted proxy, with its port if that is told."""
    assert by(*values)[0] == client


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        ("for=192.0.2.1;proto=https", "https"),
        ('for=192.0.2.1;Proto="HTTPS"', "https"),
        ("proto=https", "https"),
        ("for=192.0.2.1;proto=gopher", "http"),
        # The scheme of the client, and not that of one proxy to the next.
        ("for=192.0.2.1;proto=https, for=127.0.0.1;proto=http", "https"),
        ("for=192.0.2.9;proto=https, for=192.0.2.1;proto=http", "http"),
    ],
)
def test_the_scheme(value: str, scheme: str) -> None:
    """It is that of the element which names the client."""
    assert by(value)[1] == scheme
    assert by(value, kind="websocket")[1] == ("wss" if scheme == "https" else "http" if "gopher" in value else "ws")


def test_only_one_style_is_believed() -> None:
    """Whoever trusts one kind of fields does not look at the other, which a client could have sent."""
    fields = (("Forwarded", "for=192.0.2.1;proto=https"), ("X-Forwarded-For", "192.0.2.2"), ("X-Forwarded-Port", "443"))
    scope = corrected(*fields)
    assert (scope["client"], scope["scheme"], scope["server"]) == (("192.0.2.1", 0), "https", ("10.0.0.1", 8000))
    scope = corrected(*fields, style="x-forwarded")
    assert (scope["client"], scope["scheme"], scope["server"]) == (("192.0.2.2", 0), "http", ("10.0.0.1", 443))


def test_others_are_not_believed() -> None:
    """A peer that is not trusted says nothing."""
    assert by("for=192.0.2.7;proto=https", client=("192.0.2.1", 1)) == (("192.0.2.1", 1), "http")
    assert by("for=192.0.2.7", client=None) == (None, "http")
    assert by("for=192.0.2.7", client=None, trusted=("unix",)) == (("192.0.2.7", 0), "http")


@pytest.mark.parametrize(
    ("port", "server"),
    [
        ("443", ("10.0.0.1", 443)),
        ("80, 443", ("10.0.0.1", 443)),
        ("0", ("10.0.0.1", 8000)),
        ("65536", ("10.0.0.1", 8000)),
        ("https", ("10.0.0.1", 8000)),
        ("", ("10.0.0.1", 8000)),
        ("\u00b2", ("10.0.0.1", 8000)),
    ],
)
def test_the_port_of_the_server(port: str, server: tuple[str, int]) -> None:
    """X-Forwarded-Port is the one that the client has connected to."""
    assert corrected(("X-Forwarded-Port", port), style="x-forwarded")["server"] == server


def test_a_unix_socket_has_no_port() -> None:
    """And gets none."""
    scope = corrected(("X-Forwarded-Port", "443"), style="x-forwarded", server=("/run/app.sock", None))
    assert scope["server"] == ("/run/app.sock", None)


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("192.0.2.7:4711", ("192.0.2.7", 4711)),
        ("[2001:db8::1]:4711", ("2001:db8::1", 4711)),
        ("[::ffff:192.0.2.7]:1", ("192.0.2.7", 1)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("192.0.2.7:99999", ("192.0.2.7", 0)),
        ("192.0.2.7:x", ("192.0.2.7", 0)),
        ("[2001:db8::1", PEER),
        ("fe80::1%<script>", PEER),
    ],
)
def test_the_port_of_the_client(value: str, client: tuple[str, int]) -> None:
    """X-Forwarded-For may have it behind the address."""
    assert corrected(("X-Forwarded-For", value), style="x-forwarded")["client"] == client


PARTS = [
    "for", "=", ";", ",", '"', "\\", " ", "\t", "proto", "https", "192.0.2.1", "127.0.0.1", "[", "]", ":", "::1", "80",
    "_x", "unknown", "\xff", "\x00", "%", "99999999", "for=127.0.0.1", 'for="[::1]:1"',
]  # fmt: skip


def test_any_text_is_read() -> None:
    """Nothing raises, and what follows a comma is found behind anything."""
    chance = random.Random(16)
    for _ in range(4000):
        text = "".join(chance.choices(PARTS, k=chance.randrange(24)))
        address_and_port(text)
        elements = list(elements_from_last([text]))
        assert next(iter(elements_from_last([text, "for=x"]))) == {"for": "x"}
        assert next(iter(elements_from_last([f"{text}, for=x"]))) == {"for": "x"}
        for style in ("forwarded", "x-forwarded"):
            scope = corrected((style if style == "forwarded" else "x-forwarded-for", text), style=style)
            assert scope["scheme"] in ("http", "https")
            assert isinstance(scope["client"][1], int)
        assert all(isinstance(element, dict) for element in elements)


def test_an_element_of_any_length() -> None:
    """The last element is the same however much of a field is looked at first."""
    chance = random.Random(17)
    for size in (200, 250, 255, 256, 257, 300, 4090, 4100, 9000):
        for _ in range(20):
            text = "".join(chance.choices(PARTS, k=chance.randrange(24)))
            quoted = "".join(chance.choices([",", ", for=evil", '\\"', " "], k=8)).ljust(size, "x")
            found = list(elements_from_last([f'{text}, for=a;x="{quoted}"']))
            assert found[0] == {"for": "a", "x": quoted.replace('\\"', '"')}


@pytest.mark.parametrize("part", [",", ", ", ";", ",;", " ", ",a=b", ';a="', '\\"', ',a="\\"', "a", "for=127.0.0.1,"])
def test_a_long_field_is_no_work(part: str) -> None:
    """64 KiB of anything take no time that grows with the square of that: the test would hit its time limit."""
    text = part * (65536 // len(part))
    for before, after in (("", ""), ("", "!("), ("for=x,", ""), ('for="', "")):
        corrected(("Forwarded", before + text + after))


@pytest.mark.parametrize(
    ("style", "fields", "expected"),
    [
        ("forwarded", {"Forwarded": 'for="192.0.2.7:4711";proto=https'}, (["192.0.2.7", 4711], None, "https")),
        (
            "x-forwarded",
            {"X-Forwarded-For": "192.0.2.7:4711", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"},
            (["192.0.2.7", 4711], 443, "https"),
        ),
    ],
)
def test_a_native_application(style: str, fields: dict[str, str], expected: tuple[Any, int | None, str]) -> None:
    """`request.client`, `request.server` and `request.scheme`."""
    app = App()

    @app.get("/")
    def told(request: Request) -> Any:
        return [request.server, request.client, request.scheme]

    with serve(app, proxy_headers=True, forwarded_style=style) as url:
        port = int(url.rpartition(":")[2])
        server, client, scheme = get(port, **fields)  # type: ignore[misc]
    assert (client, scheme) == (expected[0], expected[2])
    assert server == ["127.0.0.1", expected[1] or port]


def test_a_served_application() -> None:
    """The options as a command, for an ASGI application."""
    with serving("--proxy-headers", "--forwarded-style", "forwarded") as served:
        answer = served.get("/", Forwarded='for="192.0.2.7:4711";proto=https')
        assert (answer["client"], answer["scheme"]) == (["192.0.2.7", 4711], "https")
