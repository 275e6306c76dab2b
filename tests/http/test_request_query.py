"""`QueryParams`: the query of a request as a mapping, whatever a client sends."""

import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import vitok
from request_support import WAYS, ask, use
from vitok import _native
from vitok.http.native.errors import HTTPError

pytestmark = [pytest.mark.vitok_only]


def query(way: str, text: str) -> Any:
    """The parameters of a request with this query."""
    return vitok.run(ask(way, use(lambda request: request.query), f"GET /?{text}"))


@pytest.mark.parametrize("way", WAYS)
def test_the_first_value_counts(way: str) -> None:
    """get_all() has all of them."""
    found = query(way, "a=1&b=2&a=3&c")
    assert (found["a"], found["b"], found["c"]) == ("1", "2", "")
    assert found.get_all("a") == ["1", "3"]
    assert found.get_all("d") == []
    assert found.items_all() == [("a", "1"), ("b", "2"), ("a", "3"), ("c", "")]
    assert (found.get("d"), found.get("d", 5), "c" in found, "d" in found) == (None, 5, True, False)


@pytest.mark.parametrize("way", WAYS)
def test_it_is_a_mapping(way: str) -> None:
    """Before and after its names were asked for."""
    found = query(way, "a=1&b=2&a=3")
    for _ in range(2):
        assert isinstance(found, Mapping)
        assert (found["a"], found.get("none")) == ("1", None)
        assert (list(found), len(found), dict(found)) == (["a", "b"], 2, {"a": "1", "b": "2"})
        assert found == {"a": "1", "b": "2"}
        assert found.get(["unhashable"]) is None
        with pytest.raises(KeyError):
            found["none"]
    assert list(query(way, "")) == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("q=a+b%20c", "q", "a b c"),
        ("%71%3D=%26", "q=", "&"),
        ("q=caf%C3%A9", "q", "caf\xe9"),
        ("q=%00", "q", "\0"),
        ("q=%", "q", "%"),
        ("q=%zz%4", "q", "%zz%4"),
        ("q=%ff%41", "q", "\ufffdA"),
        ("%ff=1", "\ufffd", "1"),
        ("=x", "", "x"),
        ("a==b", "a", "=b"),
        ("q=%F0%9F%98%80", "q", "\U0001f600"),
        ("q=%ED%A0%80", "q", "\ufffd\ufffd\ufffd"),
    ],
)
def test_what_browsers_send_and_others(way: str, text: str, name: str, value: str) -> None:
    """WHATWG URL, section 5; bytes that are not UTF-8 are replaced."""
    found = query(way, text)
    assert found[name] == value
    assert dict(found) == {name: value}
    assert found.get_all(name) == [value]


@pytest.mark.parametrize("way", WAYS)
def test_a_thousand_parameters_are_the_most(way: str) -> None:
    """One more is refused, where the query is read."""
    assert len(query(way, "&".join(f"n{number}=" for number in range(1000)))) == 1000
    with pytest.raises(HTTPError, match="more than 1000 parameters") as raised:
        query(way, "&".join("a" for _ in range(1001)))
    assert raised.value.status == 400
    # Separators are no parameters.
    assert len(query(way, "&" * 5000 + "a")) == 1


@pytest.mark.parametrize("way", WAYS)
def test_the_same_object_for_the_same_request(way: str) -> None:
    """What was made is kept."""
    assert vitok.run(ask(way, use(lambda request: request.query is request.query), "GET /?a"))


def test_names_that_collide_are_few() -> None:
    """The dict of names is Python's, whose hashes a client does not know."""
    text = b"&".join(b"a%d=%d" % (number, number) for number in range(1000))
    made = _native.QueryParams.from_raw(text)
    assert dict(made) == {f"a{number}": str(number) for number in range(1000)}


def test_pairs_come_back() -> None:
    """Whatever `urllib.parse` encodes."""
    draw = random.Random(15)
    letters = "ab&=+%;# \xe9\u20ac\U0001f600\0"
    for _ in range(500):
        pairs = [
            tuple("".join(draw.choices(letters, k=draw.randrange(5))) for _ in range(2))
            for _ in range(draw.randrange(6))
        ]
        made = _native.QueryParams.from_raw(urlencode(pairs).encode())
        assert made.items_all() == pairs


def test_any_bytes_are_read_as_urllib_reads_them() -> None:
    """The values of each name are the same, wherever they are read."""
    draw = random.Random(16)
    for _ in range(2000):
        raw = bytes(draw.choices(b"ab&=+%4F;\xff\xc3\xa9\0 ", k=draw.randrange(12)))
        everything = _native.QueryParams.from_raw(raw).items_all()
        assert dict(_native.QueryParams.from_raw(raw)) == dict(reversed(everything))
        assert all(value in _native.QueryParams.from_raw(raw).get_all(name) for name, value in everything)
        if raw.isascii():
            assert everything == parse_qsl(raw.decode(), keep_blank_values=True, errors="replace"), raw
