"""A form: class `Form` with its fields and files, and the limits of what a client may send in one.

How a form is read is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, overload

from .uploads import UploadedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Self

_T = TypeVar("_T")

UNLIMITED = 2**64 - 1


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
    numbers: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """The limits in the order in which the native code takes them. A program has no use for it."""

    def __post_init__(self) -> None:
        """Check the numbers. ValueError, TypeError."""
        numbers: list[int] = []
        for name in (*_NATIVE_LIMITS, "memory_size"):
            number = getattr(self, name)
            if number is not None or name == "memory_size":
                if not isinstance(number, int):
                    raise TypeError(f"{name}: expected an int, not {number!r}")
                if not 0 <= number <= UNLIMITED:
                    raise ValueError(f"{name}: expected 0 or more, not {number!r}")
            numbers.append(UNLIMITED if number is None else number)
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
