"""A child process that refuses memory to everything that a request makes, at each of its allocations in turn.

It prints what was raised besides MemoryError.
"""

import _testcapi
import contextlib
import json
from typing import Any

from vitok import _native

# More than the work allocates.
ALLOCATIONS = 1500
FIELDS = [
    (b"host", b"a.example"),
    (b"cookie", b"a=1; b=2"),
    (b"content-type", b"application/json"),
    (b"x", b"1"),
    (b"x", b"2"),
]
ROUTES = _native.Routes([], lambda *_: None, lambda *_: None, {"json_decode": json.loads})
NAMES = [
    *("method", "path", "raw_path", "query_string", "url", "host", "scheme", "client", "server"),
    *("content_type", "content_length", "cookies", "state", "path_params", "root_path", "app", "route"),
]


async def receive() -> dict[str, Any]:
    """The whole content."""
    return {"type": "http.request", "body": b'{"a": 1}', "more_body": False}


def look_at_everything() -> None:
    """Make a request and all that it has."""
    scope = {"type": "http", "method": "POST", "path": "/a b", "query_string": b"a=1&b=%ff&a=3", "headers": FIELDS}
    request: Any = _native.Request.from_scope({**scope, "client": ("a", 1), "server": ("b", 2)}, receive, ROUTES, {})
    for name in NAMES:
        getattr(request, name)
    for mapping, name in ((request.headers, "x"), (request.query, "a")):
        seen = [mapping[name], mapping.get("none"), list(mapping), dict(mapping), mapping.items_all(), len(mapping)]
        assert len(seen) == 6
        assert repr(mapping)
        assert mapping.get_all(name)
        assert mapping != {}
    for coroutine in (request.body(), request.json(), request.text()):
        with contextlib.suppress(StopIteration):
            coroutine.send(None)
    assert request.read_json() == {"a": 1}
    _native.Headers.from_raw(FIELDS)
    _native.QueryParams.from_raw(b"a=b")


def main() -> None:
    """Refuse one allocation after the other."""
    # Modules are imported, and codes specialised, before.
    look_at_everything()
    for number in range(1, ALLOCATIONS):
        odd = None
        _testcapi.set_nomemory(number, number + 1)
        try:
            look_at_everything()
        except MemoryError:
            pass
        except BaseException as error:  # whatever it is, it is printed
            odd = error
        _testcapi.remove_mem_hooks()
        if odd is not None:
            print(number, repr(odd))
    print("done")


main()
