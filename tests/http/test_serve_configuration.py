"""Files of options, the precedence of the places that give options, --print-config, --check-config and --version.

Files of environment variables are tested in test_serve_env_file.py.
"""

import dataclasses
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import vitok
from served import CHILD_SECONDS, FOLDER, serving
from vitok.http import config_file, configuration
from vitok.http.option_parsing import OptionError
from vitok.http.options import Options, table

pytestmark = pytest.mark.vitok_only

# A value of each kind as it is written in a file, and the value that it stands for.
VALUES: list[tuple[str, str, Any]] = [
    ("app_dir", '"src"', "src"),
    ("port", "0", 0),
    ("limit_request_body", '"none"', None),
    ("limit_max_requests", "1_000", 1000),
    ("timeout_body", "2", 2.0),
    ("timeout_body", "0.5", 0.5),
    ("timeout_keep_alive", '"None"', None),
    ("date_header", "false", False),
    ("use_colors", "true", True),
    ("log_level", '"Debug"', "debug"),
    ("ssl_cert_reqs", "2", "required"),
    ("umask", '"027"', 0o027),
    ("bind", '["127.0.0.1:80", "unix:x y"]', ("127.0.0.1:80", "unix:x y")),
    ("bind", '"127.0.0.1:80, [::1]:80"', ("127.0.0.1:80", "[::1]:80")),
    ("headers", '["X-A: 1", "X-A: 2"]', (("X-A", "1"), ("X-A", "2"))),
    ("headers", '[["X-A", "1"]]', (("X-A", "1"),)),
    ("headers", '{ X-A = "1" }', (("X-A", "1"),)),
    ("headers", '"X-A: 1"', (("X-A", "1"),)),
    ("mounts", '["/static=files"]', (("/static", "files"),)),
    ("mounts", '{ "/static" = "files" }', (("/static", "files"),)),
    ("ssl_sni", '["a.example=c.pem:k.pem"]', (("a.example", "c.pem", "k.pem"),)),
]
# What is no value of an option, and what is said about it.
MISTAKES: list[tuple[str, str]] = [
    ('port = "8000"', "port: '8000' is not a whole number from 0 to 65535"),
    ("port = true", "port: True is not a whole number from 0 to 65535"),
    ("port = 65536", "port: 65536 is not a whole number from 0 to 65535"),
    ("timeout-body = inf", "timeout-body: inf is not a number of seconds above 0 or none"),
    ('date_header = "yes"', "date_header: 'yes' is not a boolean (1, 0, true, false, yes, no, on, off)"),
    ("umask = 27", 'umask: expected octal digits in quotes, such as "660"'),
    ("bind = [1]", "bind: [1] is not a list of strings"),
    ("host = 1.5", "host: 1.5 is not a string"),
    ("host = 2026-11-30", "host: datetime.date(2026, 11, 30) is not a string"),
    ("log_level = [1]", "log_level: [1] is not one of debug, info, warning, error, critical"),
    ('headers = ["no colon"]', "headers: 'no colon' is not a header of the form NAME:VALUE"),
    ('uds = "a\\u0000b"', "uds: a value has a NUL character"),
    ('ssl-keyfile-password = "secret\\u0000"', "ssl-keyfile-password: a value has a NUL character"),
    ("ssl-keyfile-password = 123456", "ssl-keyfile-password: expected a string"),
    ('headers = { X-A = ["a", "b"] }', "headers: ['a', 'b'] is not a header value: expected a string"),
    ("headers = { X-A = true }", "headers: True is not a header value: expected a string"),
    ('mounts = ["=files"]', "mounts: '=files' is not of the form /PATH=FOLDER"),
    ('prot = "h"', "unknown key 'prot': did you mean 'port'?"),
    ("[serve]\nport = 1", "unknown key 'serve'"),
    ("qqqq = 1", "unknown key 'qqqq'"),
    ("config = 1", "unknown key 'config'"),
    ("log-level = 'info'\nlog_level = 'info'", "'log_level' is given twice, under two names"),
    ("certfile = 'c'\nssl_certfile = 'c'", "'ssl_certfile' is given twice, under two names"),
    ("port = 1\nport = 2", "not valid TOML: Cannot overwrite a value (at "),
    ("port = ", "not valid TOML: Invalid value (at "),
    ("[a]\n[a]", "not valid TOML: Cannot declare ('a',) twice (at line 2"),
    (f"port = {'9' * 5000}", "not valid TOML: "),
    (f"port = {'[' * 5000}", "nested too deeply"),
    ("app = 5", "app: 5 is not a string"),
]


def read(file: Path, text: str) -> dict[str, Any]:
    """The values of a file with this text."""
    file.write_text(text)
    return config_file.read(table(), "--config", str(file))


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_values_of_each_kind(tmp_path: Path, name: str, text: str, value: Any) -> None:
    """A value has the type of TOML that suits its option."""
    assert read(tmp_path / "serve.toml", f"{name} = {text}") == {name: value}


def test_names_of_keys(tmp_path: Path) -> None:
    """Keys are the names of keywords or those of the command line, with hyphens or underscores."""
    text = 'app = "a:b"\nlog-level = "info"\nheader = ["x: 1"]\nreload-dir = "src"\ncertfile = "c"\n'
    assert read(tmp_path / "serve.toml", text) == {
        "app": "a:b",
        "log_level": "info",
        "headers": (("x", "1"),),
        "reload_dirs": ("src",),
        "ssl_certfile": "c",
    }


@pytest.mark.parametrize(("text", "reason"), MISTAKES)
def test_mistakes_are_named(tmp_path: Path, text: str, reason: str) -> None:
    """An error is one line with the file, the key, and what was expected."""
    with pytest.raises(OptionError) as caught:
        read(tmp_path / "serve.toml", text)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path}/serve.toml: {reason}")
    assert "\n" not in said


def test_only_one_table_of_a_project(tmp_path: Path) -> None:
    """Of a pyproject.toml only [tool.vitok.serve] counts, whether there is one or not."""
    file = tmp_path / "pyproject.toml"
    assert read(file, "[project]\nname = 'x'\n") == read(file, "[tool.other]\nport = 1\n") == read(file, "") == {}
    assert read(file, "port = 1\n[tool.vitok.serve]\nworkers = 3\n") == {"workers": 3}
    with pytest.raises(OptionError, match=r"expected a table \[tool\.vitok\.serve\]"):
        read(file, "[tool.vitok]\nserve = 1\n")
    with pytest.raises(OptionError, match="unknown key 'prot'"):
        read(file, "[tool.vitok.serve]\nprot = 1\n")
    with pytest.raises(OptionError, match="expected a table"):
        read(file, "tool = 1\n")


def test_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line, then variables, among them those of a file, then the file of options, then the defaults."""
    monkeypatch.chdir(tmp_path)
    Path("serve.toml").write_text("app = 'file:app'\nport = 1\nworkers = 1\nbacklog = 1\nlimit_max_requests = 1\n")
    Path(".env").write_text("VITOK_PORT=2\nVITOK_WORKERS=2\nVITOK_BACKLOG=2\n")
    environment = {"VITOK_PORT": "3", "WEB_CONCURRENCY": "3"}
    words = ["--config", "serve.toml", "--env-file", ".env", "--port", "4"]
    found = configuration.read(words, environment)
    assert found.app == "file:app"
    assert found.options == Options(port=4, workers=2, backlog=2, limit_max_requests=1)
    assert found.sources == {
        "app": "serve.toml",
        "port": "command line",
        "workers": "VITOK_WORKERS in .env",
        "backlog": "VITOK_BACKLOG in .env",
        "limit_max_requests": "serve.toml",
    }
    assert configuration.read(["a:b", "--config", "serve.toml"], {}).app == "a:b"
    assert configuration.read([], {"VITOK_CONFIG": "serve.toml", "VITOK_APP": "c:d"}).app == "c:d"


def test_one_way_to_give_addresses_excludes_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address on the command line is the only one, whatever else a file has; one place can't give both ways."""
    monkeypatch.chdir(tmp_path)
    Path("serve.toml").write_text("bind = ['unix:x']\nworkers = 2\n")
    config = ["a:b", "--config", "serve.toml"]
    assert configuration.read([*config, "--port", "1"], {}).options == Options(port=1, workers=2)
    assert configuration.read(config, {"VITOK_HOST": "h"}).options == Options(host="h", workers=2)
    assert configuration.read(config, {"VITOK_FD": "3"}).options == Options(fd=3, workers=2)
    assert configuration.read([*config, "--uds", "y"], {}).options == Options(uds="y", workers=2)
    assert configuration.read(["a:b", "--uds", "x"], {"VITOK_PORT": "1"}).options == Options(uds="x")
    assert configuration.read(["a:b", "--host", "h"], {"VITOK_PORT": "1"}).options == Options(host="h", port=1)
    assert configuration.read(["a:b", "--host", "h", "--uds", "x"], {}).options == Options(host="h", uds="x")


def test_reload_names_the_origin_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform sets WEB_CONCURRENCY for a server, and a developer who adds --reload has never written --workers."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=r"^--reload is for one process, but workers is 2 \(WEB_CONCURRENCY\)$"):
        configuration.read(["a:b", "--reload"], {"WEB_CONCURRENCY": "2"})
    Path("serve.toml").write_text("workers = 3\n")
    with pytest.raises(OptionError, match=r"^--reload is for one process, but workers is 3 \(serve.toml\)$"):
        configuration.read(["a:b", "--reload", "--config", "serve.toml"], {})
    assert configuration.read(["a:b", "--reload", "--workers", "1"], {"WEB_CONCURRENCY": "2"}).options.workers == 1


def test_a_project_counts_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyproject.toml of the current folder is read if no other file is named."""
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text("[tool.vitok.serve]\napp = 'a:b'\nport = 1\n")
    Path("serve.toml").write_text("workers = 2\n")
    assert configuration.read([], {}).options == Options(port=1)
    assert configuration.read(["a:b", "--config", "serve.toml"], {}).options == Options(workers=2)
    Path(".env").write_text("VITOK_CONFIG=serve.toml\n")
    assert configuration.read(["a:b", "--env-file", ".env"], {}).options == Options(workers=2)


def command(*words: str | Path, folder: Path = FOLDER, **environment: str) -> tuple[int, str, str]:
    """Run `vitok serve` in a folder until it ends. Return the exit code, the output and the lines about errors."""
    child = subprocess.run(
        [sys.executable, "-m", "vitok", "serve", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
    )
    return child.returncode, child.stdout, child.stderr


def test_what_is_printed_can_be_read_again(tmp_path: Path) -> None:
    """--print-config prints each option with its origin, in a form that is read as the same options."""
    given = {
        "port": 81,
        "bind": ("unix:a b\\\"c'", "fd://3"),
        "uds_permissions": 0o60,
        "ssl_sni": (("a.example", "c", "k"), ("b.example", "c", None), ("c.example", "a:b", None), ("d", "=a:b", "k")),
        "mounts": (("/s", "f=g"), ("/a=b", "f"), ("", "f")),
        "timeout_body": None,
        "timeout_header": 1e-7,
        "reload_delay": 1 / 3,
        "limit_request_body": None,
        "headers": (("x", 'ü "\\ \x80'),),
        "root_path": "/\x7f\x1b\n€",
        "access_log": False,
        "use_colors": True,
    }
    options = Options(**given)
    values = {"app": "a:b", **dataclasses.asdict(options)}
    text = config_file.written(table(), values, dict.fromkeys(["app", *given], "no\nname"))
    tomllib.loads(text)
    found = read(tmp_path / "serve.toml", text)
    assert found.pop("app") == "a:b"
    assert Options(**found) == options
    named = {line.removeprefix("# ").split(" ")[0] for line in text.splitlines()}
    assert named >= {option.name for option in table()}


def test_the_command_prints_origins_and_no_secrets(tmp_path: Path) -> None:
    """Each line ends with the place that gave the value; a password is not shown."""
    (tmp_path / "serve.toml").write_text("workers = 3\n")
    words = ["--config", "serve.toml", "--print-config", "--port", "81"]
    secrets = {"VITOK_SSL_KEYFILE_PASSWORD": "open sesame", "VITOK_BACKLOG": "9"}
    code, output, errors = command(*words, folder=tmp_path, **secrets)
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0] == "# app is not set"
    for line in (
        "workers = 3  # serve.toml",
        "port = 81  # command line",
        "backlog = 9  # VITOK_BACKLOG",
        'host = "127.0.0.1"  # default',
        "# uds is not set",
        "# ssl_keyfile_password is set, and not shown: VITOK_SSL_KEYFILE_PASSWORD",
    ):
        assert line in lines
    assert "sesame" not in output


def test_a_check_loads_everything(tmp_path: Path) -> None:
    """--check-config says that all can be used, or what can not; nothing is bound, and nothing served."""
    usable = "vitok serve: the configuration can be used\n"
    assert command("asgi_apps:app", "--check-config", "--port", "1") == (0, "", usable)
    assert command("asgi_apps:app", "--check-config", "--workers", "2") == (0, "", usable)
    code, _, errors = command("asgi_apps:app", "--check-config", "--print-config")
    assert (code, errors) == (0, usable)
    for words, code, reason in (
        (["asgi_apps:app", "--uds", "x", "--port", "1"], 2, "--port cannot be combined"),
        (["asgi_apps:nothing"], 2, "'nothing'"),
        (["asgi_apps:app", "--certfile", "no.pem"], 3, "'no.pem' can't be read"),
        ([], 2, "expected an application"),
    ):
        found, output, errors = command("--check-config", *words)
        assert (found, output) == (code, "")
        assert reason in errors
        assert errors.count("\n") == 1
    (tmp_path / "broken.py").write_text("1 / 0\n")
    code, _, errors = command("--check-config", "broken:app", folder=tmp_path)
    assert code == 3
    assert errors.splitlines()[-1].startswith("vitok serve: 'broken:app' raised ZeroDivisionError")


def test_files_that_can_not_be_used(tmp_path: Path) -> None:
    """A missing file, a folder, bytes that are no text, and a project that is none: a line and exit code 2."""

    def refusal(*words: str | Path, **environment: str) -> str:
        code, output, errors = command("a:b", *words, folder=tmp_path, **environment)
        assert (code, output, errors.count("\n")) == (2, "", 1)
        return errors.removeprefix("vitok serve: ").removesuffix("\n")

    assert refusal("--config", "no.toml") == "--config: 'no.toml' can't be read: no such file or directory"
    assert refusal(VITOK_CONFIG="no.toml") == "VITOK_CONFIG: 'no.toml' can't be read: no such file or directory"
    assert refusal("--config", ".") == "--config: '.' can't be read: is a directory"
    (tmp_path / "bytes.toml").write_bytes(b"\n\n\xfe = 1")
    assert refusal("--config", "bytes.toml") == "--config: 'bytes.toml' is not in UTF-8 (line 3)"
    (tmp_path / "pyproject.toml").write_text("[tool.vitok.serve]\nworker = 1\n")
    assert refusal() == "pyproject.toml: unknown key 'worker': did you mean 'workers'?"
    (tmp_path / "pyproject.toml").write_text("[tool")
    assert refusal().startswith("pyproject.toml: not valid TOML: ")


def test_a_server_of_a_file(tmp_path: Path) -> None:
    """A file gives everything that the server needs, and workers get the same."""
    file = tmp_path / "serve.toml"
    file.write_text('workers = 2\nheaders = { x-from = "a file" }\nroot_path = "/inside"\n')
    with serving("--config", file) as served:
        assert served.get("/x")["root_path"] == "/inside"
        assert served.end() == 0
    assert "(2 workers" in served.errors


def test_the_version() -> None:
    """--version is the first thing that is looked at."""
    assert command("--version") == (0, f"vitok {vitok.__version__}\n", "")
    assert command("a:b", "--version", "--config", "no.toml") == (0, f"vitok {vitok.__version__}\n", "")
