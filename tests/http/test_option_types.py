"""The keywords of a server as type checkers know them, compared with the table of options.

tests/http/types has programs that the checkers read; test_http_types.py runs these.
"""

import os
import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_type_hints

import pytest
from vitok.http import ServeOptions, Server, ServerOptions
from vitok.http.option_parsing import Option, OptionError
from vitok.http.option_types import Certificates, Choice, Fields, Flag, Kind, Mode, Mounts, Seconds, Whole, Words
from vitok.http.options import table

pytestmark = pytest.mark.vitok_only

PATH = str | os.PathLike[str]
KINDS: dict[type[Kind], Any] = {
    Certificates: Sequence[str | tuple[str, PATH] | tuple[str, PATH, PATH | None]],
    Fields: Iterable[tuple[str, str | float]],
    Flag: bool,
    Mode: int,
    Mounts: Sequence[str | tuple[str, PATH]],
    Seconds: float,
    Whole: int,
    Words: Sequence[str],
}
HINTS = get_type_hints(ServeOptions)


@pytest.mark.parametrize("option", table(), ids=lambda one: one.name)
def test_each_option_has_the_type_of_its_kind(option: Option) -> None:
    """A key of the TypedDict has the type that the option accepts as a keyword, with None where that is a value."""
    assert HINTS[option.name] == expected(option)


def test_no_other_keyword_is_known() -> None:
    """The keys are the options, in both TypedDicts, and none of them is required."""
    assert HINTS.keys() == {option.name for option in table()}
    assert not ServeOptions.__required_keys__ | ServerOptions.__required_keys__
    assert ServeOptions.__optional_keys__ == HINTS.keys()


@pytest.mark.parametrize("name", sorted(HINTS.keys() - get_type_hints(ServerOptions).keys()))
def test_what_a_server_in_a_loop_refuses_is_no_key_of_its_own(name: str) -> None:
    """Options that the types have for `vitok.serve` alone are those that a Server refuses."""
    values: dict[str, object] = {
        "workers": 2,
        "threads": 2,
        "reload": True,
        "umask": 0o22,
        "use_colors": True,
        "inspect": True,
    }
    keywords: dict[str, Any] = {name: values.get(name, "text")}
    with pytest.raises(OptionError, match=f"^{name}: a Server "):
        Server(application, **keywords)


@pytest.mark.parametrize("name", sorted(get_type_hints(ServerOptions)))
def test_a_server_in_a_loop_takes_each_key_of_its_own(name: str) -> None:
    """No other option is refused: each is accepted with its default."""
    default: dict[str, Any] = {option.name: option.default for option in table() if option.name == name}
    Server(application, **default)


def expected(option: Option) -> Any:
    """The type that belongs to an option."""
    kind = option.kind
    if isinstance(kind, Choice):
        words: Any = Literal[(*kind.words, *(spelling for spelling, _ in kind.also))]
        # The standard library has its own words for three of these.
        found = words | ssl.VerifyMode if option.name == "ssl_cert_reqs" else words
    elif type(kind) in KINDS:
        found = KINDS[type(kind)]
    else:
        # A text that is a path of the file system may be a path object.
        is_path = kind.metavar == "PATH" and option.name != "root_path"
        found = PATH if is_path else str
    return found | None if option.default is None or getattr(kind, "may_be_none", False) else found


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve nothing."""
