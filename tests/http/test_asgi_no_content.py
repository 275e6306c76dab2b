"""Content for statuses that have none, 204, 205 and 304: the client gets the status without it, and the log a line.

RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5; RFC 9112 section 6.3. The decisions are tested in crates/wire;
here they are looked at over each transport, and in the log.
"""

import socket
from pathlib import Path
from typing import Any

import pytest
import served
from asgi_messages import HEAD, body, sends, start
from asgi_places import Place
from asgi_support import GET, request, respond, serving
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]

STATUSES = (204, 205, 304)
LAST = request("/last", "connection: close")
LONG = b"x" * 70_000
CONTENTS: dict[str, list[Any]] = {
    "one message": [body(b"hello")],
    "several messages": [body(b"he", True), body(b"", True), body(LONG, True), body(b"o")],
    "a file": [{"type": "http.response.pathsend", "path": __file__}],
}


def application(status: int, messages: list[Any]) -> Any:
    """Answers `/last` as usual and everything else with these messages."""
    answer = sends(start(status), *messages)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/last":
            await respond(send, b"the last one")
        else:
            await answer(scope, receive, send)

    return application


def message_of(status: int) -> tuple[str, None]:
    """What is logged."""
    return (f"A response with status {status} has no content: what was sent is left out", None)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", CONTENTS)
def test_content_is_left_out(place: Place, status: int, kind: str) -> None:
    """The head leaves alone, the connection goes on behind it, and each such response is told once."""
    with serving(application(status, CONTENTS[kind]), **place.options) as site:
        client = place.connect(site)
        client.send(GET + GET + LAST)
        for _ in range(2):
            answer = client.answer()
            assert (answer.status, answer.body) == (status, b"")
            assert answer.all(b"transfer-encoding") == []
            assert answer.all(b"content-length") == ([b"0"] if status == 205 else [])
        last = client.answer()
        assert (last.status, last.body) == (200, b"the last one")
        assert client.ends_after(last)
        assert site.hooks.take() == [message_of(status)] * 2


@pytest.mark.parametrize("status", [200, *STATUSES])
@pytest.mark.parametrize("kind", CONTENTS)
def test_content_for_head_is_no_mistake(place: Place, status: int, kind: str) -> None:
    """Applications answer HEAD as they answer GET; nothing is told."""
    with serving(application(status, CONTENTS[kind]), **place.options) as site:
        client = place.connect(site)
        client.send(HEAD + LAST)
        answer, last = client.answer("HEAD"), client.answer()
        assert (answer.status, answer.body) == (status, b"")
        assert (last.status, last.body) == (200, b"the last one")


@pytest.mark.parametrize("status", STATUSES)
def test_an_open_file(tmp_path: Path, status: int) -> None:
    """A file that is sent from its descriptor is left out, too, and the next one."""
    path = tmp_path / "file"
    path.write_bytes(LONG)
    with path.open("rb") as file:
        message = {"type": "http.response.zerocopysend", "file": file, "offset": 0}
        with serving(application(status, [{**message, "more_body": True}, message])) as site:
            client = site.connect()
            for _ in range(2):
                client.send(GET)
                assert client.head().status == status
            assert client.ask(request("/last")).body == b"the last one"
            assert site.hooks.take() == [message_of(status)] * 2


@http1_only("a socket of its own")
def test_the_line_in_the_log_of_the_command() -> None:
    """`vitok serve` writes one line, and no traceback, to its standard error."""
    with served.serving() as running:
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            answer = served.ask(client, request("/status/204") + request("/status/200", "connection: close"))
        assert running.end() == 0
    first, second, content = answer.split(b"\r\n\r\n")
    assert (first.split(b" ")[1], second.split(b" ")[1], content[:1]) == (b"204", b"200", b"{")
    assert running.errors.count(message_of(204)[0]) == 1
    assert "Traceback" not in running.errors
