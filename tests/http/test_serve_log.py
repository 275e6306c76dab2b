"""The two logs: their destinations with and without handlers, and the state of logging afterwards.

The contents of logs are not tested here.
"""

import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from log_support import Kept
from vitok.http.log import Log
from vitok.http.options.logs import Logs

pytestmark = pytest.mark.vitok_only

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"


@pytest.fixture
def handlers() -> Iterator[dict[str, Kept]]:
    """Handlers, put where a test wants them and taken away again."""
    found = {name: Kept() for name in ("vitok", "vitok.server", "vitok.access")}
    yield found
    for name, handler in found.items():
        logging.getLogger(name).removeHandler(handler)


def test_lines_with_their_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines about requests go to the standard output as they are, those about the server to the standard error."""
    log = Log(is_owner=True)
    log.logger.info("begins")
    log.logger.debug("is not said")
    log.access("one\ntwo\n")
    log.access("three")
    log.close()
    out, err = capsys.readouterr()
    assert out == "one\ntwo\nthree\n"
    assert re.fullmatch(rf"{TIME} INFO \[\d+\] begins\n", err)


def test_exceptions_have_their_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """What an application raised is shown with its traceback."""
    log = Log(is_owner=True)
    try:
        raise LookupError("lost")
    except LookupError as error:
        log.error("the application raised", error)
    log.error("without", None)
    log.close()
    err = capsys.readouterr().err
    assert "the application raised\nTraceback" in err
    assert "LookupError: lost" in err
    assert err.endswith("without\n")


def test_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    """What is below the level is not written."""
    log = Log(Logs(log_level="error"), is_owner=True)
    log.logger.warning("not said")
    log.close()
    assert capsys.readouterr().err == ""


def test_logging_is_left_as_it_was() -> None:
    """After the server the logger has the handlers, the level and the parent that it had."""
    logger = logging.getLogger("vitok.server")
    before = (list(logger.handlers), logger.level, logger.propagate)
    log = Log(Logs(log_level="debug"), is_owner=True)
    assert logger.handlers
    log.close()
    assert (list(logger.handlers), logger.level, logger.propagate) == before


@pytest.mark.parametrize("place", ["vitok", "vitok.server"])
def test_the_users_handler_for_the_server(
    place: str, handlers: dict[str, Kept], capsys: pytest.CaptureFixture[str]
) -> None:
    """Handlers of the user get the records instead."""
    logging.getLogger(place).addHandler(handlers[place])
    log = Log(is_owner=True)
    log.logger.error("begins")
    log.close()
    assert handlers[place].messages == ["begins"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("place", ["vitok", "vitok.access"])
def test_the_users_handler_for_requests(
    place: str, handlers: dict[str, Kept], capsys: pytest.CaptureFixture[str]
) -> None:
    """Handlers of the user get a record for each line instead, also when they come late."""
    log = Log(is_owner=True)
    log.access("one")
    logger = logging.getLogger("vitok.access")
    logger.setLevel(logging.INFO)
    logging.getLogger(place).addHandler(handlers[place])
    log.access("two\nthree\n")
    log.close()
    logger.setLevel(logging.NOTSET)
    assert handlers[place].messages == ["two", "three"]
    assert "two" not in capsys.readouterr().out


def test_a_server_in_somebody_elses_program_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Without ownership of the process there are only records, and no lines are made that nobody sees."""
    log = Log()
    logging.getLogger("vitok.access").setLevel(logging.WARNING)
    assert not log.wants_access()
    logging.getLogger("vitok.access").setLevel(logging.NOTSET)
    log.access("one")
    log.close()
    assert capsys.readouterr() == ("", "")


def test_the_place_of_a_record_is_that_of_its_caller(caplog: pytest.LogCaptureFixture) -> None:
    """Formats of the user may show it."""
    log = Log()
    with caplog.at_level(logging.INFO, "vitok.server"):
        log.logger.info("begins")
    assert caplog.records[0].filename == Path(__file__).name
    assert caplog.records[0].funcName == "test_the_place_of_a_record_is_that_of_its_caller"


def test_an_output_that_knows_few_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the standard output can't encode is escaped, and the log goes on."""
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    log = Log(is_owner=True)
    log.access("caf\u00e9 \udcff")
    log.access("two")
    log.close()
    assert raw.getvalue().splitlines()[0] == rb"caf\xe9 \udcff"
    assert raw.getvalue().splitlines()[1] == b"two"


def test_an_output_that_is_gone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A standard output that can't be written is said once, and requests go on."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    log = Log(is_owner=True)
    log.access("one")
    log.access("two")
    log.close()
    err = capsys.readouterr().err
    assert err.count("can't be written (I/O operation on closed file)") == 1
    assert "2 lines were lost" in err


def test_an_output_that_comes_back(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Once there is an output again, it says how many lines it lacks, and so does the other log."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    log = Log(is_owner=True)
    log.access("one\ntwo")
    log.access("three")
    found = io.StringIO()
    monkeypatch.setattr("sys.stdout", found)
    for line in ("four", "five", "six"):
        log.access(line)
    log.close()
    words = [re.sub(f"^{TIME} ", "", line) for line in found.getvalue().splitlines()]
    assert words == ["four", "- 3 lines were lost", "five", "six"]
    assert capsys.readouterr().err.splitlines()[-1].endswith("the access log: 3 lines were lost")


@pytest.mark.parametrize("place", ["-", "/dev/stderr"])
def test_a_standard_stream_by_name_is_no_file(
    place: str, handlers: dict[str, Kept], capsys: pytest.CaptureFixture[str]
) -> None:
    """Handlers of the user get the records instead, as without the options."""
    for name in ("vitok.server", "vitok.access"):
        logging.getLogger(name).addHandler(handlers[name])
    log = Log(Logs(log_file=place, access_log_file=place), is_owner=True)
    log.logger.error("begins")
    log.access("one")
    log.close()
    assert handlers["vitok.server"].messages == ["begins"]
    assert capsys.readouterr() == ("", "")
