"""Forms: `Form` with its fields and files, and the limits of what a client may send in one.

The parsers are native, `vitok._native`. What a request is, is known here only as far as `Source` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar, overload

from vitok import _native

from .errors import HTTPError
from .uploads import PART_SIZE, Spool, UploadedFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from vitok._http_native import _FormEvent as Event

_T = TypeVar("_T")

_UNLIMITED = 2**64 - 1

# The encodings of fields besides UTF-8, as browsers know them (WHATWG Encoding), and Python's codecs for them. Python
# has more, which are not meant for what a stranger sends, and remembers for ever each name that it was asked for.
_CODECS = (
    {f"iso-8859-{number}": f"iso8859-{number}" for number in (*range(1, 12), *range(13, 17))}
    | {f"windows-{number}": f"cp{number}" for number in (874, *range(1250, 1259))}
    | {"latin-1": "iso8859-1", "latin1": "iso8859-1", "euc-jp": "euc_jp", "euc-kr": "euc_kr", "utf-16": "utf-16"}
    | {"iso-2022-jp": "iso2022_jp", "shift-jis": "shift_jis", "shift_jis": "shift_jis"}
    | {name: name for name in ("big5", "gb18030", "gb2312", "gbk", "koi8-r", "koi8-u")}
)


class Source(Protocol):
    """What a form needs of its request."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The fields of the request."""

    def stream(self) -> AsyncIterator[bytes]:
        """Return the content in parts, as it arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """What a form may have. More is an HTTPError with status 413, which names the limit and the byte.

    `None` is no limit: the server's `limit_request_body` (1 GiB) is one in any case. Sizes are in bytes.

    Attributes:
        fields: The number of fields. 1000, as in PHP, Django and Starlette: more do not come from a form that a
            person fills in, and a handler that goes through all of them is not slowed down.
        files: The number of files. 100, as in Django: each may need a temporary file, and a process has 1024
            descriptors where nobody has raised that.
        name_size: The name of a field, or of a file. 1024: a file name has at most 255 characters, of four bytes each.
        field_size: One field. 1 MiB, as in Starlette: a long article has a tenth of it.
        fields_size: All names and fields together, which are in memory; an urlencoded form as it is sent. 2.5 MiB, as
            in Django.
        file_size: One file. 64 MiB: a photograph or a document. An application that takes films says so.
        files_size: All files of a form together, which are on the disk. 256 MiB.
        head_size: The head of a part. 8 KiB, as for all fields of a request in other servers.
        head_fields: The fields in the head of a part. 16: clients send three.
        outside_size: What stands before the first part and after the last. 1 KiB: a sentence for old mail programs.
        memory_size: How much of the files is kept in memory; what is more is written to temporary files. 1 MiB, as in
            Starlette: the small files of most forms never touch the disk, and a thousand uploads at once need 1 GiB.
        folder: Where temporary files are made; `tempfile` chooses if it is None.
    """

    fields: int | None = 1000
    files: int | None = 100
    name_size: int | None = 1024
    field_size: int | None = 2**20
    fields_size: int | None = 2**20 * 5 // 2
    file_size: int | None = 2**26
    files_size: int | None = 2**28
    head_size: int | None = 2**13
    head_fields: int | None = 16
    outside_size: int | None = 2**10
    memory_size: int = 2**20
    folder: str | None = None
    # The limits in the order in which the native code takes them.
    numbers: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the numbers. ValueError, TypeError."""
        numbers = []
        for name in (*_NATIVE_LIMITS, "memory_size"):
            number = getattr(self, name)
            if number is not None or name == "memory_size":
                if not isinstance(number, int):
                    raise TypeError(f"{name}: expected an int, not {number!r}")
                if not 0 <= number <= _UNLIMITED:
                    raise ValueError(f"{name}: expected 0 or more, not {number!r}")
            numbers.append(_UNLIMITED if number is None else number)
        object.__setattr__(self, "numbers", tuple(numbers[: len(_NATIVE_LIMITS)]))


# In the order of `Limits` in crates/python/src/server/native/forms.rs.
_NATIVE_LIMITS = (
    *("fields", "files", "name_size", "field_size", "fields_size"),
    *("file_size", "files_size", "head_size", "head_fields", "outside_size"),
)
DEFAULT_LIMITS = FormLimits()


class Form(Mapping[str, "str | UploadedFile"]):
    """The fields and files of a form: a mapping of each name to its first value, and more.

    A value is a string, or an `UploadedFile` for a part with a filename. `close()` deletes the files; so does the end
    of the last reference to them, at the latest with the request.
    """

    __slots__ = ("_first", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, str | UploadedFile]] = ()) -> None:
        self._pairs = pairs if isinstance(pairs, list) else list(pairs)
        # Made at the first look-up.
        self._first: dict[str, str | UploadedFile] | None = None

    def __getitem__(self, name: str) -> str | UploadedFile:
        """Return the first value of a name. KeyError if there is none."""
        return self._by_name()[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names in the order of the form, each once."""
        return iter(self._by_name())

    def __len__(self) -> int:
        """Return the number of different names."""
        return len(self._by_name())

    def __repr__(self) -> str:
        """Return the names only: values may be secrets."""
        return f"<Form {', '.join(self)}>"

    def get_all(self, name: str) -> list[str | UploadedFile]:
        """Return all values of a name in the order of the form; an empty list if there is none."""
        return [value for other, value in self._pairs if other == name]

    def items_all(self) -> list[tuple[str, str | UploadedFile]]:
        """Return all names with their values, in the order of the form."""
        return list(self._pairs)

    @overload
    def get_text(self, name: str) -> str | None: ...
    @overload
    def get_text(self, name: str, default: _T) -> str | _T: ...
    def get_text(self, name: str, default: object = None) -> object:
        """Return the first value of a name that is a string, or the default."""
        return next((value for value in self.get_all(name) if isinstance(value, str)), default)

    def get_file(self, name: str) -> UploadedFile | None:
        """Return the first file of a name, or None. A control in which no file was chosen is none."""
        files = (value for value in self.get_all(name) if isinstance(value, UploadedFile))
        return next((file for file in files if file.filename or file.size), None)

    def close(self) -> None:
        """Delete the files."""
        for _, value in self._pairs:
            if isinstance(value, UploadedFile):
                value.close()

    def __enter__(self) -> Self:
        """Return the form, which is closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the form."""
        self.close()

    def _by_name(self) -> dict[str, str | UploadedFile]:
        if self._first is None:
            self._first = {}
            for name, value in self._pairs:
                self._first.setdefault(name, value)
        return self._first


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
    return limits or getattr(getattr(request, "app", None), "form_limits", None) or DEFAULT_LIMITS


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
    parts, most = bytearray(), _UNLIMITED if limits.fields_size is None else limits.fields_size
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
    codec = _CODECS.get(charset.lower())
    if codec is None:
        raise HTTPError(415, f"the charset {charset!r} of the field {name!r} is not supported")
    try:
        return content.decode(codec)
    except UnicodeDecodeError as error:
        raise HTTPError(400, f"the field {name!r} is not {charset}, at its byte {error.start}") from None
