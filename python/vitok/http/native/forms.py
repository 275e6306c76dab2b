"""Reading forms, as they arrive or as a whole.

The parsers are native, `vitok._native`. What a request is, is known here only as far as `Source` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from vitok import _native

from .content import decode
from .errors import HTTPError
from .form import DEFAULT_LIMITS, UNLIMITED, Form, FormLimits
from .uploads import PART_SIZE, Spool, UploadedFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vitok._http_native import _FormEvent as Event


class Source(Protocol):
    """What a form needs of its request."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The fields of the request."""
        ...

    def stream(self) -> AsyncIterator[bytes]:
        """Return the content in parts, as it arrives."""
        ...

    def _form_limits(self) -> FormLimits | None:
        """Return the limits of the application."""


async def receive_form(request: Source, limits: FormLimits | None = None) -> Form:
    """Read a form while it arrives, its files into memory and temporary files.

    Raises:
        HTTPError: 415 for another media type, or content with a coding; 400 for what is no form; 413 for too much.
        OSError: A temporary file can't be made or written.
    """
    limits, boundary = limits_of(request, limits), boundary_of(request)
    if boundary is None:
        return Form(_native.split_form(await _gather(request, limits), limits.numbers))
    form = _Receiving(boundary, limits)
    try:
        async for piece in request.stream():
            await form.add(piece)
        form.parser.finish()
    except BaseException:
        form.close()
        raise
    return Form(form.pairs)


def parse_form(request: Source, content: bytes, limits: FormLimits | None = None) -> Form:
    """Read a form that has arrived. Its files are in memory, as the content is. HTTPError as `receive_form`."""
    limits, boundary = limits_of(request, limits), boundary_of(request)
    if boundary is None:
        return Form(_native.split_form(content, limits.numbers))
    form = _Receiving(boundary, limits)
    form.add_whole(content)
    form.parser.finish()
    return Form(form.pairs)


def limits_of(request: Source, limits: FormLimits | None) -> FormLimits:
    """Return the limits of a call: given, or those of the application, or the defaults."""
    return limits or request._form_limits() or DEFAULT_LIMITS


def boundary_of(request: Source) -> bytes | None:
    """Return the boundary of a form in parts; None for an urlencoded one. HTTPError 415 or 400 for anything else."""
    coding = request.headers.get("content-encoding", "identity")
    if coding.strip().lower() not in ("identity", ""):
        # A form of 1 KB may unfold to 1 GB, and no browser sends one.
        raise HTTPError(415, f"the content coding {coding!r} of a form", headers={"accept-encoding": "identity"})
    content_type = request.headers.get("content-type")
    if content_type is None:
        raise HTTPError(415, "a form without Content-Type")
    return _native.form_boundary(content_type.encode("latin-1", "replace"))


async def _gather(request: Source, limits: FormLimits) -> bytes:
    """Return the content of an urlencoded form, or one byte more than it may have."""
    parts, most = bytearray(), UNLIMITED if limits.fields_size is None else limits.fields_size
    async for part in request.stream():
        parts += part
        if len(parts) > most:
            break
    return bytes(parts)


class _Receiving:
    """A form in parts, as far as it has arrived."""

    def __init__(self, boundary: bytes, limits: FormLimits) -> None:
        self.parser = _native.MultipartParser(boundary, limits.numbers)
        self.pairs: list[tuple[str, str | UploadedFile]] = []
        self._limits = limits
        self._spool: Spool | None = None
        # How much of the files that are complete is in memory.
        self._in_memory = 0

    async def add(self, piece: bytes) -> None:
        """Take a piece of the content."""
        for event in self.parser.feed(piece):
            self._take(event)
            spool = self._spool
            if spool is None:
                continue
            fits = self._in_memory + spool.pending <= self._limits.memory_size and not spool.has_written
            if event is not None:
                # In memory is at most `memory_size`, and one part of the file that arrives.
                if spool.pending >= PART_SIZE and not fits:
                    await spool.write()
            elif fits:
                self._end_in_memory(spool)
            else:
                await spool.end()
                self._spool = None

    def add_whole(self, content: bytes) -> None:
        """Take all of the content."""
        for event in self.parser.feed(content):
            self._take(event)
            if event is None and self._spool is not None:
                self._end_in_memory(self._spool)

    def close(self) -> None:
        """Delete the files."""
        Form(self.pairs).close()

    def _end_in_memory(self, spool: Spool) -> None:
        self._in_memory += spool.pending
        spool.end_in_memory()
        self._spool = None

    def _take(self, event: Event) -> None:
        """Take an event of the parser: content of the current file, a field, or the head of a file."""
        if event is None:
            return
        if isinstance(event, bytes):
            if self._spool is not None:
                self._spool.add(event)
        elif len(event) == 2:
            self.pairs.append(event)
        elif len(event) == 3:
            self.pairs.append((event[0], _decoded(*event)))
        else:
            name, filename, content_type, head = event
            upload = UploadedFile(filename, content_type, head=head)
            self.pairs.append((name, upload))
            self._spool = Spool(upload, folder=self._limits.folder)


def _decoded(name: str, content: bytes, charset: str) -> str:
    """Return the text of a field in another encoding than UTF-8. HTTPError."""
    try:
        return decode(content, charset)
    except UnicodeDecodeError as error:
        raise HTTPError(400, f"the field {name!r} is not {charset}, at its byte {error.start}") from None
