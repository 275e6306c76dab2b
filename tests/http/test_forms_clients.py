"""Forms in parts as clients send them: each body is written as that client writes it."""

import asyncio
from typing import Any

import pytest
from forms_support import receive, split
from vitok.http.native.uploads import UploadedFile

# The name of the client, its media type and its body, with \n for CRLF.
CHROME = (
    "multipart/form-data; boundary=----WebKitFormBoundaryA7sQ2kTbXz0Yp4Lc",
    """------WebKitFormBoundaryA7sQ2kTbXz0Yp4Lc
Content-Disposition: form-data; name="title"

Grüße & <b>100%</b>
------WebKitFormBoundaryA7sQ2kTbXz0Yp4Lc
Content-Disposition: form-data; name="files[]"; filename="a %22quoted%22 naïve.txt"
Content-Type: text/plain

one
------WebKitFormBoundaryA7sQ2kTbXz0Yp4Lc
Content-Disposition: form-data; name="files[]"; filename="folder/photo.jpg"
Content-Type: image/jpeg

two
------WebKitFormBoundaryA7sQ2kTbXz0Yp4Lc
Content-Disposition: form-data; name="none"; filename=""
Content-Type: application/octet-stream


------WebKitFormBoundaryA7sQ2kTbXz0Yp4Lc--
""",
    [
        ("title", "Grüße & <b>100%</b>"),
        ("files[]", ('a "quoted" naïve.txt', "text/plain", b"one")),
        ("files[]", ("photo.jpg", "image/jpeg", b"two")),
        ("none", ("", "application/octet-stream", b"")),
    ],
)
FIREFOX = (
    "multipart/form-data; boundary=----geckoformboundary7b6e3f2a91c04d58",
    """------geckoformboundary7b6e3f2a91c04d58
Content-Disposition: form-data; name="line%0D%0Abreak"

a%0Db
------geckoformboundary7b6e3f2a91c04d58
Content-Disposition: form-data; name="file"; filename="C:\\Users\\me\\report.pdf"
Content-Type: application/pdf

%PDF
------geckoformboundary7b6e3f2a91c04d58--
""",
    [("line\r\nbreak", "a%0Db"), ("file", ("report.pdf", "application/pdf", b"%PDF"))],
)
CURL = (
    "multipart/form-data; boundary=------------------------d74496d66958873e",
    """--------------------------d74496d66958873e
Content-Disposition: form-data; name="note"

plain
--------------------------d74496d66958873e
Content-Disposition: form-data; name="file"; filename="say \\"hi\\" \\\\o.txt"
Content-Type: text/plain

x

--------------------------d74496d66958873e--
""",
    # curl before 7.81 escapes by backslashes; what stands before one in a filename is taken for a path.
    [("note", "plain"), ("file", ("o.txt", "text/plain", b"x\r\n"))],
)
# No quotes around the boundary, and no line break behind the last one.
REQUESTS = (
    "multipart/form-data; boundary=4f1a0c8be2d94c7b9d3e5a6f70812c3d",
    """--4f1a0c8be2d94c7b9d3e5a6f70812c3d
Content-Disposition: form-data; name="field"

value
--4f1a0c8be2d94c7b9d3e5a6f70812c3d
Content-Disposition: form-data; name="upload"; filename="report.csv"

a,b
--4f1a0c8be2d94c7b9d3e5a6f70812c3d--""",
    [("field", "value"), ("upload", ("report.csv", "application/octet-stream", b"a,b"))],
)
AIOHTTP = (
    'multipart/form-data; boundary="c0ffee00"',
    """--c0ffee00
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name="text"

été
--c0ffee00
Content-Type: image/png
Content-Disposition: form-data; name="image"; filename="na%C3%AFve.png"; filename*=utf-8''na%C3%AFve.png

png
--c0ffee00--
""",
    [("text", "été"), ("image", ("naïve.png", "image/png", b"png"))],
)
JAVA = (
    "multipart/form-data; charset=ISO-8859-1; boundary=_x7-Qp/1=2",
    """--_x7-Qp/1=2
Content-Disposition: form-data; name="text"
Content-Type: text/plain; charset=ISO-8859-1
Content-Transfer-Encoding: 8bit

plain
--_x7-Qp/1=2
Content-Disposition: form-data; name="data"; filename=unquoted.bin
Content-Type: application/octet-stream
Content-Transfer-Encoding: binary

--x7
--_x7-Qp/1=2--
""",
    [("text", "plain"), ("data", ("unquoted.bin", "application/octet-stream", b"--x7"))],
)
DOTNET = (
    'multipart/form-data; boundary="5c2a7f0e-9d4b-4b7e-8f55-0d8f1f1c2f10"',
    """--5c2a7f0e-9d4b-4b7e-8f55-0d8f1f1c2f10
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name=text

plain
--5c2a7f0e-9d4b-4b7e-8f55-0d8f1f1c2f10
Content-Disposition: form-data; name=file; filename="=?utf-8?B?w6QudHh0?="; filename*=utf-8''%C3%A4.txt

ä
--5c2a7f0e-9d4b-4b7e-8f55-0d8f1f1c2f10--
""",
    [("text", "plain"), ("file", ("ä.txt", "application/octet-stream", "ä".encode()))],
)
# JavaScript outside of browsers: undici, which is fetch() of Node.
NODE = (
    "multipart/form-data; boundary=----formdata-undici-012345678901",
    """------formdata-undici-012345678901
Content-Disposition: form-data; name="a"

1
------formdata-undici-012345678901
Content-Disposition: form-data; name="b"; filename="blob"
Content-Type: application/octet-stream

2
------formdata-undici-012345678901--
""",
    [("a", "1"), ("b", ("blob", "application/octet-stream", b"2"))],
)
CLIENTS = {
    "Chrome": CHROME,
    "Firefox": FIREFOX,
    "curl": CURL,
    "requests": REQUESTS,
    "aiohttp": AIOHTTP,
    "Java": JAVA,
    ".NET": DOTNET,
    "Node": NODE,
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_a_client_sends_is_read(client: str, size: int) -> None:
    content_type, text, expected = CLIENTS[client]
    content = text.replace("\n", "\r\n").encode()
    form = asyncio.run(receive(split(content, size), content_type))
    assert [(name, seen(value)) for name, value in form.items_all()] == expected
    form.close()


def seen(value: str | UploadedFile) -> Any:
    """Return a value as the rows above have it."""
    return value if isinstance(value, str) else (value.filename, value.content_type, value.file.read())


def test_a_client_that_has_no_boundary_in_its_form_is_refused() -> None:
    content_type, text, _ = REQUESTS
    content = text.replace("\n", "\r\n").encode()
    with pytest.raises(Exception, match=r"400 .*the form does not begin with its boundary, at byte 0"):
        asyncio.run(receive(content * 10, content_type.replace("4f1a", "0000")))
