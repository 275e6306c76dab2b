"""Runs the `curl` commands of docs/tutorial/notes.md: the few options that the page uses, and `| grep` behind them.

It is not curl, so that the page is tested where curl is missing; it shows what curl would show.
"""

import argparse
import http.client
import mimetypes
import shlex
from pathlib import Path
from urllib.parse import urlsplit

SECONDS = 25
BOUNDARY = "----tutorial"


def run(words: str, *, port: int, folder: Path, lines: int) -> str:
    """Return the output of a command, whose address leads to this port. Of a stream with -N some lines are read."""
    command, _, filtered = words.partition(" | grep ")
    options = options_of(command)
    url = urlsplit(options.url)
    assert url.netloc == "127.0.0.1:8000"
    headers, content = content_of(options, folder)
    method = options.method or ("GET" if content is None else "POST")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        path = f"{url.path}?{url.query}" if url.query else url.path
        # The host is that of the page, so that it can be compared with an origin.
        connection.request(method, path, content, {"Host": url.netloc, "Accept": "*/*", **headers})
        response = connection.getresponse()
        shown = b"".join(response.readline() for _ in range(lines)) if options.stream else response.read()
        head = head_of(response) if options.include else ""
    finally:
        connection.close()
    output = head + shown.decode()
    wanted = shlex.split(filtered)
    return "".join(line for line in output.splitlines(keepends=True) if not wanted or wanted[0] in line)


def options_of(command: str) -> argparse.Namespace:
    """Return what the options of a command say."""
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-s", action="store_true", help="no progress, which is not shown anyway")
    parser.add_argument("-i", dest="include", action="store_true", help="the head of the response too")
    parser.add_argument("-N", dest="stream", action="store_true", help="show what has arrived")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data", action="append", default=[])
    parser.add_argument("-F", dest="form", action="append", default=[])
    parser.add_argument("--json")
    parser.add_argument("url")
    name, *words = shlex.split(command)
    assert name == "curl"
    return parser.parse_args(words)


def content_of(options: argparse.Namespace, folder: Path) -> tuple[dict[str, str], bytes | None]:
    """Return the header fields and the content of a request."""
    headers = dict(field.split(": ", 1) for field in options.headers)
    if options.json is not None:
        kind = {"Content-Type": "application/json", "Accept": "application/json"}
        return kind | headers, options.json.encode()
    if options.data:
        return {"Content-Type": "application/x-www-form-urlencoded"} | headers, "&".join(options.data).encode()
    if options.form:
        content = b"".join(part_of(part, folder) for part in options.form) + f"--{BOUNDARY}--\r\n".encode()
        return {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"} | headers, content
    return headers, None


def part_of(part: str, folder: Path) -> bytes:
    """Return one part of a multipart form: name=value, or name=@file."""
    name, _, value = part.partition("=")
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    if not value.startswith("@"):
        return f"{head}\r\n\r\n{value}\r\n".encode()
    path = folder / value[1:]
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    head += f'; filename="{path.name}"\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + path.read_bytes() + b"\r\n"


def head_of(response: http.client.HTTPResponse) -> str:
    """Return the head of a response as curl shows it."""
    fields = "".join(f"{name.lower()}: {value}\n" for name, value in response.getheaders())
    return f"HTTP/1.1 {response.status} {response.reason}\n{fields}\n"
