"""The form of messages: JSON objects, and colours of levels."""

import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from served import CHILD_SECONDS, FOLDER, serving, started
from vitok.http.log import Log
from vitok.http.log_format import JsonFormatter, TextFormatter, wants_colors
from vitok.http.options.logs import Logs

pytestmark = pytest.mark.vitok_only


@pytest.fixture
def terminal() -> Iterator[io.TextIOWrapper]:
    """The side of a terminal that a program has."""
    outside, inside = pty.openpty()
    with os.fdopen(inside, "w") as stream:
        yield stream
    os.close(outside)


def failure() -> Exception:
    """An exception with a traceback."""
    try:
        raise LookupError("line one\nline two \N{SNOWMAN}")
    except LookupError as error:
        return error


def test_messages_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is one line with an object; a traceback is text in it."""
    log = Log(Logs(log_format="json"), is_owner=True)
    log.logger.warning("a %s message", "caf\u00e9\n")
    log.error("the application raised", failure())
    log.close()
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert list(first) == ["time", "level", "logger", "pid", "message"]
    assert datetime.fromisoformat(first["time"]).utcoffset() is not None
    assert {**first, "time": ""} == {
        "time": "",
        "level": "WARNING",
        "logger": "vitok.server",
        "pid": os.getpid(),
        "message": "a caf\u00e9\n message",
    }
    assert second["level"] == "ERROR"
    assert second["exception"].startswith("Traceback (most recent call last):\n")
    assert second["exception"].endswith("LookupError: line one\nline two \N{SNOWMAN}")


def test_the_stack_of_a_record_in_json() -> None:
    """A record with `stack_info` has it as text."""
    record = logging.LogRecord("name", logging.INFO, __file__, 1, "said", None, None, sinfo="Stack:\n  here")
    assert json.loads(JsonFormatter().format(record))["stack"] == "Stack:\n  here"


def test_lost_lines_are_told_in_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every line of both logs is an object then."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    log = Log(Logs(log_format="json"), is_owner=True)
    log.access("{}\n{}\n")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    log.access("{}\n")
    found = io.StringIO()
    monkeypatch.setattr("sys.stdout", found)
    log.access("{}\n")
    log.close()
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert "the access log: 2 lines were lost" in [one["message"] for one in told]


def test_a_level_in_colours(terminal: io.TextIOWrapper) -> None:
    """Only the level is coloured, and the record stays as it is for other handlers."""
    record = logging.LogRecord("name", logging.WARNING, __file__, 1, "said", None, None)
    assert wants_colors(None, terminal, {"TERM": "xterm"})
    assert re.fullmatch(r"\S+ \x1b\[33mWARNING\x1b\[0m \[\d+\] said", TextFormatter(has_colors=True).format(record))
    assert record.levelname == "WARNING"
    record.levelname = "NOTICE"
    assert "\x1b" not in TextFormatter(has_colors=True).format(record)


@pytest.mark.parametrize(
    ("chosen", "environment", "is_colored"),
    [
        (None, {}, True),
        (None, {"TERM": "dumb"}, False),
        (None, {"NO_COLOR": "1"}, False),
        (None, {"NO_COLOR": ""}, True),
        (None, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (None, {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        (True, {"NO_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_on_a_terminal(
    chosen: bool | None, environment: dict[str, str], is_colored: bool, terminal: io.TextIOWrapper
) -> None:
    """The option decides first, then NO_COLOR and FORCE_COLOR, then the terminal."""
    assert wants_colors(chosen, terminal, environment) is is_colored


def test_colours_elsewhere(tmp_path: Path) -> None:
    """A pipe has them only when told to; a file, and a stream without a descriptor, never."""
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "w") as pipe:
        assert not wants_colors(None, pipe, {})
        assert wants_colors(None, pipe, {"FORCE_COLOR": "1"})
        assert wants_colors(True, pipe, {})
    with (tmp_path / "log").open("w") as file:
        assert not wants_colors(True, file, {"FORCE_COLOR": "1"})
    assert not wants_colors(True, io.StringIO(), {})
    assert not wants_colors(True, None, {})


def test_a_server_with_colours() -> None:
    """`--use-colors` is for a pipe, too, as in a container."""
    with serving("--use-colors") as served:
        assert served.end() == 0
    assert "\x1b[32mINFO\x1b[0m" in served.errors


def test_a_server_without_colours() -> None:
    """A pipe has none by default."""
    with serving(environment={"FORCE_COLOR": ""}) as served:
        assert served.end() == 0
    assert "\x1b" not in served.errors


@pytest.mark.parametrize(("variable", "is_colored"), [("TERM", True), ("NO_COLOR", False)])
def test_a_server_at_a_terminal(variable: str, is_colored: bool) -> None:
    """The lines of a server at a terminal have colours, unless NO_COLOR is set."""
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    environment |= {"TERM": "xterm", variable: "xterm"}
    command = [sys.executable, "-m", "vitok", "serve", "asgi_apps:without_lifespan", "--app-dir", str(FOLDER)]
    outside, inside = pty.openpty()
    with subprocess.Popen([*command, "--port", "0"], stderr=inside, env=environment) as child:
        os.close(inside)
        said = b""
        while b"Ctrl-C" not in said:
            said += os.read(outside, 4096)
        child.terminate()
        assert child.wait(CHILD_SECONDS) == 0
    os.close(outside)
    assert (b"\x1b[32mINFO\x1b[0m" in said) is is_colored


def test_all_lines_of_a_server_in_json(tmp_path: Path) -> None:
    """Both logs in one file: each line is an object with its time, logger and process."""
    path = tmp_path / "log"
    words = ("--log-format", "json", "--log-file", path, "--access-log-file", path, "--port", "0", "--workers", "2")
    with started(*words, app="asgi_apps:without_lifespan") as served:
        while not (path.exists() and (found := re.search(r"vitok serve: (\S+) ", path.read_text()))):
            assert served.child.poll() is None, served.wait()
        served.urls = [found[1]]
        served.get("/some/path")
        with pytest.raises(ValueError, match="Expecting value"):
            served.get("/error")
        assert served.end() == 0
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert {record["logger"] for record in records} == {"vitok.server", "vitok.access"}
    assert all(datetime.fromisoformat(record["time"]).utcoffset() is not None for record in records)
    assert [record["pid"] for record in records if record.get("message") == "SIGTERM: ending"] == [served.child.pid]
    workers = {record["pid"] for record in records if record["logger"] == "vitok.access" or "exception" in record}
    assert served.child.pid not in workers
    assert {record["path"] for record in records if record["logger"] == "vitok.access"} == {"/some/path", "/error"}
