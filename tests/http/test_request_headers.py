"""`Headers`: the fields of a request as a mapping, however the request was made."""

import gc
import weakref
from collections.abc import Mapping
from typing import Any

import pytest
import vitok
from request_support import WAYS, ask, use
from vitok import _native

pytestmark = [pytest.mark.vitok_only, pytest.mark.parametrize("way", WAYS)]

FIELDS = [("X-Tag", "one"), ("Accept", "text/html"), ("x-tag", "two"), ("Cookie", "a=1"), ("Cookie", "b=2")]


def headers(way: str, fields: list[tuple[str, str]] | None = None) -> Any:
    """The headers of a request with these fields and Host."""
    return vitok.run(ask(way, use(lambda request: request.headers), fields=FIELDS if fields is None else fields))


def test_names_are_found_in_any_case(way: str) -> None:
    """RFC 9110 section 5.1."""
    found = headers(way)
    assert [found["accept"], found["ACCEPT"], found["Accept"]] == ["text/html"] * 3
    assert "aCCept" in found
    assert "accep" not in found
    assert found.get("accepts") is None
    assert found.get("accepts", "none") == "none"


def test_lines_of_a_name_are_one_value(way: str) -> None:
    """RFC 9110 section 5.2; RFC 6265 section 5.4 joins cookies by a semicolon."""
    found = headers(way)
    assert found["x-tag"] == "one, two"
    assert found["cookie"] == "a=1; b=2"
    assert found.get_all("X-TAG") == ["one", "two"]
    assert found.get_all("x-none") == []
    rows = [("x-tag", "one"), ("accept", "text/html"), ("x-tag", "two")]
    # A stream has the lines of a name together.
    assert found.items_all()[1:4] == (rows if way != "stream" else [rows[0], rows[2], rows[1]])


def test_it_is_a_mapping(way: str) -> None:
    """Everything that `collections.abc.Mapping` has."""
    found = headers(way)
    names = ["host", "x-tag", "accept", "cookie"]
    assert isinstance(found, Mapping)
    assert (list(found), list(found.keys()), len(found)) == (names, names, 4)
    assert dict(found) == dict(found.items()) == dict(zip(names, found.values(), strict=True))
    assert found == dict(found)
    assert dict(found) == found
    assert found != {}
    assert found != 3
    match found:
        case {"accept": accept}:
            assert accept == "text/html"
        case _:
            pytest.fail("no mapping for a match statement")
    with pytest.raises(KeyError, match="x-none"):
        found["x-none"]
    with pytest.raises(TypeError):
        hash(found)


@pytest.mark.parametrize("key", [None, 1, b"accept", ("accept",), "\ud800"])
def test_keys_of_other_kinds_are_in_no_headers(way: str, key: Any) -> None:
    """As in a dict of strings."""
    found = headers(way)
    assert key not in found
    assert found.get(key) is None
    with pytest.raises(KeyError) as raised:
        found[key]
    assert raised.value.args == (key,)


def test_values_are_latin_1(way: str) -> None:
    """A character for each byte: RFC 9110 section 5.5 calls bytes above 127 opaque."""
    found = headers(way, [("x-name", "caf\xe9"), ("x-empty", "")])
    assert found["x-name"] == "caf\xe9"
    assert found["x-empty"] == ""
    assert (b"x-name", b"caf\xe9") in found.raw


def test_repr_shows_no_secrets(way: str) -> None:
    """Reprs get into logs."""
    found = headers(way, [("authorization", "Basic secret"), ("Cookie", "id=secret"), ("x-a", "b")])
    assert "secret" not in repr(found)
    assert '"b"' in repr(found)


def test_the_same_object_for_the_same_request(way: str) -> None:
    """What was made is kept."""
    assert vitok.run(ask(way, use(lambda request: request.headers is request.headers)))


def test_it_outlives_its_request(way: str) -> None:
    """It has a copy of the fields, and no reference to the request."""
    found = headers(way)
    reference = weakref.ref(found)
    assert found["x-tag"] == "one, two"
    del found
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize("arguments", [(), (1, 2, 3)])
def test_wrong_arguments(way: str, arguments: tuple[Any, ...]) -> None:
    """TypeError, as everywhere in Python."""
    found = headers(way)
    with pytest.raises(TypeError):
        found.get(*arguments)
    with pytest.raises(TypeError):
        found.get_all(*arguments)


def test_many_fields(way: str) -> None:
    """Each is found."""
    found = headers(way, [(f"x-{number}", str(number)) for number in range(90)])
    assert [found[f"X-{number}"] for number in range(90)] == [str(number) for number in range(90)]
    assert len(found) == 91


def test_made_of_pairs(way: str) -> None:
    """For code that has no request."""
    made = _native.Headers.from_raw([(b"X-A", b"1"), [b"x-a", b"2"]])
    assert (made["x-a"], made.raw) == ("1, 2", [(b"x-a", b"1"), (b"x-a", b"2")])
    for wrong in ([(b"a b", b"")], [(b"a", b"b\r\nc: d")], [(b"a",)], [(b"", b"")], [(b"a", b"\0")]):
        with pytest.raises(ValueError):
            _native.Headers.from_raw(wrong)
    with pytest.raises(TypeError):
        _native.Headers.from_raw([("a", "b")])
