"""Access lines, limits on concurrency, default fields of responses, and the date.

The command that sets these options is tested in test_serve_options.py.
"""

import asyncio
import datetime
import email.utils
import re
from typing import Any

import pytest
from asgi_messages import HEAD, body, start
from asgi_support import BLOCK, GET, Gate, Site, echo, hello, request, respond, serving
from log_support import LEAVING, ask_and_leave
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]

LINE = re.compile(r'(\S+) "([^"]*)" (\S+) (\d+)B (\d+\.\d\d)ms( \(.*\))?')


def one_line(site: Site) -> tuple[str, str, str, int, float, str | None]:
    """The only access line so far: peer, request line, status, bytes, milliseconds, and what else it says."""
    site.wait(lambda: site.hooks.lines)
    [line] = site.hooks.lines
    site.hooks.calls.clear()
    match = LINE.fullmatch(line)
    assert match is not None, line
    peer, asked, status, size, duration, more = match.groups()
    return peer, asked, status, int(size), float(duration), more


@pytest.mark.parametrize(
    ("data", "asked", "size"),
    [
        (GET, "GET / HTTP/1.1", 5),
        (HEAD, "HEAD / HTTP/1.1", 0),
        pytest.param(request("/a%20b?c=d&e", version="1.0"), "GET /a%20b?c=d&e HTTP/1.0", 5, marks=http1_only("1.0")),
        (request("/a%20b?c=d&e"), "GET /a%20b?c=d&e HTTP/1.1", 5),
        (request('/"quoted"'), "GET /%22quoted%22 HTTP/1.1", 5),
        pytest.param(request("http://b/c"), "GET http://b/c HTTP/1.1", 5, marks=http1_only("a target with a scheme")),
        (request(method="POST", body=b"content"), "POST / HTTP/1.1", 5),
    ],
)
def test_an_access_line(data: bytes, asked: str, size: int) -> None:
    """A line has the peer, the request line as it was sent, the status, the bytes of content, and the time it took."""
    with serving(hello, access_log=True) as site:
        client = site.connect()
        client.ask(data)
        host, port = client.sock.getsockname()
        peer, line, status, count, duration, more = one_line(site)
        asked = asked.replace("HTTP/1.1", client.protocol)
        assert (peer, line, status, count, more) == (f"{host}:{port}", asked, "200", size, None)
        assert 0 <= duration < 5000


def test_the_duration_is_from_the_head_to_the_end() -> None:
    """The time is that from the arrival of a request's head to the end of its response, in milliseconds.

    The line is there while the application still runs, so it can't have the time of that.
    """
    is_over = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.05)
        await respond(send)
        await is_over.wait()

    with serving(application, access_log=True) as site:
        site.ask()
        *_, duration, _ = one_line(site)
        assert duration >= 50
        is_over.set()


def test_several_lines_come_together() -> None:
    """The hook is called once for all that a turn brings, and every line is whole."""
    with serving(hello, access_log=True) as site:
        clients = [site.connect() for _ in range(40)]
        for client in clients:
            client.offer(GET)
        for client in clients:
            client.answer()
        site.wait(lambda: len(site.hooks.lines) == 40)
        assert len(site.hooks.calls) < 20
        assert all(call.endswith("\n") for call in site.hooks.calls)
        assert all(LINE.fullmatch(line) for line in site.hooks.lines)


def test_responses_that_are_cut_short() -> None:
    """A response that is not completed is logged with what was sent of it, and says so."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start(202))
        await send(body(b"part", True))
        raise LookupError

    with serving(application, access_log=True) as site:
        client = site.connect()
        client.send(GET)
        client.drain()
        _, _, status, size, _, more = one_line(site)
        assert (status, size, more) == ("202", 4, " (cut short)")
        site.hooks.take()


@pytest.mark.parametrize("ending", LEAVING)
def test_clients_that_leave(ending: str) -> None:
    """A request whose client leaves before there is a response is logged as 499, whatever the application does then."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()

    with serving(application, access_log=True) as site:
        ask_and_leave(site, gate, ending)
        _, _, status, _, _, more = one_line(site)
        assert (status, more) == ("499", " (the client left)")


@http1_only("text that is no request")
@pytest.mark.parametrize(
    ("data", "status"),
    [(b"nonsense\r\n\r\n", "400"), (request("/" + "a" * 9000), "414"), (b"A" * 100_000, "501")],
)
def test_refused_without_a_line(data: bytes, status: str) -> None:
    """What is refused before it has a request line is logged with the reason, and with nothing that was sent."""
    with serving(hello, access_log=True) as site:
        client = site.connect()
        client.send(data)
        client.end()
        peer, line, got, _, _, more = one_line(site)
        assert peer == "{}:{}".format(*client.sock.getsockname())
        assert (line, got) == ("-", status)
        assert more


@http1_only("text that is no request")
@pytest.mark.parametrize(
    ("data", "asked", "status"),
    [
        (GET.replace(b"1.1", b"9.9"), "GET / HTTP/9.9", "505"),
        (b"GET /a HTTP/1.1\r\n\r\n", "GET /a HTTP/1.1", "400"),
        (b"GET /a HTTP/1.1\r\nhost:\r\n\r\n", "GET /a HTTP/1.1", "400"),
        (request('/"<quoted>\u00e9', "x : y"), "GET /%22<quoted>%E9 HTTP/1.1", "400"),
        (request("/a", "x: " + "y" * 70_000), "GET /a HTTP/1.1", "431"),
        (request("/a", "content-length: 99999999999", method="PUT"), "PUT /a HTTP/1.1", "413"),
        (request("/a", "transfer-encoding: chunked", method="PUT") + b"nonsense", "PUT /a HTTP/1.1", "400"),
    ],
)
def test_refused_with_a_line(data: bytes, asked: str, status: str) -> None:
    """A request that is refused and whose line could be read is logged with it, once, and with the reason."""
    with serving(echo, access_log=True) as site:
        client = site.connect()
        client.send(data)
        assert client.end().startswith(b"HTTP/1.1 " + status.encode())
        site.wait(lambda: site.http.running == 0)
        _, line, got, size, _, more = one_line(site)
        assert (line, got, size) == (asked, status, 0)
        assert more not in (None, " (cut short)")


@http1_only("chunks")
def test_refused_in_the_middle_of_a_response() -> None:
    """Content that is malformed after the response has begun: one line, with what was sent and the reason."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start(202))
        await send(body(b"part", True))
        while (await receive())["type"] != "http.disconnect":
            pass

    with serving(application, access_log=True) as site:
        client = site.connect()
        client.send(request("/a", "transfer-encoding: chunked", method="PUT"))
        assert client.head().status == 202
        client.send(b"nonsense")
        client.end()
        site.wait(lambda: site.http.running == 0)
        _, line, status, size, _, more = one_line(site)
        assert (line, status, size) == ("PUT /a HTTP/1.1", "202", 4)
        assert more == " (a malformed chunk size (RFC 9112 section 7.1))"


def test_errors_of_the_application_are_logged_as_500() -> None:
    """The server's own answer for an application that fails has its line as any other."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError

    with serving(application, access_log=True) as site:
        site.ask()
        assert one_line(site)[2] == "500"
        site.hooks.take()


def test_files_are_counted(tmp_path: Any) -> None:
    """The bytes of a file count as any others."""
    (tmp_path / "file").write_bytes(bytes(300_000))

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send({"type": "http.response.pathsend", "path": str(tmp_path / "file")})

    with serving(application, access_log=True) as site:
        site.ask()
        assert one_line(site)[3] == 300_000


def test_peers_of_other_kinds(tmp_path: Any) -> None:
    """A peer without an address is `-`, one of IPv6 stands in brackets."""
    with serving(hello, access_log=True, path=str(tmp_path / "s")) as site:
        site.ask()
        assert one_line(site)[0] == "-"
    with serving(hello, access_log=True, host="::1") as site:
        site.ask()
        assert one_line(site)[0].startswith("[::1]:")


def test_no_lines_unless_asked_for() -> None:
    """Without `access_log` nothing is told."""
    with serving(hello) as site:
        site.ask()
        site.turn()
        assert site.hooks.calls == []


def test_an_error_in_the_hook_of_lines() -> None:
    """A hook that raises is reported to the loop, and the next lines come nevertheless."""
    with serving(hello, access_log=True) as site:
        good = site.hooks.access

        def bad(lines: str) -> None:
            raise LookupError

        site.hooks.access = bad  # type: ignore[method-assign]
        site.ask()
        site.turn()
        assert [type(report["exception"]) for report in site.reports] == [LookupError]
        site.reports.clear()
        site.hooks.access = good  # type: ignore[method-assign]
        site.ask()
        assert one_line(site)[2] == "200"


class Held:
    """An application that holds every request but `/quick`."""

    def __init__(self) -> None:
        self.gate = Gate()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one request."""
        if scope["path"] != "/quick":
            await self.gate.wait()
        await respond(send)


def test_limit_concurrency() -> None:
    """More requests at a time than the limit get 503 at once; the connection stays, and later ones are served."""
    held = Held()
    with serving(held, limit_concurrency=2) as site:
        clients = [site.connect() for _ in range(3)]
        for client in clients[:2]:
            client.send(GET)
        site.wait(lambda: held.gate.waiting == 2)
        for _ in range(2):
            assert clients[2].ask().status == 503
        held.gate.open()
        assert [client.answer().status for client in clients[:2]] == [200, 200]
        site.wait(lambda: site.http.running == 0)
        assert clients[2].ask(request("/quick")).status == 200


def test_503_and_content() -> None:
    """A request that gets 503 may have had content, which is not taken for a request."""
    held = Held()
    with serving(held, limit_concurrency=1) as site:
        first, second = site.connect(), site.connect()
        first.send(GET)
        site.wait(lambda: held.gate.waiting)
        assert second.ask(request(method="POST", body=GET)).status == 503
        held.gate.open()
        first.answer()
        assert second.ask(request("/quick")).status == 200
        assert second.has_nothing()


def test_limit_connections() -> None:
    """More connections than the limit are closed at once; as soon as one leaves there is room again."""
    with serving(hello, limit_connections=2) as site:
        first, second = site.connect(), site.connect()
        site.connect().closed()
        assert first.ask().status == second.ask().status == 200
        site.wait(lambda: site.http.connections == 2)
        first.close()
        site.wait(lambda: site.http.connections == 1)
        assert site.ask().status == 200


def test_fields_of_every_response() -> None:
    """`headers` are in each response, the application's and the server's own, behind those of the application."""
    added = [(b"x-frame-options", b"deny"), (b"x-twice", b"1"), (b"x-twice", b"2")]
    with serving(hello, headers=added) as site:
        answer = site.ask()
        assert [pair for pair in answer.fields if pair[0].startswith(b"x-")] == added


@pytest.mark.parametrize("value", [b"mine/1.0", None])
def test_the_server_field(value: bytes | None) -> None:
    """`server_header` says what stands in `server`; None leaves it out."""
    with serving(hello, server_header=value) as site:
        assert site.ask().one(b"server") == value


@http1_only("text that is no request")
@pytest.mark.parametrize("value", [b"mine/1.0", None])
def test_the_server_field_of_a_refusal(value: bytes | None) -> None:
    """The same in what the server answers by itself."""
    with serving(hello, server_header=value) as site:
        client = site.connect()
        client.send(b"nonsense\r\n\r\n")
        assert client.answer().one(b"server") == value


@pytest.mark.parametrize("is_on", [True, False])
def test_the_date_field(is_on: bool) -> None:
    """`date_header` says whether there is a date, in the form of RFC 9110 section 5.6.7, which is now."""
    with serving(hello, date_header=is_on) as site:
        value = site.ask().one(b"date")
        assert (value is not None) == is_on
        if value is not None:
            date = email.utils.parsedate_to_datetime(value.decode())
            assert abs(datetime.datetime.now(datetime.UTC) - date) < datetime.timedelta(seconds=5)
            assert value.decode() == email.utils.format_datetime(date, usegmt=True)


def test_the_date_changes() -> None:
    """The date goes on while a connection stays open, and after the server was alone for a while."""
    with serving(hello) as site:
        client = site.connect()
        first = client.ask().one(b"date")
        site.run(asyncio.sleep(2.1))
        second = client.ask().one(b"date")
        assert first is not None
        assert second is not None
        assert email.utils.parsedate_to_datetime(first.decode()) < email.utils.parsedate_to_datetime(second.decode())
        client.close()
        site.run(asyncio.sleep(2.1))
        third = site.ask().one(b"date")
        assert third is not None
        date = email.utils.parsedate_to_datetime(third.decode())
        assert abs(datetime.datetime.now(datetime.UTC) - date) < datetime.timedelta(seconds=1.9)


def test_large_answers_are_counted() -> None:
    """The bytes of streams are counted over all of their pieces."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        for _ in range(10):
            await send(body(bytes(BLOCK), True))
        await send(body(b"x"))

    with serving(application, access_log=True) as site:
        site.ask()
        assert one_line(site)[3] == 10 * BLOCK + 1
