"""Metrics and health of `vitok serve --reload`: in the process that stays while workers come and go."""

import socket
from pathlib import Path

import pytest
from metrics_support import page, ready_until, scraped_until, url_of
from reload_support import WAITS, Project, ready, word
from served import refused

pytestmark = pytest.mark.vitok_only

ADDRESS = ("--metrics", "127.0.0.1:0")
COUNT = 'vitok_http_requests_total{status="2xx"}'


def test_counts_outlive_a_reload(tmp_path: Path) -> None:
    """Requests of all workers are added, and the server is not ready while a broken application waits for its
    repair.
    """
    project = Project(tmp_path, "times")
    with project.serving(*ADDRESS) as served:
        url = url_of(served)
        ready(served)
        assert word(served) == "first"
        assert ready_until(url, 200) == "ready\n"
        project.replace("no Python\n")
        served.read_until(WAITS)
        assert ready_until(url, 503) == "no worker is ready\n"
        assert page(url, "/live")[0] == 200
        values = scraped_until(url, lambda values: values[COUNT] == 1)
        assert (values["vitok_workers"], values["vitok_workers_expected"]) == (0, 1)
        project.say("second")
        ready(served)
        assert word(served) == "second"
        values = scraped_until(url, lambda values: values[COUNT] == 2)
        assert values["vitok_workers"] == 1
        assert values['vitok_worker_restarts_total{reason="reload"}'] == 2
        assert served.end() == 0


def test_the_address_of_the_server_itself() -> None:
    """It is refused here, too."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code, lines = refused("--reload", "--port", port, "--metrics", f"127.0.0.1:{port}")
    assert code == 2
    assert lines == [
        f"vitok serve: --metrics: 127.0.0.1:{port} is the address of the server itself: expected another one"
    ]
