"""Logging that the application configures: while it is imported, at its startup, or while it serves.

An application that replaces the configuration of logging never silences the server. Each one is a module of its own in
a folder of its own, served by a child.
"""

import re
from pathlib import Path

import pytest
from served import serving

pytestmark = pytest.mark.vitok_only

# dictConfig with its default, which disables all loggers that exist and are not named.
SILENCING = """
import logging.config
CONFIG = {
    "version": 1,
    "formatters": {"own": {"format": "OWN %(name)s %(levelname)s %(message)s"}},
    "handlers": {"own": {"class": "logging.StreamHandler", "formatter": "own"}},
    "root": {"handlers": ["own"], "level": "INFO"},
}
"""
APPLICATION = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        at_startup()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/configure":
        while_serving()
    if scope["path"] == "/raise":
        raise LookupError("nothing there")
    if scope["path"] == "/loop":
        import asyncio
        asyncio.get_running_loop().call_exception_handler({"message": "from the loop"})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


def nothing():
    pass


at_startup = while_serving = nothing
"""
CONFIGURE = "logging.config.dictConfig(CONFIG)\n"
PLACES = {
    "import": CONFIGURE,
    "startup": "def at_startup():\n    " + CONFIGURE,
    "serving": "def while_serving():\n    " + CONFIGURE,
}
LINE = r"\S+ (INFO|ERROR) \[\d+\] "


def application(folder: Path, name: str, *parts: str) -> str:
    """Write the module, and return the name of its application."""
    (folder / f"{name}.py").write_text("".join((SILENCING, APPLICATION, *parts)))
    return f"{name}:app"


@pytest.mark.parametrize("place", PLACES)
def test_a_configuration_that_disables_loggers(place: str, tmp_path: Path) -> None:
    """Messages, tracebacks and lines about requests are written as without it, and the application's are its own."""
    app = application(tmp_path, f"logging_app_{place}", PLACES[place])
    with serving(app=app, folder=tmp_path) as served:
        for path in ("/configure", "/other"):
            served.get(path)
        # The content of an error is no JSON.
        with pytest.raises(ValueError, match="Expecting value"):
            served.get("/raise")
        assert served.end() == 0
    assert re.search(rf"^{LINE}vitok serve: http", served.errors, re.M)
    assert re.search(rf"^{LINE}Exception in ASGI application\nTraceback \(most", served.errors, re.M)
    assert re.search(rf"^{LINE}SIGTERM: ending", served.errors, re.M)
    assert "OWN" not in served.errors
    assert [line.split()[3] for line in served.output.splitlines()] == ["/configure", "/other", "/raise"]


def test_errors_of_the_loop_go_to_the_handlers_of_the_application(tmp_path: Path) -> None:
    """A root logger with handlers gets the messages of asyncio, although its logger existed before."""
    app = application(tmp_path, "logging_app_of_the_loop", CONFIGURE)
    with serving(app=app, folder=tmp_path) as served:
        served.get("/loop")
        assert served.end() == 0
    assert served.errors.count("from the loop") == 1
    assert "OWN asyncio ERROR from the loop" in served.errors


@pytest.mark.parametrize("place", PLACES)
def test_a_configuration_that_names_the_loggers(place: str, tmp_path: Path) -> None:
    """Its handlers get the records from then on, and nothing is written twice."""
    named = (
        'CONFIG["loggers"] = {name: {"handlers": ["own"], "level": "INFO", "propagate": False}\n'
        '                     for name in ("vitok.server", "vitok.access")}\n'
    )
    app = application(tmp_path, f"logging_app_named_{place}", named, PLACES[place])
    with serving(app=app, folder=tmp_path) as served:
        for path in ("/configure", "/other"):
            served.get(path)
        assert served.end() == 0
    assert re.search(r"^OWN vitok.server INFO SIGTERM: ending", served.errors, re.M)
    assert re.search(r'^OWN vitok.access INFO 127\.0\.0\.1:\d+ "GET /other HTTP/1.1" 200', served.errors, re.M)
    assert served.errors.count("SIGTERM: ending") == 1
    assert "/other" not in served.output


def test_a_handler_that_comes_late(tmp_path: Path) -> None:
    """`addHandler` while serving: it gets the records instead."""
    late = (
        "def while_serving():\n"
        "    handler = logging.StreamHandler()\n"
        "    handler.setFormatter(logging.Formatter('OWN %(name)s %(levelname)s %(message)s'))\n"
        "    logging.getLogger('vitok.server').addHandler(handler)\n"
    )
    app = application(tmp_path, "logging_app_late", late)
    with serving(app=app, folder=tmp_path) as served:
        served.get("/configure")
        assert served.end() == 0
    assert [line for line in served.errors.splitlines() if "SIGTERM" in line] == [
        "OWN vitok.server INFO SIGTERM: ending"
    ]


def test_a_configuration_over_that_of_the_option(tmp_path: Path) -> None:
    """The application has the last word about handlers, and still silences nothing."""
    path = tmp_path / "log.toml"
    path.write_text(
        'formatters.file.format = "FILE %(name)s %(message)s"\n'
        'handlers.file = {class = "logging.StreamHandler", formatter = "file"}\n'
        'loggers.vitok = {handlers = ["file"]}\n'
    )
    app = application(tmp_path, "logging_app_over", CONFIGURE)
    with serving("--log-config", path, app=app, folder=tmp_path) as served:
        served.get("/other")
        assert served.end() == 0
    assert re.search(r"^FILE vitok.server SIGTERM: ending$", served.errors, re.M)
    assert re.search(r'^FILE vitok.access \S+ "GET /other ', served.errors, re.M)


RAISING = """
class Raising(logging.Handler):
    def emit(self, record):
        raise OSError("the handler fails")


def at_startup():
    for name in ("vitok.server", "vitok.access"):
        logging.getLogger(name).addHandler(Raising())
        logging.getLogger(name).setLevel("INFO")
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_handler_that_raises(workers: int, tmp_path: Path) -> None:
    """It ends neither the server nor a request; what it raises is told once for each logger, and nothing is lost."""
    app = application(tmp_path, f"logging_app_raising_{workers}", RAISING)
    with serving("--workers", str(workers), app=app, folder=tmp_path) as served:
        for path in ("/other", "/other"):
            served.get(path)
        with pytest.raises(ValueError, match="Expecting value"):
            served.get("/raise")
        assert served.end() == 0
    told = re.findall(rf"^{LINE}a handler or a filter of the logger (\S+) raised; its records", served.errors, re.M)
    assert {name for _, name in told} == {"vitok.server", "vitok.access"}
    assert len(told) <= 2 * workers
    assert "OSError: the handler fails" in served.errors
    assert len(re.findall(rf'^{LINE}127\.0\.0\.1:\d+ "GET /other HTTP/1.1" 200', served.errors, re.M)) == 2
    assert re.search(
        rf"^{LINE}Exception in ASGI application\nTraceback(.*\n)+?LookupError: nothing", served.errors, re.M
    )
