"""The client as reported by a trusted proxy, and headers that are ignored.

Connections are not tested here.
"""

from typing import Any

import pytest
from vitok.http.options import OptionError, Options
from vitok.http.proxies import ProxyHeaders, Trusted

pytestmark = pytest.mark.vitok_only

LOCAL = Options().forwarded_allow_ips


def seen(
    *headers: tuple[str, str],
    client: tuple[str, int] | None = ("127.0.0.1", 5000),
    trusted: tuple[str, ...] = LOCAL,
    kind: str = "http",
) -> tuple[Any, str]:
    """Client and scheme that the application sees."""
    scopes: list[dict[str, Any]] = []
    scope = {
        "type": kind,
        "client": client,
        "scheme": "ws" if kind == "websocket" else "http",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    ProxyHeaders(lambda scope, receive, send: scopes.append(scope), Trusted(trusted))(scope, None, None)
    return scopes[0]["client"], scopes[0]["scheme"]


FOR, PROTO = "X-Forwarded-For", "X-Forwarded-Proto"


def test_a_trusted_proxy_is_believed() -> None:
    """Client and scheme are those that the proxy saw."""
    assert seen((FOR, "192.0.2.7"), (PROTO, "https")) == (("192.0.2.7", 0), "https")
    assert seen((PROTO, "https"), kind="websocket")[1] == "wss"


def test_others_are_not_believed() -> None:
    """A peer that is not in the list, or has no address, says nothing."""
    for client in (("192.0.2.1", 5000), ("::ffff:192.0.2.1", 5000), None):
        assert seen((FOR, "192.0.2.7"), (PROTO, "https"), client=client) == (client, "http")


@pytest.mark.parametrize(
    ("client", "trusted"),
    [
        (("10.1.2.3", 1), ("10.0.0.0/8",)),
        (("::ffff:10.1.2.3", 1), ("10.0.0.0/8",)),
        (("2001:db8::5", 1), ("2001:db8::/32",)),
        (("192.0.2.1", 1), ("*",)),
        (None, ("*",)),
        (None, ("unix",)),
    ],
)
def test_who_can_be_trusted(client: tuple[str, int] | None, trusted: tuple[str, ...]) -> None:
    """Addresses, networks, everybody, and peers on Unix sockets."""
    assert seen((FOR, "198.51.100.7"), client=client, trusted=trusted)[0] == ("198.51.100.7", 0)


@pytest.mark.parametrize(
    ("values", "client"),
    [
        (["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
        (["203.0.113.9", "192.0.2.7"], "192.0.2.7"),
        (["203.0.113.9, 192.0.2.7, 127.0.0.1"], "192.0.2.7"),
        (["127.0.0.1, ::1"], "127.0.0.1"),
        (["192.0.2.7:4711"], "192.0.2.7"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["192.0.2.7,,"], "192.0.2.7"),
        (["unknown, 192.0.2.7"], "192.0.2.7"),
        (["192.0.2.7, unknown"], None),
        (["192.0.2.7, unknown, 127.0.0.1"], "127.0.0.1"),
        ([""], None),
        (["<script>"], None),
    ],
)
def test_the_last_untrusted_address_counts(values: list[str], client: str | None) -> None:
    """Each proxy adds its peer at the end; what stands before the first untrusted one could be anybody's claim."""
    expected = client or "127.0.0.1"
    assert seen(*((FOR, value) for value in values))[0][0] == expected


@pytest.mark.parametrize(("value", "scheme"), [("HTTPS", "https"), ("gopher", "http"), ("http, https", "https")])
def test_schemes(value: str, scheme: str) -> None:
    """The last of several counts, and only http and https are schemes."""
    assert seen((PROTO, value))[1] == scheme


def test_a_lifespan_has_no_client() -> None:
    """A scope that is no connection's is handed on as it is."""
    scopes: list[Any] = []
    ProxyHeaders(lambda *arguments: scopes.append(arguments), Trusted(("*",)))({"type": "lifespan"}, 1, 2)
    assert scopes == [({"type": "lifespan"}, 1, 2)]


@pytest.mark.parametrize("word", ["localhost", "1.2.3", "10.0.0.0/33"])
def test_words_that_are_no_addresses(word: str) -> None:
    """A word that could never match is refused, and not ignored."""
    with pytest.raises(OptionError, match="--forwarded-allow-ips"):
        Trusted([word])


def test_a_word_that_names_no_peers() -> None:
    """The error shows it, and what may stand there: a host name is none of these."""
    with pytest.raises(
        OptionError, match=r"^--forwarded-allow-ips: 'lb\.local' is not an address, a network, unix or \*$"
    ):
        Trusted(("::1", "lb.local"))
