"""The rows of applications in a server's own interface, without a framework: their requests and answers.

This is a table, as `http_rows.py`. The applications are `native_app.py` (vitok), `native_asgi.py`, `native_rsgi.py`
(granian) and `native_peers.py` (the others).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from vitok_bench.http_app import MESSAGE, TEXT
from vitok_bench.http_rows import CONNECTIONS, HttpRow

FORM: Final = b"title=Milk+and+eggs&text=from+the+shop+at+the+corner&colour=%23ffcc00&done=on"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
TITLE: Final = b"Milk and eggs"
NUMBER: Final = 1042
# The routes beside those of the rows, in the application that has many.
ROUTES: Final = 500
FILES: Final = Path(__file__).with_name("files")
FILE: Final = "four.txt"
FILE_BYTES: Final = 4096


def rows() -> tuple[HttpRow, ...]:
    """Every row, in the order of the table."""
    message = json.dumps(MESSAGE, separators=(",", ":")).encode()
    return (
        _row("native_text", "/text", f"GET, {len(TEXT)} bytes out", TEXT, is_quick=True),
        _row("native_json", "/json", f"GET, {len(message)} bytes of JSON out, encoded each time", message),
        _row("native_form", "/form", f"POST, a form of {len(FORM)} bytes in, its first field out", TITLE, FORM),
        _row("native_parameter", f"/users/{NUMBER}", "GET, the number in the path out", b"%d" % NUMBER),
        _row("native_file", f"/static/{FILE}", f"GET, a file of {FILE_BYTES} bytes out", contents()),
    )


def contents() -> bytes:
    """The bytes of the file that is served."""
    return b"".join(b"%63d\n" % line for line in range(FILE_BYTES // 64))


def _row(name: str, path: str, title: str, answer: bytes, form: bytes = b"", *, is_quick: bool = False) -> HttpRow:
    content = ("--content", form.decode(), "--type", FORM_TYPE) if form else ()
    return HttpRow(
        name=name,
        title=f"{title}, {CONNECTIONS} connections",
        path=path,
        client=("http", "--connections", str(CONNECTIONS), *content),
        raw=("--mode", "http", "--answer", str(len(answer)), *(("--body", str(len(form))) if form else ())),
        answer=answer,
        body=form,
        media_type=FORM_TYPE,
        is_quick=is_quick,
    )
