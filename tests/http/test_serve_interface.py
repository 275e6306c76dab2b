"""`--interface`: which applications are served natively, and which by ASGI."""

import http.client
from typing import Any

import native_apps_small
import pytest
from served import refused, serving
from vitok.http import application
from vitok.http.options import OptionError, from_keywords
from vitok.http.testing import serve

pytestmark = pytest.mark.vitok_only


def content_of(url: str) -> str:
    """The content of the response to a request."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("options", "is_native"),
    [
        ({}, True),
        ({"interface": "native"}, True),
        ({"interface": "asgi3"}, False),
        ({"proxy_headers": True}, True),
    ],
)
def test_a_native_application(options: dict[str, Any], is_native: bool) -> None:
    """It is served natively unless the option says otherwise. Its lifespan is ASGI's in any case."""
    with serve(native_apps_small.app, **options) as url:
        content = content_of(url)
    assert (content == "native") == is_native
    assert is_native or '"answer": 42' in content


def test_a_factory_of_one() -> None:
    """A factory may return one, and the command finds it by name."""
    folder = native_apps_small.__file__.rpartition("/")[0]
    path = f"{folder}:{folder.rpartition('/')[0]}"
    with serving("--factory", app="native_apps_small:made", environment={"PYTHONPATH": path}) as served:
        assert content_of(served.urls[0]) == "native"


def test_errors() -> None:
    """The wrong interface is an error with its name, and routes that are none are those of the application."""

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError

    with pytest.raises(OptionError, match=r"--interface: .* is not native: expected a vitok.http.App, not function"):
        application.load(app, from_keywords({"interface": "native"}))
    with pytest.raises(OptionError, match=r"--interface: asgi2 is no calling convention of a vitok.http.App"):
        application.load(native_apps_small.app, from_keywords({"interface": "asgi2"}))
    with pytest.raises(OptionError, match=r"--interface: wsgi is no calling convention of a vitok.http.App"):
        application.load(native_apps_small.app, from_keywords({"interface": "wsgi"}))
    with pytest.raises(OptionError, match="interface: "):
        from_keywords({"interface": "rsgi"})
    code, lines = refused("--interface", "native")
    assert (code, len(lines)) == (2, 1)
    assert "expected a vitok.http.App" in lines[0]
