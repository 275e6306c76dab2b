"""Contexts of the user, taken unchanged: names, protocols, certificates of clients, callbacks, subclasses.

Sessions are tested in test_tls_sessions.py.
"""

import asyncio
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import reports_of, unix_pair
from support import private, result, turn_until
from tls_certificates import CLIENT, OTHER_SERVER, SERVER, Contexts
from tls_support import SIDES, begin, end, peer_of, secured

# asyncio's own loop closes the socket before it has sent the alert of a failed handshake.
NO_ALERT = ("UNEXPECTED_EOF_WHILE_READING",)


def refused(loop: asyncio.AbstractEventLoop, contexts: Contexts, **options: Any) -> tuple[BaseException, BaseException]:
    """Run a handshake that must fail, and return the errors of both ends: the loop's first.

    `peer_context` is for the peer, all other options are for the loop's end.
    """
    ours, theirs = unix_pair()
    protocol = Recorder()
    side = options.get("side", "client")
    peer = peer_of(loop, contexts, theirs, side=side, context=options.pop("peer_context", None))
    task = begin(loop, contexts, protocol, ours, **options)
    with theirs:
        try:
            peer.handshake()
            # With TLS 1.3 a client's own handshake ends before the server's refusal arrives.
            peer.read()
            raise AssertionError("the handshake has not failed")
        except ssl.SSLError as exc:
            theirs_error: BaseException = exc
        turn_until(loop, task.done)
        ours_error = task.exception()
        end(loop, task, ours)
    assert ours_error is not None
    # In TLS 1.3 a client is connected before it hears of the refusal.
    assert protocol.calls in ([], ["connection_made", "connection_lost"])
    return ours_error, theirs_error


def test_a_name_chooses_the_context(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A server's `sni_callback` puts another context into the real `SSLObject` that it is given."""
    seen: list[tuple[type, str | None, ssl.SSLContext]] = []
    first, second = contexts.server(), contexts.server(OTHER_SERVER)

    def choose(tls: Any, name: str | None, context: ssl.SSLContext) -> None:
        seen.append((type(tls), name, context))
        if name == OTHER_SERVER:
            tls.context = second

    first.sni_callback = choose
    for name, subject in ((OTHER_SERVER, OTHER_SERVER), (SERVER, SERVER)):
        client = contexts.client()
        ours, theirs = unix_pair()
        protocol = Recorder()
        task = begin(loop, contexts, protocol, ours, side="server", context=first)
        peer = peer_of(loop, contexts, theirs, side="client", context=contexts.server())
        peer.tls = client.wrap_bio(peer.incoming, peer.outgoing, server_hostname=name)
        with theirs:
            peer.handshake()
            transport, _ = result(loop, task)
            certificate: Any = peer.tls.getpeercert()
            assert certificate["subject"] == ((("commonName", subject),),)
            chosen = transport.get_extra_info("ssl_object").context
            assert chosen is (second if name == OTHER_SERVER else first)
            # The context that was given.
            assert transport.get_extra_info("sslcontext") is first
            peer.write(b"x")
            turn_until(loop, lambda made=protocol: made.data == b"x")
            end(loop, task, ours)
    assert seen == [(ssl.SSLObject, OTHER_SERVER, first), (ssl.SSLObject, SERVER, first)]


def test_a_name_that_is_refused(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The handshake fails if the callback returns an alert."""
    context = contexts.server()
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_ACCESS_DENIED
    ours, theirs = refused(loop, contexts, side="server", context=context)
    assert isinstance(ours, ssl.SSLError)
    assert private(theirs).reason in ("TLSV1_ALERT_ACCESS_DENIED", *NO_ALERT)


def test_a_name_callback_that_raises(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exception is unraisable, as with every `SSLObject`, and the handshake fails."""
    context = contexts.server()
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)

    def choose(*_: object) -> None:
        raise LookupError("choosing")

    context.sni_callback = choose
    ours, theirs = refused(loop, contexts, side="server", context=context)
    assert isinstance(ours, ssl.SSLError)
    assert private(theirs).reason in ("SSLV3_ALERT_HANDSHAKE_FAILURE", "SSL/TLS_ALERT_HANDSHAKE_FAILURE", *NO_ALERT)
    assert [type(report.exc_value) for report in seen] == [LookupError]


@pytest.mark.parametrize("side", SIDES)
def test_application_protocols(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """ALPN: what both offer is chosen, and nothing if there is nothing in common."""
    for offered, expected in ((["h2", "http/1.1"], "http/1.1"), (["h3"], None)):
        ours = contexts.client() if side == "client" else contexts.server()
        theirs = contexts.server() if side == "client" else contexts.client()
        ours.set_alpn_protocols(offered)
        theirs.set_alpn_protocols(["http/1.1"])
        with secured(loop, contexts, side=side, context=ours, peer_context=theirs) as wire:
            assert wire.transport.get_extra_info("ssl_object").selected_alpn_protocol() == expected
            assert wire.peer.tls.selected_alpn_protocol() == expected


@pytest.mark.parametrize("mode", [ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED])
def test_a_certificate_of_the_client(loop: asyncio.AbstractEventLoop, contexts: Contexts, mode: ssl.VerifyMode) -> None:
    """A server that asks for it finds it in the extra info."""
    context = contexts.asking_for_certificates(mode)
    with secured(loop, contexts, side="server", context=context, peer_context=contexts.client(CLIENT)) as wire:
        certificate = wire.transport.get_extra_info("peercert")
        assert certificate["subject"] == ((("commonName", CLIENT),),)
        assert wire.transport.get_extra_info("ssl_object").getpeercert() == certificate
    server = contexts.asking_for_certificates(mode)
    with secured(loop, contexts, context=contexts.client(CLIENT), peer_context=server) as wire:
        theirs: Any = wire.peer.tls.getpeercert()
        assert theirs["subject"] == ((("commonName", CLIENT),),)


def test_no_certificate_where_it_is_optional(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The client is served, and has no certificate."""
    context = contexts.asking_for_certificates(ssl.CERT_OPTIONAL)
    with secured(loop, contexts, side="server", context=context) as wire:
        assert wire.transport.get_extra_info("peercert") is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_certificate_where_it_is_required(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, version: ssl.TLSVersion
) -> None:
    """The handshake fails on both ends."""
    context = contexts.asking_for_certificates(ssl.CERT_REQUIRED)
    context.maximum_version = version
    ours, theirs = refused(loop, contexts, side="server", context=context)
    assert private(ours).reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    assert isinstance(theirs, ssl.SSLError)


def test_no_certificate_for_a_server_that_requires_it(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A client of TLS 1.3 is connected first, and is told of the refusal as the reason of its loss."""
    ours, theirs = unix_pair()
    protocol = Recorder()
    peer = peer_of(loop, contexts, theirs, context=contexts.asking_for_certificates(ssl.CERT_REQUIRED))
    task = begin(loop, contexts, protocol, ours)
    with theirs:
        with pytest.raises(ssl.SSLError, match="peer did not return a certificate"):
            peer.handshake()
        turn_until(loop, lambda: protocol.lost)
        end(loop, task, ours)
    (error,) = protocol.lost
    assert private(error).reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert protocol.calls == ["connection_made", "connection_lost"]


def test_an_unknown_authority(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The client's error says what is wrong with the certificate."""
    ours, theirs = refused(loop, contexts, context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert isinstance(ours, ssl.SSLCertVerificationError)
    assert ours.verify_message == "unable to get local issuer certificate"
    assert private(theirs).reason in ("TLSV1_ALERT_UNKNOWN_CA", *NO_ALERT)


@pytest.mark.parametrize("side", SIDES)
def test_no_common_version(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """The handshake fails on both ends with errors of `ssl`."""
    ours = contexts.client() if side == "client" else contexts.server()
    theirs = contexts.server() if side == "client" else contexts.client()
    ours.minimum_version = ssl.TLSVersion.TLSv1_3
    theirs.maximum_version = ssl.TLSVersion.TLSv1_2
    errors = refused(loop, contexts, side=side, context=ours, peer_context=theirs)
    assert all(isinstance(error, ssl.SSLError) for error in errors)


@pytest.mark.parametrize("side", SIDES)
def test_the_log_of_keys(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, tmp_path: Path) -> None:
    """`keylog_filename` of either end has the same secrets."""
    ours = contexts.client() if side == "client" else contexts.server()
    theirs = contexts.server() if side == "client" else contexts.client()
    ours.keylog_filename = str(tmp_path / "ours")
    theirs.keylog_filename = str(tmp_path / "theirs")
    with secured(loop, contexts, side=side, context=ours, peer_context=theirs) as wire:
        wire.transport.write(b"x")
        wire.peer.receive(1)
    logs = [set((tmp_path / name).read_text().splitlines()) for name in ("ours", "theirs")]
    secrets = [{line for line in log if not line.startswith("#")} for log in logs]
    assert secrets[0] == secrets[1]
    assert len(secrets[0]) >= 4


@pytest.mark.parametrize("side", SIDES)
def test_messages_are_reported(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """`_msg_callback` sees the handshake, and later messages with the same object."""
    seen: list[Any] = []
    ours = private(contexts.client() if side == "client" else contexts.server())
    ours._msg_callback = lambda tls, direction, _version, _content, kind, _data: seen.append((tls, direction, kind))
    with secured(loop, contexts, side=side, context=ours) as wire:
        kinds = [getattr(kind, "name", kind) for _, _, kind in seen]
        assert {"CLIENT_HELLO", "SERVER_HELLO", "FINISHED"} <= set(kinds)
        assert {direction for _, direction, _ in seen} == {"read", "write"}
        assert {id(tls) for tls, _, _ in seen} == {id(wire.transport.get_extra_info("ssl_object"))}
        before = len(seen)
        wire.transport.write(b"x")
        wire.peer.receive(1)
        wire.peer.write(b"y")
        turn_until(loop, lambda: wire.protocol.data)
        # The header of each record is a message.
        assert len(seen) > before
        seen.clear()


def failing_on_request(context: Any, fails: list[str]) -> ssl.SSLContext:
    """Let the context's message callback raise while there is something in the list."""

    def report(*_: object) -> None:
        if fails:
            raise LookupError(fails[0])

    context._msg_callback = report
    given: ssl.SSLContext = context
    return given


def test_a_message_callback_that_raises_in_the_handshake(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The handshake fails, at the latest by its timeout: asyncio's own loop may go on to wait for the peer."""
    reports = reports_of(loop)
    ours, theirs = unix_pair()
    context = failing_on_request(contexts.client(), ["handshake"])
    task = begin(loop, contexts, Recorder(), ours, context=context, ssl_handshake_timeout=0.01)
    with theirs:
        turn_until(loop, task.done)
        assert isinstance(task.exception(), (LookupError, ConnectionAbortedError))
        end(loop, task, ours)
    assert all(isinstance(report["exception"], LookupError) for report in reports)


@pytest.mark.parametrize("moment", ["reading", "writing"])
def test_a_message_callback_that_raises_later(loop: asyncio.AbstractEventLoop, contexts: Contexts, moment: str) -> None:
    """Its exception is the reason of the loss, and goes to the loop's exception handler."""
    reports = reports_of(loop)
    fails: list[str] = []
    with secured(loop, contexts, context=failing_on_request(contexts.client(), fails)) as wire:
        fails.append(moment)
        if moment == "writing":
            wire.transport.write(b"x")
        else:
            wire.peer.write(b"x")
        turn_until(loop, lambda: wire.protocol.lost)
        fails.clear()
        (error,) = wire.protocol.lost
        assert (type(error), error.args) == (LookupError, (moment,))
        assert [report["exception"] for report in reports] == [error]
        assert reports[0]["message"] == "Fatal error on SSL protocol"


@pytest.mark.parametrize("moment", ["reading", "writing"])
def test_a_name_chooses_a_context_whose_message_callback_raises(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, moment: str
) -> None:
    """The callback of the chosen context counts, and not that of the one that was given."""
    reports = reports_of(loop)
    fails: list[str] = []
    given, chosen = contexts.server(), failing_on_request(contexts.server(), fails)

    def choose(tls: Any, *_: object) -> None:
        tls.context = chosen

    given.sni_callback = choose
    with secured(loop, contexts, side="server", context=given) as wire:
        fails.append(moment)
        if moment == "writing":
            wire.transport.write(b"x")
        else:
            wire.peer.write(b"x")
        turn_until(loop, lambda: wire.protocol.lost)
        fails.clear()
        (error,) = wire.protocol.lost
        assert (type(error), error.args) == (LookupError, (moment,))
        assert [report["exception"] for report in reports] == [error]
