"""JSON of values, with orjson and without: the same bytes, and values of types that JSON does not have."""

import dataclasses
import datetime
import enum
import json
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from vitok.http.native import values

pytestmark = pytest.mark.vitok_only

Encode = Callable[[Any], bytes]


@pytest.fixture(params=["orjson", "json"])
def encode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Encode:
    """`encode_json` with each library."""
    if request.param == "json":
        monkeypatch.setattr(values, "orjson", None)
    elif values.orjson is None:
        pytest.skip("orjson is not installed: pip install --group programs")
    return values.encode_json


class Colour(enum.Enum):
    """A value of a value."""

    RED = "red"
    DATE = datetime.date(2026, 11, 30)


@dataclasses.dataclass
class Point:
    """An object."""

    x: int
    colour: Colour
    _private: int = 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, -2, True, None, 'é\n\x00"\\/\x7f']}, '{"a":[1,-2,true,null,"é\\n\\u0000\\"\\\\/\x7f"]}'),
        ([], "[]"),
        ("\U0001f600", '"\U0001f600"'),
        (Point(1, Colour.RED), '{"x":1,"colour":"red"}'),
        ({"p": [Point(2, Colour.DATE)]}, '{"p":[{"x":2,"colour":"2026-11-30"}]}'),
        ((1, 2), "[1,2]"),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (datetime.datetime(2026, 11, 30, 6, 5, 4, 3, datetime.UTC), '"2026-11-30T06:05:04.000003+00:00"'),
        (datetime.time(6, 5), '"06:05:00"'),
        (2**70, str(2**70)),
        ({1: 2, None: 3}, '{"1":2,"null":3}'),
        (1.5, "1.5"),
    ],
)
def test_values(encode: Encode, value: Any, expected: str) -> None:
    """Issue 15: the same bytes by both libraries."""
    assert encode(value) == expected.encode()


@pytest.mark.parametrize("value", [object(), {1, 2}, b"a", 1j, {(1, 2): 3}, Point, len])
def test_what_is_no_json(encode: Encode, value: Any) -> None:
    """A value of another type is a TypeError by both."""
    with pytest.raises(TypeError):
        encode(value)


def test_no_characters(encode: Encode) -> None:
    """A lone surrogate has no UTF-8."""
    with pytest.raises(ValueError, match="surrogates not allowed"):
        encode("\ud800")


def test_not_a_number_without_orjson() -> None:
    """JSON has no NaN; orjson writes null."""
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            values.encode_plain(number)


@pytest.mark.parametrize("content", [b"NaN", b"[Infinity]", b"{", b"\xff", b""])
def test_malformed(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """`decode_json` raises a ValueError, with the standard library for constants that JSON does not have, too."""
    for library in {values.orjson, None}:
        monkeypatch.setattr(values, "orjson", library)
        with pytest.raises(ValueError, match=r"."):
            values.decode_json(content)


def test_both_libraries_write_the_same() -> None:
    """Random plain values, without floats: their exponents differ."""
    if values.orjson is None:
        pytest.skip("orjson is not installed: pip install --group programs")
    generator = random.Random(15)
    for _ in range(2000):
        value = grown(generator, 4)
        assert values.encode_json(value) == values.encode_plain(value)
        assert values.decode_json(values.encode_json(value)) == json.loads(values.encode_plain(value)) == value


def grown(generator: random.Random, depth: int) -> Any:
    """A random value."""
    kind = generator.randrange(8 if depth else 6)
    text = "".join(chr(generator.choice([generator.randrange(256), 0x20AC, 0x1F600])) for _ in range(3))
    if kind == 6:
        return [grown(generator, depth - 1) for _ in range(generator.randrange(4))]
    if kind == 7:
        return {f"{text}{number}": grown(generator, depth - 1) for number in range(generator.randrange(4))}
    return [None, True, False, generator.randrange(-(2**63), 2**63), text, generator.randrange(100)][kind]


def test_the_converter_takes_objects_only() -> None:
    """What handlers return: a dataclass is JSON, and any other value is named in an error."""
    convert = values.converter()
    response = convert(Point(1, Colour.RED), None)
    assert (response.status, response.body) == (200, b'{"x":1,"colour":"red"}')
    assert response.raw_headers == [(b"content-type", b"application/json")]
    for value in (object(), Point, Colour.RED, 1j):
        with pytest.raises(TypeError, match="does not become a response"):
            convert(value, None)


def test_structs() -> None:
    """msgspec's structs are objects, alone and within others."""
    msgspec = pytest.importorskip("msgspec")
    made = msgspec.defstruct("Made", [("a", int), ("b", list[int], [])])
    assert values.converter()(made(1), None).body == b'{"a":1,"b":[]}'
    assert values.encode_json({"made": [made(2)]}) == b'{"made":[{"a":2,"b":[]}]}'
