"""WSGI applications by `vitok serve`: how they are found, what they are told, and requests that go wrong."""

import concurrent.futures
import contextlib
import http.client
import json
import re
import socket
from typing import Any

import pytest
import wsgi_apps
from served import CHILD_SECONDS, refused, serving
from vitok.http import application, wsgi
from vitok.http.options import OptionError, from_keywords
from vitok.http.testing import serve

pytestmark = [
    pytest.mark.vitok_only,
    pytest.mark.skipif(not wsgi.is_available(), reason="a2wsgi is not installed: pip install --group programs"),
]


def ask(url: str, target: str = "/", method: str = "GET", body: Any = None, **fields: str) -> tuple[int, bytes]:
    """The status and the content of a response."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=CHILD_SECONDS)
    try:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def seen(url: str, target: str = "/", **more: Any) -> dict[str, Any]:
    """What `environ` had."""
    status, content = ask(url, target, **more)
    assert status == 200, content
    found: dict[str, Any] = json.loads(content)
    return found


def test_environ() -> None:
    """PEP 3333: method, path, query, fields, the client."""
    with serve(wsgi_apps.app) as url:
        environ = seen(url, "/a%20b/%ff/%E2%82%AC?q=%20", method="POST", body=b"12345", Content_Type="text/x", X_A="1")
    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["PATH_INFO"].encode("latin-1") == b"/a b/\xff/\xe2\x82\xac"
    assert (environ["QUERY_STRING"], environ["SCRIPT_NAME"]) == ("q=%20", "")
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"], environ["HTTP_X_A"]) == ("text/x", "5", "1")
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"], environ["wsgi.multithread"]) == (
        "127.0.0.1",
        "http",
        True,
    )


def test_the_path_of_a_proxy() -> None:
    """`--root-path` is SCRIPT_NAME, and PATH_INFO is what follows: together they are the path."""
    for root_path, name in (("/behind", "/behind"), ("/behind/", "/behind"), ("/\xe9", "/\xc3\xa9"), ("/", "")):
        with serve(wsgi_apps.app, root_path=root_path) as url:
            environ = seen(url, "/here")
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (name, "/here")


def test_the_client_of_a_proxy() -> None:
    """`--proxy-headers` applies, and a name with underscores is not that of a field with hyphens."""
    with serve(wsgi_apps.app, proxy_headers=True) as url:
        environ = seen(url, X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="https")
        assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("192.0.2.7", "https")
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=CHILD_SECONDS) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 192.0.2.9\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
        assert b"HTTP_X_FORWARDED_FOR" not in answer


def test_several_fields_of_cookies() -> None:
    """They are one list of cookies, which has no commas."""
    with serve(wsgi_apps.app) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=CHILD_SECONDS) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1; b=2\r\nCookie: c=3\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert b'"HTTP_COOKIE": "a=1; b=2; c=3"' in answer


def test_the_environment_does_not_change_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """SCRIPT_NAME is that of the option, whatever variables there are."""
    monkeypatch.setenv("SCRIPT_NAME", "/elsewhere")
    with serve(wsgi_apps.app, root_path="/behind") as url:
        assert seen(url, "/here")["SCRIPT_NAME"] == "/behind"


def test_content() -> None:
    """Content with and without a length, in one piece and line by line."""
    with serve(wsgi_apps.app) as url:
        large = bytes(range(256)) * 4096
        assert ask(url, "/echo", method="POST", body=large) == (200, large)
        assert ask(url, "/echo", method="POST", body=iter([b"a" * 70_000, b"b"])) == (200, b"a" * 70_000 + b"b")
        assert ask(url, "/echo", method="GET") == (200, b"")
        assert ask(url, "/lines", method="POST", body=b"abcdefg\nhi\nj") == (200, b"b'abcd' [4, 3, 1]")


def test_head_has_no_content() -> None:
    """The application is called, its content is not sent."""
    with serve(wsgi_apps.app) as url:
        assert ask(url, "/", method="HEAD") == (200, b"")
        assert ask(url, "/written") == (200, b"written and returned")


def test_a_class() -> None:
    """A class whose instances are iterable is an application."""
    with serve(wsgi_apps.AppClass) as url:
        assert ask(url) == (200, b"made by a class")


def test_an_option_of_its_own() -> None:
    """Two parameters without a default are those of WSGI."""
    with serve(wsgi_apps.with_an_option) as url:
        assert ask(url) == (200, b"hello")


def test_as_many_requests_at_a_time_as_threads() -> None:
    """Four requests meet in four threads."""
    with serve(wsgi_apps.app, wsgi_threads=4) as url, concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(url, "/meeting"), range(4)))
    assert [status for status, _ in answers] == [200] * 4
    assert len({name for _, name in answers}) == 4


def test_a_client_that_leaves_ends_a_response() -> None:
    """No further parts are made, `close()` is called, and the only thread is free for the next request."""
    wsgi_apps.Endless.closed.clear()
    with serve(wsgi_apps.app, wsgi_threads=1) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=CHILD_SECONDS) as sock:
            sock.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            sock.recv(1000)
        assert wsgi_apps.Endless.closed.wait(CHILD_SECONDS)
        assert ask(url, "/written") == (200, b"written and returned")


def test_exceptions_are_logged() -> None:
    """Before the response 500, within it the end of the connection; the traceback has the application's lines."""
    with serving("--wsgi-threads", "1", app="wsgi_apps:app") as served:
        assert ask(served.urls[0], "/broken")[0] == 500
        with pytest.raises(http.client.IncompleteRead):
            ask(served.urls[0], "/torn")
        with pytest.raises((http.client.HTTPException, OSError, AssertionError)):
            assert ask(served.urls[0], "/too-long") == (200, b"more than that" * 100)
        assert ask(served.urls[0], "/written") == (200, b"written and returned")
        assert served.end() == 0
    for reason in ("RuntimeError: broken on purpose", "RuntimeError: torn on purpose", "in broken"):
        assert reason in served.errors
    assert "never retrieved" not in served.errors


@pytest.mark.parametrize(
    ("target", "status", "reason"),
    [
        ("/text", 500, "TypeError: a WSGI application returned str where bytes belong"),
        ("/silent", 500, "RuntimeError: the WSGI application did not call start_response()"),
        ("/twice", 500, "RuntimeError: start_response() was called twice"),
        ("/nothing?abc", 500, "ValueError: invalid literal for int"),
        ("/exiting", 500, "RuntimeError: a WSGI application raised SystemExit"),
        ("/leaving", 500, "RuntimeError: a WSGI application raised SystemExit"),
        ("/stopping", 500, "RuntimeError: a WSGI application raised StopIteration"),
        ("/cancelling", 500, "RuntimeError: a WSGI application raised CancelledError"),
        ("/too-late", 0, "ValueError: too late"),
        ("/badly-closed", 200, "ValueError: in close()"),
    ],
)
def test_mistakes_are_logged(target: str, status: int, reason: str) -> None:
    """Each is the status 500 if nothing was sent, and ends neither the server nor its only thread."""
    with serving("--wsgi-threads", "1", app="wsgi_apps:app") as served:
        if status:
            assert ask(served.urls[0], target)[0] == status
        else:
            with pytest.raises(http.client.IncompleteRead):
                ask(served.urls[0], target)
        assert ask(served.urls[0], "/written") == (200, b"written and returned")
        assert served.end() == 0
    assert reason in served.errors


def test_a_head_that_is_replaced() -> None:
    """PEP 3333: an application may replace it until the first bytes are sent. The reason is its own affair."""
    with serving(app="wsgi_apps:app") as served:
        assert ask(served.urls[0], "/replaced") == (503, b"an error page")
        assert served.end() == 0
    assert "a reason" not in served.errors


@pytest.mark.parametrize(
    ("target", "method", "length"),
    [("/", "GET", True), ("/nothing", "GET", True), ("/nothing", "HEAD", False), ("/nothing?204", "GET", False)],
)
def test_the_length_of_whole_content(target: str, method: str, length: bool) -> None:
    """It is set where all content is there at once."""
    with serve(wsgi_apps.app) as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=CHILD_SECONDS)
        connection.request(method, target)
        response = connection.getresponse()
        content = response.read()
        connection.close()
    assert (response.getheader("content-length") == str(len(content))) == length


def test_half_a_request_is_an_error_of_reading() -> None:
    """An application does not take the first half of an upload for all of it."""
    with serving(app="wsgi_apps:app") as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS) as sock:
            sock.sendall(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        served.read_until("upload: the client has left before its request was complete")
        assert served.end() == 0
    assert "Traceback" not in served.errors


def test_a_running_request_ends_before_the_server() -> None:
    """A graceful shutdown waits for threads that answer."""
    with serving(app="wsgi_apps:app") as served, concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, served.urls[0], "/slow")
        served.read_until("slow has begun")
        assert served.end() == 0
        assert answer.result() == (200, b"slow")
    # The lifespan is not missed.
    assert "lifespan" not in served.errors


def test_cancelled_requests_end_quietly() -> None:
    """A thread that answers, one that reads and a request that waits for one: nothing of them outlives the loop."""
    targets = (b"GET /slow", b"POST /upload", b"GET /upload")
    with (
        serving("--wsgi-threads", "2", "--timeout-graceful-shutdown", "0.1", app="wsgi_apps:app") as served,
        contextlib.ExitStack() as stack,
    ):
        for number, target in enumerate(targets):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS))
            sock.sendall(target + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
            if number < 2:
                served.read_until(f"{target.split(b'/')[1].decode()} has begun")
        assert served.end() == 0
    assert re.search("cancelling [23] requests", served.errors)
    assert "upload: the" in served.errors
    # The third one was not called.
    assert served.errors.count("upload has begun") == 1
    assert "never awaited" not in served.errors


def test_workers_and_factories() -> None:
    """Workers load the application by its name, here from a factory."""
    with serving("--workers", "2", "--interface", "wsgi", "--factory", app="wsgi_apps:made") as served:
        assert ask(served.urls[0], "/written") == (200, b"written and returned")
        assert served.end() == 0


def test_what_is_no_application() -> None:
    """One line says what was expected."""
    code, lines = refused(app="wsgi_apps:Neither")
    assert (code, len(lines)) == (2, 1)
    what = "'wsgi_apps:Neither' is no application: it is the class Neither; expected "
    assert re.search(what + ".*ASGI 3.*ASGI 2.*WSGI.*App", lines[0])


async def two(environ: object, start_response: object) -> None:
    """Neither one nor the other."""


@pytest.mark.parametrize(
    ("app", "interface", "message"),
    [
        (two, "auto", r"is no application: it is an async function with \(environ, start_response\); expected"),
        (two, "wsgi", r"--interface: .* can't be called as one of WSGI"),
        (wsgi_apps.Neither, "auto", "is no application: it is the class Neither; expected"),
        (wsgi_apps.made, "auto", "is no application: it is a function without parameters: with --factory .*; expected"),
        (wsgi_apps.made, "wsgi", r"--interface: .* can't be called as one of WSGI"),
    ],
)
def test_errors(app: Any, interface: str, message: str) -> None:
    """Each names the application and what was expected."""
    with pytest.raises(OptionError, match=message):
        application.load(app, from_keywords({"interface": interface}))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the command that installs it."""
    monkeypatch.setattr(wsgi, "is_available", lambda: False)
    with pytest.raises(OptionError, match=r"needs a2wsgi: pip install 'vitok\[wsgi\]'"):
        application.load(wsgi_apps.app, from_keywords({}))
