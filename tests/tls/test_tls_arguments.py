"""Bad arguments for TLS transports and servers, and handshakes that take too long."""

import asyncio
import socket
import ssl
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import bad, receive_now, run, unix_pair
from support import turn, turn_until
from tls_certificates import SERVER, Contexts
from tls_served import HOST, factory, serving

ONLY = "is only meaningful with ssl"
CONNECTION_ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "a name without TLS": ({"server_hostname": "x"}, f"server_hostname {ONLY}"),
    "a name with ssl=False": ({"ssl": False, "server_hostname": "x"}, f"server_hostname {ONLY}"),
    "a handshake timeout without TLS": ({"ssl_handshake_timeout": 1}, f"ssl_handshake_timeout {ONLY}"),
    "a shutdown timeout without TLS": ({"ssl_shutdown_timeout": 1}, f"ssl_shutdown_timeout {ONLY}"),
}


@pytest.mark.parametrize("case", CONNECTION_ERRORS)
def test_options_without_tls(loop: asyncio.AbstractEventLoop, case: str) -> None:
    """Options of TLS are refused without it, by each call that takes them."""
    options, text = CONNECTION_ERRORS[case]
    ours, theirs = unix_pair()
    calls: list[Any] = [loop.create_connection(Recorder, sock=ours, **options)]
    calls.append(loop.create_unix_connection(Recorder, sock=ours, **options))
    if "server_hostname" not in options:
        calls.append(loop.connect_accepted_socket(Recorder, ours, **options))
        calls.append(loop.create_server(Recorder, HOST, 0, **options))
        calls.append(loop.create_unix_server(Recorder, "never made", **options))
    with ours, theirs:
        for call in calls:
            with pytest.raises(ValueError, match=text):
                run(loop, call)


def test_a_socket_without_a_name(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Where there is no host to take the name from, `server_hostname` has to be given."""
    ours, theirs = unix_pair()
    with ours, theirs:
        with pytest.raises(ValueError, match="You must set server_hostname when using ssl without a host"):
            run(loop, loop.create_connection(Recorder, sock=ours, ssl=contexts.client()))
        with pytest.raises(ValueError, match="you have to pass server_hostname when using ssl"):
            run(loop, loop.create_unix_connection(Recorder, sock=ours, ssl=contexts.client()))


@pytest.mark.parametrize("value", [0, -1, -0.5])
@pytest.mark.parametrize("option", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
def test_timeouts_are_positive(loop: asyncio.AbstractEventLoop, contexts: Contexts, option: str, value: float) -> None:
    """Zero and less are refused before anything is sent."""
    ours, theirs = unix_pair()
    options: dict[str, Any] = {option: value, "ssl": contexts.client(), "server_hostname": SERVER}
    with ours, theirs:
        with pytest.raises(ValueError, match=f"{option} should be a positive number, got {value}"):
            run(loop, loop.create_connection(Recorder, sock=ours, **options))
        # From 3.14 on the call closes its socket.
        assert not receive_now(theirs)
    ours, theirs = unix_pair()
    with ours, theirs, pytest.raises(ValueError, match=f"{option} should be a positive number, got {value}"):
        run(loop, loop.connect_accepted_socket(Recorder, ours, ssl=contexts.server(), **{option: value}))


def test_a_server_needs_a_context(loop: asyncio.AbstractEventLoop) -> None:
    """`ssl=True` is for clients."""
    with pytest.raises(TypeError, match="ssl argument must be an SSLContext or None"):
        run(loop, loop.create_server(Recorder, HOST, 0, ssl=bad(True)))
    with pytest.raises(TypeError, match="ssl argument must be an SSLContext or None"):
        run(loop, loop.create_unix_server(Recorder, "never made", ssl=bad(True)))


def test_an_accepted_socket_and_a_wrong_context(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Neither `True` nor a client's context serves."""
    for wrong, error in ((True, Exception), (contexts.client(), (ssl.SSLError, ValueError)), ("context", Exception)):
        ours, theirs = unix_pair()
        with ours, theirs, pytest.raises(error):
            run(loop, loop.connect_accepted_socket(Recorder, ours, ssl=bad(wrong)))


def test_a_client_and_a_wrong_context(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A server's context, and what is no context."""
    for wrong, error in ((contexts.server(), ssl.SSLError), ("context", AttributeError), (1, AttributeError)):
        ours, theirs = unix_pair()
        with ours, theirs, pytest.raises(error):
            run(loop, loop.create_connection(Recorder, sock=ours, ssl=bad(wrong), server_hostname=SERVER))


def test_a_bad_name(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A name that cannot be sent is refused by the context."""
    for wrong, error in (
        (".starts.with.a.dot", ValueError),
        ("a\0b", (ValueError, TypeError)),
        (bad(5), (TypeError, AttributeError)),
    ):
        ours, theirs = unix_pair()
        with ours, theirs, pytest.raises(error):
            options: Any = {"ssl": contexts.client(), "server_hostname": wrong}
            run(loop, loop.create_connection(Recorder, sock=ours, **options))


def test_a_handshake_that_takes_too_long(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A silent peer is given up with a ConnectionAbortedError that names the time, on both sides."""
    text = "SSL handshake is taking longer than 0.01 seconds: aborting the connection"
    for context, name in ((contexts.client(), SERVER), (contexts.server(), None)):
        ours, theirs = unix_pair()
        protocol = Recorder()
        options: dict[str, Any] = {"ssl": context, "ssl_handshake_timeout": 0.01}
        call: Any = loop.connect_accepted_socket(lambda made=protocol: made, ours, **options)
        if name is not None:
            call.close()
            call = loop.create_connection(lambda made=protocol: made, sock=ours, server_hostname=name, **options)
        with theirs:
            with pytest.raises(ConnectionAbortedError, match=text):
                run(loop, call)
            turn_until(loop, lambda sock=ours: sock.fileno() == -1)
        assert protocol.calls == []


def test_a_server_drops_a_silent_client(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The same time limits the handshakes of a server's clients, whose protocols are told of nothing."""
    protocols: list[Any] = []
    creating = loop.create_server(
        factory(protocols), HOST, 0, ssl=contexts.server(), ssl_handshake_timeout=0.01, ssl_shutdown_timeout=0.01
    )
    with serving(loop, creating, []) as server, socket.create_connection(server.sockets[0].getsockname()) as silent:
        silent.setblocking(False)
        while True:
            try:
                assert silent.recv(1) == b""
                break
            except BlockingIOError:
                turn(loop)
        assert [protocol.calls for protocol in protocols] == [[]]


def test_ssl_false_is_none(loop: asyncio.AbstractEventLoop) -> None:
    """A client takes any false value as no TLS."""
    ours, theirs = unix_pair()
    with theirs:
        transport, _ = run(loop, loop.create_connection(Recorder, sock=ours, ssl=False))
        transport.write(b"in clear")
        turn(loop)
        assert theirs.recv(100) == b"in clear"
        transport.abort()
        turn_until(loop, lambda: ours.fileno() == -1)
