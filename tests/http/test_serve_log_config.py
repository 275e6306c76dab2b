"""The file of `--log-config`: its forms, its errors, and the loggers of the server under it.

The configuration of logging by the application is tested in test_serve_log_application.py.
"""

import http.client
import json
import re
import signal
import sys
from pathlib import Path

import pytest
from served import CHILD_SECONDS, refused, serving, started
from vitok.http import log_config
from vitok.http.options import OptionError

pytestmark = pytest.mark.vitok_only

JSON = {
    "version": 1,
    "formatters": {"short": {"format": "SHORT %(name)s %(levelname)s %(message)s"}},
    "handlers": {"errors": {"class": "logging.StreamHandler", "formatter": "short"}},
    "loggers": {
        "vitok.server": {"handlers": ["errors"], "level": "INFO"},
        "vitok.access": {"handlers": ["errors"]},
    },
}
TOML = """
disable_existing_loggers = true

[formatters.short]
format = "SHORT %(name)s %(levelname)s %(message)s"

[handlers.errors]
class = "logging.StreamHandler"
formatter = "short"

[loggers.vitok]
handlers = ["errors"]
"""
YAML = """
version: 1
formatters: {short: {format: 'SHORT %(name)s %(levelname)s %(message)s'}}
handlers: {errors: {class: logging.StreamHandler, formatter: short}}
root: {handlers: [errors], level: WARNING}
"""
FILE_HANDLER = '{"handlers": {"one": {"class": "logging.FileHandler", "filename": "/no/such/log"}}}'
INI = """
[loggers]
keys = root
[handlers]
keys = errors
[formatters]
keys = short
[logger_root]
level = INFO
handlers = errors
[handler_errors]
class = StreamHandler
args = (sys.stderr,)
formatter = short
[formatter_short]
format = SHORT %(name)s %(levelname)s %(message)s
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("name", "content"), [("log.json", json.dumps(JSON)), ("log.toml", TOML), ("log.yaml", YAML), ("log.ini", INI)]
)
def test_each_form(name: str, content: str, workers: int, tmp_path: Path) -> None:
    """Both logs have the file's form in all processes, and `disable_existing_loggers` silences neither of them."""
    if name.endswith("yaml"):
        pytest.importorskip("yaml")
    path = tmp_path / name
    path.write_text(content)
    with serving("--log-config", path, "--workers", str(workers)) as served:
        served.get("/some/path")
        assert served.end() == 0
    assert re.search(r"^SHORT vitok.server INFO vitok serve: http://", served.errors, re.M)
    assert re.search(r'^SHORT vitok.access INFO 127\.0\.0\.1:\d+ "GET /some/path HTTP/1.1" 200 ', served.errors, re.M)
    assert all(line.startswith("SHORT ") for line in served.errors.splitlines())
    assert set(served.output.split()) == {"startup", "shutdown"}


def test_the_level_of_messages(tmp_path: Path) -> None:
    """`--log-level` is for loggers to which the file gives no level."""
    path = tmp_path / "log.toml"
    path.write_text(TOML)
    with started("--log-config", path, "--log-level", "error", "--port", "0") as served:
        assert served.child.stdout is not None
        assert served.child.stdout.readline() == "startup\n"
        served.end()
    assert "INFO" not in served.errors


PLAIN = """
import logging
async def app(scope, receive, send):
    logging.getLogger('asyncio').error('from asyncio')
    await send({'type': 'http.response.start', 'status': 204})
    await send({'type': 'http.response.body'})
"""


def test_a_file_for_the_loggers_of_the_server_only(tmp_path: Path) -> None:
    """Messages of asyncio are then written as without the file."""
    path = tmp_path / "log.toml"
    path.write_text(TOML)
    (tmp_path / "logging_app_of_asyncio.py").write_text(PLAIN)
    server = serving("--log-config", path, "--lifespan", "off", app="logging_app_of_asyncio:app", folder=tmp_path)
    with server as served:
        status(served.port)
        assert served.end() == 0
    assert re.search(r"^\S+ ERROR \[\d+\] from asyncio$", served.errors, re.M)
    assert served.errors.count("from asyncio") == 1
    assert re.search(r"^SHORT vitok.access INFO .* 204 ", served.errors, re.M)


def test_the_loggers_that_the_file_does_not_name(tmp_path: Path) -> None:
    """Without a handler anywhere they write as ever, and messages of asyncio are still written."""
    path = tmp_path / "log.json"
    path.write_text('{"handlers": {}}')
    (tmp_path / "logging_app_plain.py").write_text(PLAIN)
    with serving("--log-config", path, "--lifespan", "off", app="logging_app_plain:app", folder=tmp_path) as served:
        status(served.port)
        assert served.end() == 0
    assert re.search(r"^\S+ ERROR \[\d+\] from asyncio$", served.errors, re.M)
    assert '"GET / HTTP/1.1" 204' in served.output


def status(port: int) -> int:
    """Return the status of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CHILD_SECONDS)
    connection.request("GET", "/")
    found = connection.getresponse().status
    connection.close()
    return found


def test_files_of_handlers_are_opened_anew(tmp_path: Path) -> None:
    """SIGUSR1 is for them, too."""
    path, log = tmp_path / "log.json", tmp_path / "server.log"
    handlers = {"file": {"class": "logging.FileHandler", "filename": str(log)}}
    path.write_text(json.dumps({"handlers": handlers, "root": {"handlers": ["file"], "level": "INFO"}}))
    with started("--log-config", path, "--port", "0") as served:
        while not (log.exists() and "Ctrl-C" in log.read_text()):
            assert served.child.poll() is None
        log.rename(tmp_path / "moved.log")
        served.child.send_signal(signal.SIGUSR1)
        while not log.exists() or not log.read_text():
            assert served.child.poll() is None
        assert served.end() == 0
    assert log.read_text().splitlines() == ["the log files were opened anew", "SIGTERM: ending"]
    assert served.errors == ""


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("log.json", "{", "Expecting property name enclosed in double quotes"),
        ("log.json", "[]", "expected a dictionary for logging.config.dictConfig, not list"),
        ("log.toml", "a = ", "Invalid value"),
        ("log.json", b"\xff", "invalid start byte"),
        ("log.xml", "", "expected a name that ends in one of .json, .toml, .yaml, .yml, .ini, .cfg, .conf"),
        ("log.ini", "[loggers]\n", "log.ini': there is no 'formatters'"),
        ("log.json", '{"version": 2}', "Unsupported version: 2"),
        (
            "log.json",
            '{"root": {"handlers": ["none"]}}',
            "root logger: Unable to add handler 'none': there is no 'none'",
        ),
        ("log.json", '{"handlers": {"one": {"class": "no.Such"}}}', "Unable to configure handler 'one'"),
        ("log.json", '{"loggers": {"vitok.server": {"level": "LOUD"}}}', "Unknown level: 'LOUD'"),
        ("log.json", '{"loggers": 5}', "log.json': loggers: expected a dictionary, not int"),
        ("log.json", '{"loggers": {"a": null}}', "loggers.a: expected a dictionary, not NoneType"),
        ("log.json", '{"handlers": {"one": {}}}', "handlers.one: expected a key 'class' or '()'"),
        ("log.json", FILE_HANDLER, "Unable to configure handler 'one': '/no/such/log': no such file or directory"),
        ("log.yaml", "a: [", "expected the node content"),
    ],
)
def test_errors_in_the_file(name: str, content: str | bytes, said: str, workers: str, tmp_path: Path) -> None:
    """One line that names the file and what is wrong where, and the exit code of a wrong option."""
    if name.endswith("yaml"):
        pytest.importorskip("yaml")
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, lines = refused("--log-config", path, "--port", "0", "--workers", workers)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"vitok serve: --log-config: '{path}': ")
    assert said in lines[0]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is impossible, not wrong."""
    path = tmp_path / "none.json"
    expected = f"vitok serve: --log-config: '{path}' can't be read: no such file or directory"
    assert refused("--log-config", path, "--port", "0") == (3, [expected])


def test_yaml_without_pyyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what to install."""
    path = tmp_path / "log.yaml"
    path.write_text(YAML)
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(OptionError, match="YAML needs PyYAML: pip install pyyaml"):
        log_config.apply(str(path), ())


def examples() -> list[str]:
    """The configurations in docs/serve/logs.md."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "serve" / "logs.md").read_text()
    section = page.partition("## A configuration of logging")[2].partition("\n## ")[0]
    return re.findall(r"^```toml .*?\n(.*?)^```$", section, re.M | re.S)


def test_the_examples_in_the_documentation(tmp_path: Path) -> None:
    """The first writes text to standard output, without lines about requests; the second JSON to standard error."""
    plain, in_json = examples()
    path = tmp_path / "log.toml"
    path.write_text(plain)
    with started("--log-config", path, "--port", "0", app="asgi_apps:without_lifespan") as served:
        assert served.child.stdout is not None
        line = served.child.stdout.readline()
        found = re.search(r" INFO vitok.server: vitok serve: (\S+) ", line)
        assert found, line
        served.urls = [found[1]]
        served.get("/some/path")
        assert served.end() == 0
    assert served.output.endswith("INFO vitok.server: SIGTERM: ending\n")
    assert "/some/path" not in served.output
    assert served.errors == ""
    path.write_text(in_json)
    with serving("--log-config", path, app="asgi_apps:without_lifespan") as served:
        served.get("/some/path")
        assert served.end() == 0
    records = [json.loads(line) for line in served.errors.splitlines()]
    assert {record["logger"] for record in records} == {"vitok.server", "vitok.access"}
    assert served.output == ""
