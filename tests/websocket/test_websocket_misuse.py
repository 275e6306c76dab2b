"""Errors of an application: each raises where it is made, says what is wrong, and nothing else is lost by it.

After each of them the connection is used as if it had not happened.
"""

import asyncio
from typing import Any

import pytest
import wires
from ws_calls import Call, Served
from ws_frames import Frame, text
from ws_peer import Peer

pytestmark = [pytest.mark.vitok_only, wires.both_wires]

Kind = type[BaseException] | tuple[type[BaseException], ...]
ANY: Kind = (TypeError, ValueError, RuntimeError)


def fails(call: Call, message: Any, kind: Kind, *words: str) -> None:
    """`send()` raises, and the text has these words."""
    with pytest.raises(kind) as raised:
        call.site.run(call._send(message))
    assert not isinstance(raised.value, OSError)
    assert str(raised.value)
    assert all(word in str(raised.value) for word in words), str(raised.value)


def works(peer: Peer, call: Call) -> None:
    """The connection passes messages in both directions."""
    peer.send(text("in"))
    assert call.content() == "in"
    call.send("send", text="out")
    assert peer.message() == "out"


NO_MESSAGES: list[tuple[Any, Kind, str]] = [
    (None, TypeError, "dict"),
    ("websocket.accept", TypeError, "dict"),
    (17, TypeError, "dict"),
    ([("type", "websocket.accept")], TypeError, "dict"),
    ({}, TypeError, "type"),
    ({"type": None}, TypeError, "type"),
    ({"type": b"websocket.accept"}, TypeError, "type"),
    ({"type": "websocket.push"}, RuntimeError, "websocket.push"),
    ({"type": "websocket.receive", "text": "a"}, RuntimeError, "websocket.receive"),
    ({"type": "websocket.connect"}, RuntimeError, "websocket.connect"),
    ({"type": "http.response.start", "status": 200}, RuntimeError, "http.response.start"),
    ({"type": "lifespan.startup.complete"}, RuntimeError, "lifespan"),
    ({"type": "\ud800"}, Exception, ""),
]


@pytest.mark.parametrize(("message", "kind", "word"), NO_MESSAGES)
def test_what_is_no_message(here: Served, message: Any, kind: Kind, word: str) -> None:
    """What is no message of a WebSocket raises, before and after acceptance."""
    peer = here.begin()
    call = here.calls.next()
    fails(call, message, kind, word)
    call.accept()
    peer.accepted()
    fails(call, message, kind, word)
    works(peer, call)


ACCEPTS: list[tuple[dict[str, Any], Kind, str]] = [
    ({"subprotocol": b"chat"}, TypeError, "subprotocol"),
    ({"subprotocol": 1}, TypeError, "subprotocol"),
    ({"subprotocol": ""}, ANY, "subprotocol"),
    ({"subprotocol": "a b"}, ANY, "subprotocol"),
    ({"subprotocol": "a\r\nset-cookie: b=c"}, ANY, "subprotocol"),
    ({"subprotocol": "ä"}, ANY, "subprotocol"),
    ({"subprotocol": "\ud800"}, Exception, ""),
    ({"headers": 1}, TypeError, ""),
    ({"headers": [1]}, TypeError, "pair"),
    ({"headers": ["ab"]}, TypeError, "pair"),
    ({"headers": [(b"a",)]}, TypeError, "pair"),
    ({"headers": [("a", "b")]}, TypeError, "bytes"),
    ({"headers": [(b"a", None)]}, TypeError, ""),
    ({"headers": [(b"x-a", b"b\r\nset-cookie: c=d")]}, ANY, ""),
    ({"headers": [(b"x y", b"a")]}, ANY, ""),
    ({"headers": [(b"", b"a")]}, ANY, ""),
    ({"subprotocol": "chat", "headers": [(b"sec-websocket-protocol", b"chat")]}, ANY, "subprotocol"),
    ({"headers": [(b"Sec-WebSocket-Accept", b"x")]}, ANY, ""),
    ({"headers": [(b"sec-websocket-extensions", b"x")]}, ANY, ""),
    ({"headers": [(b"upgrade", b"h2c")]}, ANY, ""),
]


@pytest.mark.parametrize(("more", "kind", "word"), ACCEPTS)
def test_acceptance_that_cannot_be_sent(here: Served, more: dict[str, Any], kind: Kind, word: str) -> None:
    """An acceptance that would break the handshake raises, nothing of it is sent, and a proper one may follow."""
    peer = here.begin("/", "sec-websocket-protocol: chat")
    call = here.calls.next()
    call.connected()
    fails(call, {"type": "websocket.accept", **more}, kind, word)
    assert peer.client.has_nothing()
    call.send("accept", subprotocol="chat")
    head = peer.accepted()
    assert head.all(b"set-cookie") == []
    assert head.all(b"sec-websocket-protocol") == [b"chat"]
    works(peer, call)


def test_framing_is_not_the_application_s(here: Served) -> None:
    """Headers about the framing of a response, which an acceptance has not, are left out of it."""
    peer = here.begin()
    framing = [(b"content-length", b"5"), (b"transfer-encoding", b"chunked"), (b"connection", b"close")]
    here.calls.next().accept(headers=[*framing, (b"x-a", b"b")])
    assert peer.accepted().one(b"x-a") == b"b"


SENDS: list[tuple[dict[str, Any], Kind, str]] = [
    ({}, ANY, "text"),
    ({"text": None}, ANY, ""),
    ({"bytes": None}, ANY, ""),
    ({"text": None, "bytes": None}, ANY, ""),
    ({"text": b"a"}, TypeError, "text"),
    ({"text": 1}, TypeError, "text"),
    ({"text": ["a"]}, TypeError, "text"),
    ({"bytes": "a"}, TypeError, "bytes"),
    ({"bytes": 1}, TypeError, "bytes"),
    ({"bytes": [1]}, TypeError, "bytes"),
    ({"text": "\ud800"}, UnicodeEncodeError, "surrogate"),
    ({"text": "a" * 100_000 + "\udfff"}, UnicodeEncodeError, "surrogate"),
    ({"text": "a", "bytes": 1}, ANY, ""),
    ({"text": "a", "bytes": b"b"}, ANY, ""),
]


@pytest.mark.parametrize(("more", "kind", "word"), SENDS)
def test_messages_that_cannot_be_sent(here: Served, more: dict[str, Any], kind: Kind, word: str) -> None:
    """A message without content, with two or with one of a wrong type raises; before and after it others pass."""
    peer, call = here.open()
    call.send("send", text="before")
    fails(call, {"type": "websocket.send", **more}, kind, word)
    call.send("send", bytes=b"after")
    assert [peer.message(), peer.message()] == ["before", b"after"]
    works(peer, call)


CLOSES: list[tuple[dict[str, Any], Kind, str]] = [
    ({"code": code}, ANY, "code")
    for code in (-1, 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536, 1 << 70, "1000", 1000.0, b"1000")
] + [
    ({"reason": b"bytes"}, TypeError, "reason"),
    ({"reason": 1}, TypeError, "reason"),
    ({"reason": "\ud800"}, Exception, ""),
]


@pytest.mark.parametrize(("more", "kind", "word"), CLOSES)
def test_ends_that_cannot_be_sent(here: Served, more: dict[str, Any], kind: Kind, word: str) -> None:
    """A code that no endpoint may send, or one of a wrong type, raises; the connection is as open as before."""
    peer, call = here.open()
    fails(call, {"type": "websocket.close", **more}, kind, word)
    assert peer.client.has_nothing()
    works(peer, call)
    call.send("close", code=3000)
    assert peer.closed() == (3000, "")


@pytest.mark.parametrize("reason", ["a" * 124, "ü" * 62, "é" * 10_000, "a" + "😀" * 31])
def test_a_reason_that_is_too_long(here: Served, reason: str) -> None:
    """A reason past the 123 bytes of a control frame raises, or is cut where a character ends; it is never garbled."""
    peer, call = here.open()
    try:
        call.send("close", reason=reason)
    except (ValueError, RuntimeError):
        call.send("close", reason="")
        assert peer.closed() == (1000, "")
        return
    code, told = peer.closed()
    assert (code, len(told.encode()) > 119) == (1000, True)
    assert reason.startswith(told)


def test_sending_before_accepting(here: Served) -> None:
    """A message before acceptance raises, is not sent later, and acceptance may follow."""
    peer = here.begin()
    call = here.calls.next()
    for _ in range(2):
        fails(call, {"type": "websocket.send", "text": "early"}, RuntimeError, "accept")
    call.accept()
    peer.accepted()
    works(peer, call)


def test_accepting_twice(here: Served) -> None:
    """A second acceptance raises."""
    peer, call = here.open()
    fails(call, {"type": "websocket.accept"}, RuntimeError, "accept")
    works(peer, call)


@pytest.mark.parametrize("name", ["start", "body"])
def test_a_response_after_acceptance(here: Served, name: str) -> None:
    """After acceptance there is no response instead."""
    peer, call = here.open()
    fails(call, {"type": f"websocket.http.response.{name}", "status": 403, "headers": [], "body": b""}, RuntimeError)
    works(peer, call)


def test_a_response_out_of_order(here: Served) -> None:
    """Content before a start raises; a second start and an acceptance within a response do as well."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    body = {"type": "websocket.http.response.body", "body": b"no"}
    fails(call, body, RuntimeError)
    start = {"type": "websocket.http.response.start", "status": 403, "headers": [(b"content-length", b"2")]}
    call.site.run(call._send(start))
    for message in (start, {"type": "websocket.accept"}, {"type": "websocket.send", "text": "x"}):
        fails(call, message, RuntimeError)
    call.site.run(call._send(body))
    answer = peer.stream.answer()
    assert (answer.status, answer.body) == (403, b"no")
    call.returns()


@pytest.mark.parametrize("status", [None, "403", 65536, -1])
def test_a_response_of_no_status(here: Served, status: Any) -> None:
    """A status that is none raises, and the handshake may still be accepted."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    fails(call, {"type": "websocket.http.response.start", "status": status, "headers": []}, ANY, "status")
    call.send("accept")
    peer.accepted()
    works(peer, call)


@pytest.mark.parametrize("status", [0, 99, 101])
def test_a_response_of_no_final_status(here: Served, status: int) -> None:
    """A status that is not final is found with the content, or at the end of the turn: the client gets a 500."""
    peer = here.begin()
    call = here.calls.next()
    call.connected()
    call.send("http.response.start", status=status, headers=[])
    assert peer.stream.answer().status == 500
    [(told, _)] = here.site.hooks.take()
    assert "status" in told
    call.returns()


def test_closing_twice(here: Served) -> None:
    """A second close raises, and there is one close frame."""
    peer, call = here.open()
    call.send("close", code=4000)
    with pytest.raises((RuntimeError, OSError)):
        call.send("close", code=4001)
    assert peer.leave(4000) == (4000, "")


def test_messages_from_several_tasks(here: Served) -> None:
    """Tasks that send at once: every message is sent once and whole, those of a task in their order."""
    peer, call = here.open()

    async def sender(name: str) -> None:
        for number in range(50):
            await call.raw_send({"type": "websocket.send", "text": f"{name}{number}"})
            await asyncio.sleep(0)

    async def all_of_them() -> None:
        await asyncio.gather(*(sender(name) for name in "abcde"))

    here.site.run(all_of_them())
    found = [peer.message() for _ in range(250)]
    for name in "abcde":
        assert [each for each in found if str(each).startswith(name)] == [f"{name}{number}" for number in range(50)]


def test_two_that_receive_at_once(here: Served) -> None:
    """Two tasks that receive share the messages, or the second one gets an error: none is lost, none comes twice."""
    peer, call = here.open()
    tasks = [here.site.loop.create_task(call._receive()) for _ in range(2)]
    here.site.turn()
    peer.send(text("a"), text("b"))
    here.site.wait(lambda: any(task.done() for task in tasks))
    here.site.turn()
    found = [task.result()["text"] for task in tasks if task.done() and task.exception() is None]
    for task in tasks:
        if not task.done() or task.exception() is not None:
            task.cancel()
            found.append(call.content())
    assert sorted(found) == ["a", "b"]


def test_a_receive_that_is_cancelled(here: Served) -> None:
    """A message that arrives when a waiting `receive()` is cancelled goes to the next one."""
    peer, call = here.open()
    for turns in range(4):
        task = here.site.loop.create_task(call._receive())
        here.site.turn()
        peer.client.offer(text(f"{turns}"))
        here.site.turn(turns)
        if task.done():
            assert task.result()["text"] == f"{turns}"
            continue
        task.cancel()
        here.site.turn()
        if task.cancelled():
            assert call.content() == f"{turns}"
        else:
            assert task.result()["text"] == f"{turns}"
    works(peer, call)


def test_receive_and_send_after_the_application_has_returned(here: Served) -> None:
    """What an application left behind can't use the connection: it gets errors or the end, and the peer nothing."""
    peer, call = here.open()
    call.returns()
    with pytest.raises((OSError, RuntimeError)):
        call.send("send", text="ghost")
    try:
        assert call.receive()["type"] == "websocket.disconnect"
    except RuntimeError:
        pass
    assert peer.leave() == (1000, "")
    here.ended()


def test_awaitables_that_nobody_awaits(here: Served) -> None:
    """A `send()` that is called and not awaited may have sent or not; the next one works, and so does `receive()`."""
    peer, call = here.open()
    made = [call.raw_send({"type": "websocket.send", "text": "maybe"}), call.raw_receive()]
    for each in made:
        if asyncio.iscoroutine(each):
            each.close()
    del made
    call.send("send", text="certain")
    found = peer.message()
    if found == "maybe":
        found = peer.message()
    assert found == "certain"
    works(peer, call)


def test_a_message_with_more_keys(here: Served) -> None:
    """Keys that ASGI does not know are ignored."""
    peer, call = here.open()
    call.send("send", text="a", fin=True, more=object())
    assert peer.frame() == Frame(1, b"a")
    works(peer, call)


def test_a_dict_that_fights_back(here: Served) -> None:
    """A subclass of dict, and a str as the type that is not the one in the server's table, are as good."""

    class Message(dict[str, Any]):
        pass

    peer, call = here.open()
    kind = "".join(["websocket", ".", "send"])
    here.site.run(call._send(Message(type=kind, text="a")))
    assert peer.message() == "a"
    works(peer, call)
