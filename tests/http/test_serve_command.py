"""`vitok serve` as a command: its messages when it can't serve, its end, and the effect of its options.

Workers are not tested here; the table of options is tested in test_serve_options.py.
"""

import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from certificates_made import Certificates
from served import ask, drain, refused, serving, started

pytestmark = pytest.mark.vitok_only


def one_line(*words: str | Path, app: str | None = "asgi_apps:app", code: int, **environment: str) -> str:
    """What a refusal says: one line, with this exit code."""
    found, lines = refused(*words, app=app, **environment)
    assert (found, len(lines)) == (code, 1), lines
    assert lines[0].startswith("vitok serve: ")
    return lines[0]


def test_what_is_not_understood_is_one_line() -> None:
    """A wrong option, a bad value, a bad variable and a bad name of the application: exit code 2 and a line."""
    assert "--prot" in one_line("--prot", "1", code=2)
    assert "--port: 'x'" in one_line("--port", "x", code=2)
    assert "VITOK_PORT: 'x'" in one_line(code=2, VITOK_PORT="x")
    assert "module:attribute" in one_line(app=None, code=2)
    assert "asgi_apps:app" in one_line(app="asgi_apps", code=2)
    assert "no_such_module" in one_line(app="no_such_module:app", code=2)
    assert "'missing'" in one_line(app="asgi_apps:missing", code=2)


def test_what_can_not_be_had_is_one_line(tmp_path: Path, certificates: Certificates) -> None:
    """A port in use, a file that is no socket, a descriptor that is none, keys: exit code 3 and a line."""
    regular = tmp_path / "regular"
    regular.touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        in_use = f"127.0.0.1:{port}: in use by another process"
        assert one_line("--port", str(port), code=3) == f"vitok serve: {in_use}: --port chooses another one"
        bind = one_line("--bind", f"127.0.0.1:{port}", code=3)
        assert bind == f"vitok serve: {in_use}: --bind chooses another one"
        assert f"127.0.0.1:{port}: in use" in one_line("--port", str(port), "--workers", "2", code=3)
    assert f"unix:{regular}" in one_line("--uds", regular, code=3)
    assert "fd://0" in one_line("--fd", "0", code=3)
    missing = tmp_path / "missing.pem"
    assert f"'{missing}' can't be read" in one_line(
        "--certfile", certificates.certificate, "--keyfile", missing, code=3
    )
    words = ["--ssl-certfile", certificates.certificate, "--ssl-keyfile", certificates.other_key]
    assert "does not match" in one_line(*words, code=3)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_module_that_raises(tmp_path: Path, workers: str) -> None:
    """An exception while the module is imported is shown with the user's part of its traceback, then in a line."""
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    code, lines = refused("--app-dir", tmp_path, "--workers", workers, "--port", "0", app="broken:app")
    assert code == 3
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].lstrip().startswith(f'File "{tmp_path}/broken.py", line 1')
    assert lines[3] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert lines[4].startswith("vitok serve: 'broken:app' raised ModuleNotFoundError")
    assert lines[5:] == ([] if workers == "1" else ["vitok serve: the workers do not start"])


def test_a_startup_that_failed() -> None:
    """`lifespan.startup.failed` ends with exit code 3 and the application's message; nobody was served."""
    assert "failed to start: no database" in one_line("--port", "0", app="asgi_apps:fails_to_start", code=3)
    assert "--lifespan" in one_line("--port", "0", "--lifespan", "on", app="asgi_apps:without_lifespan", code=3)


def is_a_traceback(lines: list[str]) -> bool:
    """Whether these lines are those of the application's exception, as Python shows it."""
    first, *frames, last = lines
    return first.startswith("Traceback ") and '  File "' in frames[0] and last == "LookupError: no database"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_startup_that_failed_at_length(workers: str) -> None:
    """A message of several lines, as Starlette's traceback, keeps them; the line about the failure comes last."""
    words = ["--port", "0", "--workers", workers]
    code, lines = refused(*words, app="asgi_apps:fails_with_a_traceback")
    if workers == "2":
        assert lines.pop() == "vitok serve: the workers do not start"
    assert (code, lines[-1]) == (3, "vitok serve: the application failed to start")
    assert is_a_traceback(lines[:-1])


def test_a_startup_that_raised_where_a_lifespan_is_wanted() -> None:
    """With --lifespan on an exception is shown with its traceback, in front of the line."""
    code, lines = refused("--port", "0", "--lifespan", "on", app="asgi_apps:raises_at_startup")
    assert (code, "raised LookupError: no database" in lines[-1]) == (3, True)
    assert is_a_traceback(lines[:-1])


def test_a_startup_that_raised_is_a_warning() -> None:
    """With --lifespan auto the application is served, and the log has the exception with its traceback."""
    with serving(app="asgi_apps:raises_at_startup", environment={"FAILS_AT": "start"}) as served:
        assert served.end() == 0
    lines = served.errors.splitlines()
    [warning] = [number for number, line in enumerate(lines) if " WARNING " in line]
    assert "serving without lifespan: the application raised LookupError: no database" in lines[warning]
    assert is_a_traceback(lines[warning + 1 : lines.index("LookupError: no database") + 1])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_startup_that_takes_too_long(workers: str) -> None:
    """--timeout-startup is a limit, with a line that names it and the exit code of a start that failed."""
    words = ["--port", "0", "--workers", workers, "--timeout-startup", "0.1"]
    with started(*words, app="asgi_apps:starts_for_ever") as served:
        assert served.wait() == 3
    lines = served.errors.splitlines()
    assert lines[0] == "vitok serve: --timeout-startup: the application did not start within 0.1 s"
    assert lines[1:] == ([] if workers == "1" else ["vitok serve: the workers do not start"])


def test_an_end_that_failed_at_length() -> None:
    """The same at the end."""
    with serving(app="asgi_apps:fails_with_a_traceback", environment={"FAILS_AT": "end"}) as served:
        assert served.end() == 3
    lines = served.errors.splitlines()
    assert lines[-1] == "vitok serve: the application failed to end"
    assert is_a_traceback(lines[lines.index("Traceback (most recent call last):") : -1])


def test_an_end_that_failed() -> None:
    """`lifespan.shutdown.failed` is the last line, and the exit code is 3."""
    with serving(app="asgi_apps:fails_to_end") as served:
        served.get()
        assert served.end() == 3
    assert served.errors.splitlines()[-1] == "vitok serve: the application failed to end: no farewell"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_gracefully(number: signal.Signals) -> None:
    """SIGINT and SIGTERM: the application's lifespan ends, the exit code is 0, and nothing complains."""
    with serving() as served:
        answer = served.get("/x")
        assert served.end(number) == 0
    assert answer["state"] == {"answer": 42}
    assert [line for line in served.output.splitlines() if "GET" not in line] == ["startup", "shutdown"]
    assert served.errors.splitlines()[-1].endswith(f"{number.name}: ending")


def test_a_running_request_may_end() -> None:
    """A slow request is answered after the signal; a connection that comes then is not."""
    with serving() as served, socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"GET /sleep/0.5 HTTP/1.1\r\nhost: x\r\n\r\n")
        served.get()
        served.child.send_signal(signal.SIGTERM)
        served.read_until("SIGTERM: ending")
        with pytest.raises(ConnectionRefusedError):
            # The listening socket closes in the turn in which the line is written.
            while True:
                socket.create_connection(("127.0.0.1", served.port)).close()
        assert drain(slow).startswith(b"HTTP/1.1 200 ")
        assert served.wait() == 0
    assert served.output.splitlines()[-1] == "shutdown"


def test_a_request_that_runs_too_long_is_cancelled() -> None:
    """At --timeout-graceful-shutdown what runs is cancelled, the log says so, and the lifespan ends all the same."""
    with (
        serving("--timeout-graceful-shutdown", "0.2") as served,
        socket.create_connection(("127.0.0.1", served.port)) as slow,
    ):
        slow.sendall(b"GET /sleep/60 HTTP/1.1\r\nhost: x\r\n\r\n")
        served.get()
        before = time.monotonic()
        assert served.end() == 0
        assert time.monotonic() - before < 10
        drain(slow)
    assert "cancelling 1 requests" in served.errors
    assert served.output.splitlines()[-1] == "shutdown"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(number: signal.Signals) -> None:
    """The second signal waits for nothing, and the process dies of it."""
    with serving() as served, socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"GET /sleep/60 HTTP/1.1\r\nhost: x\r\n\r\n")
        served.get()
        served.child.send_signal(signal.SIGTERM)
        served.read_until("SIGTERM: ending")
        assert served.end(number) == -number
        assert b"HTTP/1.1 200 " not in drain(slow)
    assert "shutdown" not in served.output


def test_a_signal_during_startup() -> None:
    """A server that is still starting ends at once, with 0: it was asked to."""
    with started("--port", "0", app="asgi_apps:starts_for_ever") as served:
        assert served.child.stdout is not None
        assert served.child.stdout.readline() == "starting\n"
        assert served.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_import(tmp_path: Path, number: signal.Signals) -> None:
    """While the application is imported a signal ends the process as it ends others, without a traceback."""
    (tmp_path / "slow.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    with started("--app-dir", tmp_path, "--port", "0", app="slow:app") as served:
        assert served.child.stdout is not None
        assert served.child.stdout.readline() == "importing\n"
        assert served.end(number) == -number
    assert served.errors == ""


def test_access_lines() -> None:
    """A line for each request: time, peer, request, status, bytes, duration; none with --no-access-log."""
    time_stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"
    for words in ([], ["--no-access-log"]):
        with serving(*words) as served:
            served.get("/a?b=c")
            assert served.end() == 0
        lines = [line for line in served.output.splitlines() if "HTTP" in line]
        if words:
            assert lines == []
        else:
            line = rf'{time_stamp} 127\.0\.0\.1:\d+ "GET /a\?b=c HTTP/1\.1" 200 \d+B \d+\.\d+ms'
            assert re.fullmatch(line, lines[0])
            assert len(lines) == 1


def test_an_exception_in_the_application_is_logged() -> None:
    """A request that raises is a 500 with its traceback in the log, and the server goes on."""
    with serving() as served:
        with socket.create_connection(("127.0.0.1", served.port)) as sock:
            answer = ask(sock, b"GET /error HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 500 ")
        served.get()
        assert served.end() == 0
    assert "LookupError: nothing there" in served.errors


def test_the_log_level() -> None:
    """At `error` nothing is said of a good start; at `debug` it says why there is no lifespan."""
    with serving("--log-level", "debug", app="asgi_apps:without_lifespan") as served:
        assert served.end() == 0
    assert "serving without lifespan: the application raised AssertionError" in served.errors
    with started("--log-level", "error", "--port", "0") as served:
        assert served.child.stdout is not None
        assert served.child.stdout.readline() == "startup\n"
        assert served.end() == 0
    assert served.errors == ""


def test_a_unix_socket(tmp_path: Path) -> None:
    """--uds serves on a path, which is gone afterwards."""
    path = tmp_path / "app.sock"
    with serving(
        "--uds", path, "--uds-permissions", "600", "--proxy-headers", "--forwarded-allow-ips", "unix"
    ) as served:
        assert served.urls == [f"unix:{path}"]
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            request = b"GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.7\r\nconnection: close\r\n\r\n"
            assert b'"client": ["192.0.2.7", 0]' in ask(sock, request)
        assert served.end() == 0
    assert not path.exists()


@pytest.mark.parametrize("workers", [(), ("--workers", "2")], ids=["one", "workers"])
def test_a_unix_socket_keeps_its_mode(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """A server that was killed leaves its socket behind; the next one has the mode that somebody gave that one."""
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    path.chmod(0o606)
    with serving("--uds", path, *workers) as served:
        assert stat.S_IMODE(path.stat().st_mode) == 0o606
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            assert ask(sock).startswith(b"HTTP/1.1 200 ")
        assert served.end() == 0
    assert not path.exists()


def test_an_inherited_descriptor() -> None:
    """--fd serves on a socket that was opened by whoever started the server, listening already or not."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        with serving("--fd", str(listener.fileno()), pass_fds=[listener.fileno()]) as served:
            assert served.port == listener.getsockname()[1]
            served.get()
            assert served.end() == 0


def test_several_addresses(tmp_path: Path) -> None:
    """--bind may be given several times, also by its variable."""
    path = tmp_path / "app.sock"
    with serving("--bind", "127.0.0.1:0", "--bind", f"unix:{path}", "--bind", "127.0.0.1:0") as served:
        assert len(served.urls) == 3
        for url in (served.urls[0], served.urls[2]):
            with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as sock:
                assert ask(sock).startswith(b"HTTP/1.1 200 ")
        assert served.end() == 0


def test_tls(certificates: Certificates) -> None:
    """With a certificate it speaks TLS, offers http/1.1 beside h2, and the scheme is https."""
    with serving("--ssl-certfile", certificates.certificate, "--ssl-keyfile", certificates.key) as served:
        assert served.urls[0].startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(certificates.certificate))
        context.set_alpn_protocols(["http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", served.port)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as sock,
        ):
            assert sock.selected_alpn_protocol() == "http/1.1"
            assert b'"scheme": "https"' in ask(sock)
        assert served.end() == 0


def test_a_number_of_requests() -> None:
    """After --limit-max-requests a single process ends gracefully, with 0."""
    with serving("--limit-max-requests", "2") as served:
        for _ in range(2):
            served.get()
        assert served.wait() == 0
    assert "requests have ended: the process is due for replacement" in served.errors
    assert served.output.splitlines()[-1] == "shutdown"


def test_the_application_is_found_from_the_current_folder() -> None:
    """Without --app-dir modules are looked for where the command was given; --factory and dots work there, too."""
    folder = str(Path(__file__).parent)
    for words in (["asgi_apps:Holder.app"], ["asgi_apps:make_app", "--factory"]):
        command = [str(Path(sys.executable).with_name("vitok")), "serve", *words, "--port", "0"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder)
        with child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == "startup\n"
                child.terminate()
                assert child.wait() == 0
            finally:
                child.kill()


def test_variables_reach_the_server(tmp_path: Path) -> None:
    """The application's name and the options come from the environment where the command line has none."""
    path = tmp_path / "app.sock"
    environment = {"VITOK_UDS": str(path), "VITOK_ROOT_PATH": "/below", "VITOK_SERVER_HEADER": "no"}
    environment |= {"VITOK_HEADERS": "X-One: 1\nX-Two: 2"}
    with started(environment=environment) as served:
        served.read_until(f"unix:{path}")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            head, _, body = ask(sock).partition(b"\r\n\r\n")
        assert served.end() == 0
    fields = head.lower().split(b"\r\n")
    assert b"x-one: 1" in fields
    assert b"x-two: 2" in fields
    assert not [field for field in fields if field.startswith(b"server:")]
    assert b'"root_path": "/below"' in body


def test_the_standard_streams_may_be_closed() -> None:
    """A server without a standard output or error serves all the same."""
    listener = socket.create_server(("127.0.0.1", 0))
    folder = Path(__file__).parent
    command = f"exec {sys.executable} -m vitok serve asgi_apps:without_lifespan --fd {listener.fileno()} >&- 2>&-"
    with listener, subprocess.Popen(["sh", "-c", command], pass_fds=[listener.fileno()], cwd=folder) as child:
        try:
            with socket.create_connection(listener.getsockname()) as sock:
                assert ask(sock).startswith(b"HTTP/1.1 200 ")
            os.kill(child.pid, signal.SIGTERM)
            assert child.wait(20) == 0
        finally:
            child.kill()
