"""Applications of WSGI frameworks under `vitok serve`, which finds out by itself what they are."""

import json
from pathlib import Path

import pytest
from children import APPS
from needs import need_command, need_library
from served import serving
from sites import Site

pytestmark = pytest.mark.vitok_only


@pytest.mark.parametrize("framework", ["flask", "django", "bottle"])
def test_a_framework(framework: str, tmp_path: Path) -> None:
    """Issue 16, item 6: pages, a form with a file, a response in parts, HEAD, an error with its traceback."""
    need_library("a2wsgi")
    need_library(framework)
    curl = need_command("curl", package="curl")
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(range(256)) * 5000)
    with serving("--proxy-headers", "--no-access-log", app=f"wsgi_{framework}:app", folder=APPS) as served:
        site = Site(served.urls[0], curl=curl)
        hello = site.curl("/hello/you%20and%20me?q=%E2%82%AC", "--header", "X-Forwarded-For: 192.0.2.7")
        assert hello.decode() == "Hello, you and me! \u20ac 192.0.2.7"
        receipt = json.loads(site.curl("/upload", "--form", f"file=@{file}", "--form", "field=value"))
        assert receipt == {"name": "large.bin", "length": 1_280_000, "field": "value"}
        assert site.curl("/parts").split() == [b"%d" % number for number in range(1000)]
        assert b" 200 " in site.curl("/hello/x", "--head").splitlines()[0]
        status = site.curl("/broken", "--no-fail", "--output", tmp_path / "out", "--write-out", "%{http_code}")
        assert status == b"500"
        assert served.end() == 0
    # Each logs it in its own way, on the standard error.
    assert "RuntimeError: broken on purpose" in served.errors
