"""What tests of forms have in common: a request that is only what a form needs of one, and bodies of forms."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

from vitok.http.native.errors import HTTPError
from vitok.http.native.form import Form, FormLimits
from vitok.http.native.forms import parse_form, receive_form

_T = TypeVar("_T")

BOUNDARY = "boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
URLENCODED = "application/x-www-form-urlencoded"


class FakeRequest:
    """A request whose content is given in pieces."""

    def __init__(self, pieces: Iterable[bytes], content_type: str | None = MULTIPART, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            self.headers["content-type"] = content_type
        self.pieces = pieces
        self.limits: FormLimits | None = None

    def _form_limits(self) -> FormLimits | None:
        return self.limits

    async def stream(self) -> AsyncIterator[bytes]:
        """Give the pieces, with a turn of the loop after each."""
        for piece in self.pieces:
            yield piece
            await asyncio.sleep(0)


def part(name: str, content: bytes | str, *, filename: str | None = None, head: str = "") -> bytes:
    """Return a part behind its boundary."""
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    content = content.encode() if isinstance(content, str) else content
    return f"--{BOUNDARY}\r\n{disposition}\r\n{head}\r\n".encode() + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    """Return a form of these parts."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def split(content: bytes, size: int) -> list[bytes]:
    """Cut content into pieces."""
    return [content[begin : begin + size] for begin in range(0, len(content), size)]


async def receive(content: bytes | Iterable[bytes], content_type: str | None = MULTIPART, **limits: int | None) -> Form:
    """Read a form as it arrives."""
    pieces = [content] if isinstance(content, bytes) else content
    return await receive_form(FakeRequest(pieces, content_type), form_limits(**limits))


def form_limits(**limits: int | None) -> FormLimits:
    """Return limits by their names."""
    return FormLimits(**limits)  # type: ignore[arg-type]  # folder is a string and is not given here


async def refusal(content: bytes | Iterable[bytes], content_type: str | None = MULTIPART, **limits: int | None) -> str:
    """Return the status and the detail with which a form is refused, the same whole and as it arrives."""
    pieces = [content] if isinstance(content, bytes) else list(content)
    request, numbers = FakeRequest(pieces, content_type), form_limits(**limits)
    try:
        parse_form(request, b"".join(pieces), numbers)
    except HTTPError as error:
        whole = f"{error.status} {error.detail}"
    else:
        raise AssertionError("the form is not refused")
    try:
        await receive_form(request, numbers)
    except HTTPError as error:
        arriving = f"{error.status} {error.detail}"
    else:
        arriving = "no refusal"
    assert arriving == whole
    return whole
