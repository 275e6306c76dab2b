"""Every key of the scope of a request (ASGI HTTP specification, "HTTP Connection Scope").

Bodies and responses are not tested here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgi_places import Place
from asgi_support import GET, Site, request, respond, serving
from certificates_made import Certificates
from wires import both_wires, http1_only, in_order

pytestmark = [pytest.mark.vitok_only, both_wires]

KEYS = [
    "type",
    "asgi",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "headers",
    "client",
    "server",
    "extensions",
]


class Seen:
    """An application that writes down the scope of each request and answers."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Take one request."""
        self.scopes.append(scope)
        await respond(send)


@pytest.fixture
def seen() -> Seen:
    """The application, which keeps each scope."""
    return Seen()


@pytest.fixture
def site(seen: Seen) -> Iterator[Site]:
    """The application served on 127.0.0.1."""
    with serving(seen) as site:
        yield site


def test_every_key_and_its_type(site: Site, seen: Seen) -> None:
    """A scope has the keys of the specification and no others, with values of exactly these types."""
    client = site.connect()
    client.ask()
    [scope] = seen.scopes
    assert sorted(scope) == sorted(KEYS)
    assert type(scope) is dict
    assert scope["type"] == "http"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.3"}
    assert (scope["http_version"], scope["method"], scope["scheme"]) == (client.version, "GET", "http")
    assert (scope["path"], scope["raw_path"], scope["query_string"], scope["root_path"]) == ("/", b"/", b"", "")
    assert scope["headers"] == [(b"host", b"a")]
    assert tuple(scope["client"]) == client.sock.getsockname()
    assert tuple(scope["server"]) == site.address
    assert scope["extensions"] == {"http.response.early_hint": {}, "http.response.trailers": {}}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"path_send": True}, {"http.response.pathsend"}),
        ({"zero_copy_send": True}, {"http.response.zerocopysend"}),
        ({"path_send": True, "zero_copy_send": True}, {"http.response.pathsend", "http.response.zerocopysend"}),
        ({"path_send": False, "zero_copy_send": False}, set()),
    ],
)
def test_files_are_announced_on_request(options: dict[str, bool], names: set[str]) -> None:
    """The extensions that send files are announced where whoever runs the server has asked for them."""
    seen = Seen()
    with serving(seen, **options) as site:
        site.ask()
        assert set(seen.scopes[0]["extensions"]) == {"http.response.early_hint", "http.response.trailers"} | names


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        ("/", "/", b"/", b""),
        ("/a/b", "/a/b", b"/a/b", b""),
        ("/?", "/", b"/", b""),
        ("/a?b=c&d=%20", "/a", b"/a", b"b=c&d=%20"),
        ("/a?b?c", "/a", b"/a", b"b?c"),
        ("/%41%62", "/Ab", b"/%41%62", b""),
        ("/a%2Fb", "/a/b", b"/a%2Fb", b""),
        ("/caf%C3%A9", "/caf\xe9", b"/caf%C3%A9", b""),
        ("/caf%c3%a9/%E2%82%AC", "/caf\xe9/\u20ac", b"/caf%c3%a9/%E2%82%AC", b""),
        ("/%25", "/%", b"/%25", b""),
        ("/%2541", "/%41", b"/%2541", b""),
        ("/%00", "/\0", b"/%00", b""),
        ("/+", "/+", b"/+", b""),
        ("//a//b", "//a//b", b"//a//b", b""),
        ("/a/../b/./c", "/a/../b/./c", b"/a/../b/./c", b""),
        ("http://other.example/p?q", "/p", b"/p", b"q"),
        ("http://other.example", "/", b"/", b""),
        ("http://other.example?q", "/", b"/", b"q"),
    ],
)
def test_paths(site: Site, seen: Seen, target: str, path: str, raw_path: bytes, query: bytes) -> None:
    """`path` is decoded once and not normalised; `raw_path` and the query are as they were sent."""
    assert site.ask(request(target)).status == 200
    [scope] = seen.scopes
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)
    assert (type(scope["path"]), type(scope["raw_path"]), type(scope["query_string"])) == (str, bytes, bytes)


@pytest.mark.parametrize("target", ["/%", "/%4", "/%zz", "/%4g", "/a%", "/%e", "/%%41"])
def test_broken_percent_encodings_do_no_harm(site: Site, seen: Seen, target: str) -> None:
    """A percent sign that begins no encoding is refused or stands for itself; the server answers either way."""
    status = site.ask(request(target)).status
    assert status in (200, 400)
    if status == 200:
        assert seen.scopes[0]["raw_path"] == target.encode()
        assert seen.scopes[0]["path"].count("%") >= 1


@pytest.mark.parametrize("target", ["/%ff", "/%C3", "/a%C3(", "/%ED%A0%80", "/%F8%88%80%80%80"])
def test_paths_that_are_no_utf_8(site: Site, seen: Seen, target: str) -> None:
    """What is no UTF-8 becomes replacement characters: `path` is a string that can be encoded again."""
    assert site.ask(request(target)).status == 200
    [scope] = seen.scopes
    assert "\ufffd" in scope["path"]
    assert scope["path"].encode()
    assert scope["raw_path"] == target.encode()


def test_the_asterisk(site: Site, seen: Seen) -> None:
    """`OPTIONS *` reaches the application (RFC 9112 section 3.2.4)."""
    assert site.ask(request("*", method="OPTIONS")).status == 200
    assert (seen.scopes[0]["method"], seen.scopes[0]["path"]) == ("OPTIONS", "*")


def test_the_asterisk_is_below_no_path(seen: Seen) -> None:
    """The target `*` is the server as a whole, wherever a proxy shows the application."""
    with serving(seen, root_path="/pre/fix") as site:
        site.ask(request("*", method="OPTIONS"))
    [scope] = seen.scopes
    assert (scope["path"], scope["raw_path"], scope["root_path"]) == ("*", b"*", "/pre/fix")


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "X"]
)
def test_methods(site: Site, seen: Seen, method: str) -> None:
    """Every method reaches the application, registered or not."""
    assert site.ask(request(method=method)).status == 200
    assert seen.scopes[0]["method"] == method
    assert type(seen.scopes[0]["method"]) is str


@pytest.mark.parametrize(
    ("target", "path"), [("/a", "/pre/fix/a"), ("/caf%C3%A9", "/pre/fix/caf\xe9"), ("/", "/pre/fix/")]
)
def test_root_path(seen: Seen, target: str, path: str) -> None:
    """`root_path` is what was asked for, and `path` and `raw_path` begin with it (ASGI, "root_path")."""
    with serving(seen, root_path="/pre/fix") as site:
        site.ask(request(target))
    [scope] = seen.scopes
    assert scope["root_path"] == "/pre/fix"
    assert scope["path"] == path
    assert scope["raw_path"] == b"/pre/fix" + target.encode()


def test_headers_keep_order_and_duplicates(site: Site, seen: Seen) -> None:
    """Names are in lower case; the order and duplicates are the client's; values lose only the blanks around them.

    In HTTP/2 fields of one name come together, where the first of them stands.
    """
    lines = b"Host: a\r\nX-One: 1\r\nCookie: b=c\r\nx-one:  2 \t\r\nX-ONE:\r\nX-Odd: \xff\xe9 \t x\r\naccept: */*\r\n"
    assert site.ask(b"GET / HTTP/1.1\r\n" + lines + b"\r\n").status == 200
    assert [tuple(pair) for pair in seen.scopes[0]["headers"]] == in_order(
        (b"host", b"a"),
        (b"x-one", b"1"),
        (b"cookie", b"b=c"),
        (b"x-one", b"2"),
        (b"x-one", b""),
        (b"x-odd", b"\xff\xe9 \t x"),
        (b"accept", b"*/*"),
    )
    assert {type(part) for pair in seen.scopes[0]["headers"] for part in pair} == {bytes}


def test_the_host_is_first(site: Site, seen: Seen) -> None:
    """An absolute target says which host is meant, whatever the field says (RFC 9112 section 3.2.2): an application
    sees one of them, never both."""
    assert site.ask(b"GET http://real.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n").status in (200, 400)
    for scope in seen.scopes:
        assert [value for name, value in scope["headers"] if name == b"host"] in ([b"real.example"], [b"other.example"])


@http1_only("an older version on the same connection")
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_versions(site: Site, seen: Seen, version: str) -> None:
    """`http_version` is the request's, and one does not stick to the next request."""
    client = site.connect()
    client.ask(request("/", "connection: keep-alive", version=version))
    client.ask(GET)
    assert [scope["http_version"] for scope in seen.scopes] == [version, "1.1"]


def test_ipv6(seen: Seen) -> None:
    """Over IPv6 both ends are a host and a port, without flow and scope."""
    with serving(seen, host="::1") as site:
        client = site.connect()
        client.ask()
        assert tuple(seen.scopes[0]["client"]) == client.sock.getsockname()[:2]
        assert tuple(seen.scopes[0]["server"]) == ("::1", site.address[1])


def test_unix_sockets(seen: Seen, tmp_path: Path) -> None:
    """Over a Unix socket the client has no address, and the server's is the path without a port."""
    with serving(seen, path=str(tmp_path / "s")) as site:
        assert site.ask().status == 200
    assert seen.scopes[0]["client"] is None
    assert tuple(seen.scopes[0]["server"]) == (str(tmp_path / "s"), None)


def test_tls(seen: Seen, certificates: Certificates) -> None:
    """Over TLS the scheme is https, the addresses are the socket's, and answers arrive whole."""
    place = Place("TLS", certificates)
    with serving(seen, **place.options) as site:
        client = place.connect(site)
        name = client.sock.getsockname()
        assert client.ask().body == b"ok"
        last = client.ask(request("/", "connection: close"))
        assert (last.status, last.body) == (200, b"ok")
        assert client.ends_after(last)
    assert [scope["scheme"] for scope in seen.scopes] == ["https", "https"]
    assert {tuple(scope["client"]) for scope in seen.scopes} == {name}
    assert len({tuple(scope["server"]) for scope in seen.scopes}) == 1


def test_state_is_copied(seen: Seen) -> None:
    """Each request has a copy of the lifespan's state, with the same values inside (ASGI, "Lifespan State")."""
    state: dict[str, Any] = {"pool": object(), "list": []}
    with serving(seen, state=state) as site:
        client = site.connect()
        client.ask()
        seen.scopes[0]["state"]["mine"] = 1
        state["late"] = 2
        client.ask()
    first, second = (scope["state"] for scope in seen.scopes)
    assert first is not state
    assert first is not second
    assert "mine" not in state
    assert "mine" not in second
    assert first["pool"] is second["pool"] is state["pool"]
    assert first["list"] is state["list"]


@pytest.mark.parametrize("options", [{}, {"state": None}])
def test_no_state(seen: Seen, options: dict[str, Any]) -> None:
    """Without the lifespan's state there is no such key."""
    with serving(seen, **options) as site:
        site.ask()
    assert "state" not in seen.scopes[0]


def test_scopes_share_nothing_that_changes(site: Site, seen: Seen) -> None:
    """What an application does to its scope no other request sees, on the same connection or another one."""
    client = site.connect()
    client.ask()
    spoilt = seen.scopes[0]
    fresh = {name: repr(value) for name, value in spoilt.items()}
    spoilt["extensions"].clear()
    spoilt["asgi"].clear()
    spoilt["headers"].append((b"x", b"y"))
    for name in KEYS:
        spoilt[name] = "spoilt"
    spoilt["more"] = 1
    client.ask()
    site.ask()
    for scope in seen.scopes[1:]:
        assert sorted(scope) == sorted(KEYS)
        assert {name: repr(scope[name]) for name in KEYS if name != "client"} == {
            name: text for name, text in fresh.items() if name != "client"
        }


def test_nothing_of_another_request_stays(site: Site, seen: Seen) -> None:
    """Requests and connections in turn, of two listeners of one server, have their own method, query and addresses."""
    server = site.run(site.loop.create_server(site.http, "127.0.0.1", 0))
    listening = [site.address, server.sockets[0].getsockname()]
    clients = [site.connect()]
    site.server, server = server, site.server
    clients.append(site.connect())
    for _ in range(2):
        for client in clients:
            client.ask(request("/?a=1", method="POST"))
            client.ask(request("/"))
    site.server, server = server, site.server
    server.close()
    facts = [(scope["method"], scope["query_string"], scope["server"]) for scope in seen.scopes]
    both = [[("POST", b"a=1", address), ("GET", b"", address)] for address in listening]
    assert facts == (both[0] + both[1]) * 2
    own = [client.sock.getsockname() for client in clients]
    assert [scope["client"] for scope in seen.scopes] == [own[0], own[0], own[1], own[1]] * 2
