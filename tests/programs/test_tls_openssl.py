"""`openssl s_client` as the client of a server on the loop, and `openssl s_server` as the server of a client.

asyncio's own loop is the control. Each server of ours serves all conversations of a test in one run, and complains of
none of them.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from children import Flavour, Server, beside, serving, words_of
from openssl import certified, s_client, s_server
from test_clients import LOOPS

VERSIONS = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
# Longer than a record, and than what s_client reads at once.
LONG_LINE = "x" * 20_000


@pytest.mark.parametrize("version", VERSIONS)
def test_s_client(
    tls_flavour: Flavour, certificate: Path, version: str, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Issue 12, item 5: s_client as the client of a server on the loop."""
    with serving([*words_of("tls_echo.py", tls_flavour), str(certificate)], tls_flavour) as server:
        with subtests.test("lines, ALPN and the version"):
            check_lines(server, tls_flavour, version)
        with subtests.test("a client certificate"):
            check_client_certificate(server, version, certificate)
        with subtests.test("a session is used again"):
            check_session(server, version, tmp_path / "session")
        if version == "TLSv1.3":
            with subtests.test("key updates"):
                check_key_updates(server)
        else:
            with subtests.test("renegotiation is refused"):
                check_renegotiation(server)
            with subtests.test("a session is used again at once"):
                check_reconnections(server)


def check_lines(server: Server, flavour: Flavour, version: str) -> None:
    """Lines come back, and the server knows what was negotiated."""
    with s_client(server.port, VERSIONS[version], "-alpn", "unknown,lines") as client:
        client.say("a line")
        client.expect("a line\n")
        client.say(LONG_LINE)
        client.expect(f"{LONG_LINE}\n")
        found = info(client)
        assert (found["version"], found["alpn"], found["client"]) == (version, "lines", [])
        assert found["loop"] == LOOPS[flavour.loop]
        # "direct" is a wish: it needs an interpreter that is linked to a shared libssl.
        assert found["engine"] in {"": (None,), "memory": ("memory",), "direct": ("direct", "memory")}[flavour.tls]
        client.say("Q")
        assert "DONE\n" in client.ended()


def check_client_certificate(server: Server, version: str, certificate: Path) -> None:
    """The server knows the client by its certificate."""
    with s_client(server.port, VERSIONS[version], *certified(certificate)) as client:
        assert info(client)["client"] == [[["commonName", "localhost"]]]


def check_session(server: Server, version: str, file: Path) -> None:
    """A session that s_client has written into a file is resumed."""
    with s_client(server.port, VERSIONS[version], "-sess_out", file) as client:
        assert not info(client)["is_reused"]
        client.say("Q")
        client.ended()
    with s_client(server.port, VERSIONS[version], "-sess_in", file) as client:
        assert info(client)["is_reused"]


def check_key_updates(server: Server) -> None:
    """New keys for one direction, and for both, between and after lines."""
    with s_client(server.port, VERSIONS["TLSv1.3"]) as client:
        for number, command in enumerate("kKKk"):
            client.say(command)
            client.expect("KEYUPDATE\n")
            client.say(f"line {number}")
            client.expect(f"line {number}\n")
            client.say(LONG_LINE)
            client.expect(f"{LONG_LINE}\n")


def check_renegotiation(server: Server) -> None:
    """A client that begins a further handshake has to leave."""
    with s_client(server.port, VERSIONS["TLSv1.2"]) as client:
        client.say("a line")
        client.expect("a line\n")
        client.say("R")
        client.expect("RENEGOTIATING\n")
        assert "no renegotiation" in client.ended()


def check_reconnections(server: Server) -> None:
    """The option by which s_client makes five more connections with the session of the first."""
    with s_client(server.port, VERSIONS["TLSv1.2"], "-reconnect") as client:
        for _ in range(5):
            client.expect("Reused, TLSv1.2")
        assert info(client)["is_reused"]


def info(client: Any) -> dict[str, Any]:
    """What the server says of the connection."""
    client.say("info")
    client.expect('{"version"')
    found: dict[str, Any] = json.loads('{"version"' + client.expect("}") + "}")
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_s_server(tls_flavour: Flavour, certificate: Path, version: str) -> None:
    """Issue 12, item 5: s_server as the server of a client on the loop; it asks for a certificate and changes keys."""
    options = (VERSIONS[version], *certified(certificate), "-alpn", "lines", "-Verify", "1", "-verify_return_error")
    # Without a form, each version of openssl writes names in one of its own.
    with s_server(*options, "-nameopt", "RFC2253", "-naccept", "1") as (port, server):
        with beside([*words_of("tls_answers.py", tls_flavour), str(port), str(certificate)], tls_flavour) as end:
            server.expect("CIPHER is")
            server.expect("\n")
            commands = "kK" if version == "TLSv1.3" else "rR"
            for number, command in enumerate(commands):
                server.say(f"a line {number}")
                server.expect(f"A LINE {number}\n")
                server.say(command)
                server.expect("SSL_do_handshake -> 1\n")
                server.say(f"hello {number}")
                server.expect(f"HELLO {number}\n")
            server.say("end")
            *_, found, loop = end()
        assert "subject=CN=localhost\n" in server.ended()
    assert json.loads(found) == {"version": version, "alpn": "lines", "is_ended": True}
    assert loop == LOOPS[tls_flavour.loop]
