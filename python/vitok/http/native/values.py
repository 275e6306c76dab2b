"""JSON, and the values of handlers that become responses although the native code does not know their types.

JSON is orjson's where it is installed, else the standard library's; both give the same bytes for dicts, lists, strings,
integers, true, false and None. The two write the exponent of a float in different ways, and orjson writes NaN as null,
which the standard library refuses.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import importlib
import json
import sys
import uuid
from collections.abc import Callable
from typing import Any

from vitok import _native

JSON = "application/json"

_Encode = Callable[[Any], bytes]


def _default(value: Any) -> Any:
    return _plain(value)


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default)


def _orjson() -> Any:
    try:
        return importlib.import_module("orjson")
    except ImportError:
        return None


orjson: Any = _orjson()


def encode_json(value: Any) -> bytes:
    """Return a value as JSON. Dataclasses and msgspec's structs are objects, an Enum is its value, a UUID its text, and
    a date or a time has the form of ISO 8601.

    TypeError for a value, ValueError for a number or a text that JSON can't express.
    """
    if orjson is not None:
        try:
            encoded: bytes = orjson.dumps(value, _plain)
            return encoded
        except TypeError:
            # The standard library has larger integers and further kinds of keys, and its messages name the type.
            pass
    return encode_plain(value)


def encode_plain(value: Any) -> bytes:
    """Return a value as JSON by the standard library."""
    return _encoder.encode(value).encode()


def decode_json(content: bytes) -> Any:
    """Return the value of JSON in UTF-8. ValueError that says where the content is malformed."""
    if orjson is not None:
        return orjson.loads(content)
    return json.loads(content, parse_constant=_refuse)


def converter(encode: _Encode = encode_json) -> Callable[[Any, Any], _native.Response]:
    """Return a function `(value, request)` that makes a response of a value: JSON of a dataclass or of a struct.

    The function raises a TypeError for any other value.
    """

    # The class that has what middleware uses; it imports this module.
    from .responses import Response

    def convert(value: Any, _request: Any) -> _native.Response:
        if _is_object(value):
            return Response(encode(value), content_type=JSON)
        raise TypeError(f"a value of type {type(value).__name__} does not become a response")

    return convert


def _is_object(value: Any) -> bool:
    return (dataclasses.is_dataclass(value) and not isinstance(value, type)) or _is_struct(value)


def _is_struct(value: Any) -> bool:
    # A struct exists only where its module was imported.
    msgspec = sys.modules.get("msgspec")
    return msgspec is not None and isinstance(value, msgspec.Struct)


def _plain(value: Any) -> Any:
    """Return a value of another type as one that JSON has. TypeError for one that becomes none."""
    if _is_struct(value):
        return sys.modules["msgspec"].to_builtins(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # As orjson does: what begins with an underscore is private.
        names = [field.name for field in dataclasses.fields(value) if not field.name.startswith("_")]
        return {name: getattr(value, name) for name in names}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"JSON has no value of type {type(value).__name__}")


def _refuse(constant: str) -> Any:
    raise ValueError(f"JSON has no number {constant}")
