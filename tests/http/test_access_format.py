"""`--access-log-format` and JSON lines of a served application: what only a connection and an interface can give.

Formats, escapes and keys are tested in crates/wire (tests/access), for each atom.
"""

import json
import logging
import os
import re
import time
from typing import Any

import pytest
import vitok
from asgi_messages import body, start
from asgi_support import GET, Gate, Site, hello, request, respond, serving
from log_support import LEAVING, Kept, ask_and_leave
from native_support import a_coroutine, compiled, plain
from vitok import _native
from vitok.http.log import Log
from vitok.http.options import OptionError, from_keywords, native_options
from vitok.http.proxies import Forwarded, ProxyHeaders, Trusted
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]


def only_line(site: Site) -> str:
    """Take the only line so far."""
    site.wait(lambda: site.hooks.lines)
    [line] = site.hooks.lines
    site.hooks.calls.clear()
    return line


def formatted(text: str, **options: Any) -> dict[str, Any]:
    """Options for lines in this format."""
    return {"access_log": True, "access_log_format": text, **options}


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """Answer with fields, in two messages."""
    await send(start(201, (b"x-answer", b"one"), (b"x-answer", b"two")))
    await send(body(b"hello"))


async def quick(_: Any) -> Any:
    """Answer with fields, natively."""
    return "hello", 201, {"x-answer": "one, two"}


@pytest.fixture(params=["asgi", "native"])
def application(request: pytest.FixtureRequest) -> Any:
    """An application that answers with 201 and fields, for each interface."""
    return answering if request.param == "asgi" else compiled(a_coroutine(quick))


def test_a_line(application: Any) -> None:
    """A line has what the request and the response say, and only that."""
    text = '%(h)s "%(r)s" %(s)s %(B)s "%(a)s" %({x-answer}o)s %({content-length}o)s %(scheme)s %(p)s'
    with serving(application, **formatted(text)) as site:
        client = site.connect()
        client.ask(request("/?b=c", 'user-agent: curl "8"'))
        expected = f'127.0.0.1 "GET /?b=c {client.protocol}" 201 5 "curl \\x228\\x22" one, two 5 http <{os.getpid()}>'
        assert only_line(site) == expected


def test_the_times() -> None:
    """Durations are in each unit, and the time of day has its zone."""
    with serving(hello, **formatted("%(T)s %(M)s %(D)s %(L)s %(dt_ms).3f %(t)s %(time)s")) as site:
        site.ask()
        line = only_line(site)
        assert re.fullmatch(
            r"\d+ \d+ \d+ \d+\.\d{6} \d+\.\d{3} \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
            r" \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}",
            line,
        ), line


def test_variables_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable has the value that it had when the server was made."""
    monkeypatch.setenv("VITOK_TEST_POD", "pod-1")
    with serving(hello, **formatted("%({VITOK_TEST_POD}e)s %({VITOK_TEST_NONE}e)s")) as site:
        monkeypatch.setenv("VITOK_TEST_POD", "pod-2")
        site.ask()
        assert only_line(site) == "pod-1 -"


def test_json(application: Any) -> None:
    """A line is an object with the usual keys."""
    with serving(application, access_log=True, access_log_json=True) as site:
        client = site.connect()
        # The other is none of HTTP/2's paths, but has to be escaped as well.
        query = 'c="d"' if client.version == "1.1" else "c=\\d"
        client.ask(request(f"/?{query}"))
        host, port = client.sock.getsockname()
        found = json.loads(only_line(site))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", found.pop("time"))
        assert 0 <= found.pop("duration_ms") < 5000
        assert found == {
            "logger": "vitok.access",
            "pid": os.getpid(),
            "client": f"{host}:{port}",
            "method": "GET",
            "path": "/",
            "query": query,
            "protocol": client.protocol,
            "status": 201,
            "bytes": 5,
            "end": "complete",
        }


@pytest.mark.parametrize(
    "field",
    [
        b'user-agent: a"b\\',
        b"user-agent: a\xc2\x85b",
        b"user-agent: a\xe2\x80\xa8b",
        b"user-agent: a\xff\xfeb",
        b"user-agent: a\tb",
        b"user-agent: " + b"x" * 60_000,
    ],
)
def test_hostile_fields(field: bytes) -> None:
    """One request has one line, and one object, whatever its fields have."""
    data = GET[:-2] + field + b"\r\n\r\n"
    limits = {"limit_request_head": 100_000}
    with serving(hello, **formatted('"%(a)s" %(s)s', **limits)) as site:
        assert site.ask(data).status == 200
        line = only_line(site)
        assert line.count('"') == 2
        assert line.endswith('" 200')
    with serving(hello, **formatted("%(a)s", access_log_json=True, **limits)) as site:
        site.ask(data)
        found = json.loads(only_line(site))
        assert found.keys() == {"a"}
        assert len(found["a"]) >= 3


@http1_only("text that is no request")
def test_a_line_of_what_is_refused() -> None:
    """What was no request has a line without its parts, in JSON with null and the reason."""
    with serving(hello, **formatted("%(r)s %(s)s %(end)s")) as site:
        client = site.connect()
        client.send(b"nonsense\r\n\r\n")
        client.end()
        assert only_line(site).startswith("- 400 refused: ")
    with serving(hello, access_log=True, access_log_json=True) as site:
        client = site.connect()
        client.send(b"\x16\x03\x01\r\n\r\n")
        client.end()
        found = json.loads(only_line(site))
        assert (found["method"], found["path"]) == (None, None)
        assert found["end"].startswith("refused: ")


@pytest.mark.parametrize("ending", LEAVING)
def test_a_client_that_leaves(ending: str) -> None:
    """A client that leaves before its answer has 499, although the application answers."""
    gate = Gate()

    async def endpoint(_: Any) -> str:
        await gate.wait()
        return "hello"

    with serving(compiled(a_coroutine(endpoint)), **formatted("%(s)s %(end)s")) as site:
        ask_and_leave(site, gate, ending)
        assert only_line(site) == "499 the client left"


def test_a_status_that_was_sent_stays() -> None:
    """A client that leaves in the middle of its answer has the status that it got."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start(202))
        await send(body(b"part", True))
        await gate.wait()

    with serving(application, **formatted("%(s)s %(B)s %(end)s")) as site:
        client = site.connect()
        client.send(GET)
        client.head()
        client.reset()
        site.wait(lambda: site.http.connections == 0)
        assert only_line(site) == "202 4 cut short"
        gate.open()


def test_blocks_of_lines() -> None:
    """Lines that come soon after others wait for more, and none is lost when the server ends."""
    with serving(hello, access_log=True, access_log_seconds=3600.0) as site:
        client = site.connect()
        client.ask()
        site.wait(lambda: len(site.hooks.lines) == 1)
        for _ in range(100):
            client.ask()
        site.turn()
        assert len(site.hooks.calls) == 1
        site.http.begin_shutdown()
        assert len(site.hooks.calls) == 2
        assert len(site.hooks.lines) == 101


def test_a_large_block_does_not_wait() -> None:
    """Lines that take much memory are passed on at once."""
    with serving(hello, access_log=True, access_log_seconds=3600.0) as site:
        client = site.connect()
        for _ in range(100):
            client.ask(request("/" + "a" * 4000))
        site.wait(lambda: len(site.hooks.lines) > 10)


FORWARDED = "x-forwarded-for: 203.0.113.7"


def test_the_client_behind_a_proxy() -> None:
    """The client is the one that a trusted proxy names, in each format and for each interface."""
    trusted = Trusted(["127.0.0.1"])
    forwarded = Forwarded(trusted).correct
    native = compiled(plain(lambda _: "hello"))
    for application, options in (
        (ProxyHeaders(hello, trusted), {"access_log_scope": True}),
        (native, {"forwarded": forwarded}),
    ):
        with serving(application, **formatted("%(h)s %(client)s %(scheme)s"), **options) as site:
            client = site.connect()
            client.ask(request("/", FORWARDED, "x-forwarded-proto: https"))
            assert only_line(site) == "203.0.113.7 203.0.113.7 https"
            # The next request of the connection has a client of its own.
            client.ask()
            host, port = client.sock.getsockname()
            assert only_line(site) == f"{host} {host}:{port} http"
        with serving(application, access_log=True, **options) as site:
            site.ask(request("/", FORWARDED))
            assert only_line(site).startswith(f'203.0.113.7 "GET / {client.protocol}" 200 ')


def test_a_proxy_that_is_not_trusted() -> None:
    """Anybody else's word counts for nothing."""
    trusted = Trusted(["192.0.2.1"])
    native = compiled(plain(lambda _: "hello"))
    for application, options in (
        (ProxyHeaders(hello, trusted), {"access_log_scope": True}),
        (native, {"forwarded": Forwarded(trusted).correct}),
    ):
        with serving(application, **formatted("%(h)s"), **options) as site:
            site.ask(request("/", FORWARDED))
            assert only_line(site) == "127.0.0.1"


@pytest.mark.parametrize("client", [None, 7, "text", (), ("a", "b"), ('1"\n2', 80), [b"x"]])
def test_a_scope_that_the_application_spoils(client: object) -> None:
    """Whatever an application puts into its scope, there is one line."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scope["client"] = client
        scope["scheme"] = 'ht"\n'
        await respond(send)

    with serving(application, **formatted('"%(h)s" %(scheme)s %(s)s'), access_log_scope=True) as site:
        site.ask()
        line = only_line(site)
        assert re.fullmatch(r'"[^"]*" ht\?\? 200', line), line


def test_a_unix_socket(tmp_path: Any) -> None:
    """A client without an address has none."""
    with serving(hello, path=str(tmp_path / "s"), **formatted("%(h)s %(client)s")) as site:
        site.ask()
        assert only_line(site) == "- -"


@http1_only("no client asks")
@pytest.mark.parametrize("text", ["%(x)s", "%h", "", "%(h)d"])
def test_a_format_with_a_fault(text: str) -> None:
    """A format with a fault is no option, and no setting."""
    with pytest.raises(OptionError, match=f"^access_log_format: .*{re.escape(text[:5].strip())}"):
        from_keywords({"access_log_format": text})
    loop = vitok.new_event_loop()
    with pytest.raises(ValueError, match="access_log_format: "):
        _native.HttpServer(loop, hello, {**native_options(), "access_log_format": text}, None)
    loop.close()


def test_handlers_of_the_application_get_no_stamp(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines begin with the time only where the server writes them; a handler has a form of its own."""

    handler = Kept()
    logger = logging.getLogger("vitok.access")
    log = Log(is_owner=True)
    settings = log.access_settings()
    assert settings["stamps"]
    loop_options = {f"access_log_{name}": value for name, value in settings.items()}
    with serving(hello, access_log=True, **loop_options) as site:
        site.ask()
        line = only_line(site)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    log.access(f"{line}\n")
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    log.access(f"{line}\n")
    log.close()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} 127\.0\.0\.1:\d+ ", line)
    assert handler.messages == [line.partition(" ")[2]]
    assert capsys.readouterr().out == f"{line}\n"


@pytest.mark.parametrize(("zone", "offset"), [("XXX-05:30", "+0530"), ("XXX+3", "-0300"), ("XXX0", "+0000")])
def test_the_zone_of_the_process(zone: str, offset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are local, with the offset that holds now."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        with serving(hello, **formatted("%(time)s %(t)s")) as site:
            site.ask()
            iso, _, common = only_line(site).partition(" ")
    time.tzset()
    assert iso.endswith(offset)
    assert common.endswith(f" {offset}]")
