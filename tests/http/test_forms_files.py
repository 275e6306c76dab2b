"""Uploaded files: in memory or on the disk, read, saved, and deleted in each case."""

import asyncio
import io
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Any

import pytest
from forms_support import FakeRequest, body, part, receive, split
from vitok.http.native import uploads
from vitok.http.native.form import Form, FormLimits
from vitok.http.native.forms import receive_form
from vitok.http.native.uploads import UploadedFile

BIG = bytes(range(256)) * 8192  # 2 MiB


def form_of(*files: bytes, size: int = 65536, **limits: int | None) -> Form:
    """Read a form of files as it arrives."""
    content = body(*[part("f", file, filename=f"{number}.bin") for number, file in enumerate(files)])
    return asyncio.run(receive(split(content, size), **limits))


def uploaded(form: Form) -> list[UploadedFile]:
    """Return the files of a form."""
    return [value for _, value in form.items_all() if isinstance(value, UploadedFile)]


@pytest.mark.parametrize("size", [1000, 65536, 10**7])
def test_a_file_is_on_the_disk_when_it_is_longer_than_the_limit(size: int, opened: list[IO[bytes]]) -> None:
    with form_of(BIG, b"small", size=size) as form:
        big, small = uploaded(form)
        assert not big.in_memory
        assert big.size == len(BIG)
        assert big.file.read() == BIG
        assert small.in_memory
        assert small.file.read() == b"small"
        assert len(opened) == 1
    assert opened[0].closed
    assert small.file.closed


def test_the_limit_is_that_of_all_files_of_a_form(opened: list[IO[bytes]]) -> None:
    with form_of(b"1" * 600, b"2" * 600, b"3" * 400, b"", memory_size=1000) as form:
        assert [file.in_memory for file in uploaded(form)] == [True, False, True, True]
        assert [file.file.read() for file in uploaded(form)] == [b"1" * 600, b"2" * 600, b"3" * 400, b""]
    with form_of(b"1", b"", memory_size=0) as form:
        assert [file.in_memory for file in uploaded(form)] == [False, True]
    assert all(file.closed for file in opened)
    assert len(opened) == 2


@pytest.mark.parametrize("content", [BIG, b"small content"], ids=["disk", "memory"])
def test_a_file_is_read_and_saved_without_blocking(
    content: bytes, loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async def main() -> None:
        form = await receive(body(part("f", content, filename="f")))
        (file,) = uploaded(form)
        assert await file.read(5) == content[:5]
        assert await file.seek(-3, os.SEEK_END) == len(content) - 3
        assert await file.read() == content[-3:]
        assert await file.read() == b""
        await file.seek(7)
        path = tmp_path / "saved"
        path.write_bytes(b"old")
        await file.save(path)
        assert path.read_bytes() == content
        assert os.listdir(tmp_path) == ["saved"]
        # The position is what it was.
        assert b"".join([part async for part in file]) == content[7:]
        form.close()
        for call in (file.read(), file.seek(0), file.save(path)):
            with pytest.raises(ValueError, match="closed"):
                await call

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())


def test_a_file_that_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        file = UploadedFile("f", content=b"content")
        with pytest.raises(FileNotFoundError):
            await file.save(tmp_path / "absent" / "name")
        (tmp_path / "folder").mkdir()
        with pytest.raises(IsADirectoryError):
            await file.save(tmp_path / "folder")
        assert os.listdir(tmp_path) == ["folder"]
        for name in ("n" * 255, "\U0001f600" * 63):
            await file.save(str(tmp_path / name))
        assert await file.read() == b"content"

    asyncio.run(main())


def test_a_saved_file_has_the_usual_permissions(tmp_path: Path) -> None:
    asyncio.run(UploadedFile("f", content=b"x").save(tmp_path / "saved"))
    (tmp_path / "made").write_bytes(b"x")
    assert (tmp_path / "saved").stat().st_mode == (tmp_path / "made").stat().st_mode


@pytest.mark.parametrize(
    ("sent", "filename"),
    [
        ("../../etc/passwd", "passwd"),
        (r"..\\..\\boot.ini", "boot.ini"),
        ("/etc/", ""),
        ("..", ""),
        (".", ""),
        ("a/..", ""),
        (".htaccess", ".htaccess"),
        ("a:b", "a:b"),
        ("%2e%2e%2fx", "%2e%2e%2fx"),
    ],
)
def test_a_filename_has_no_path(sent: str, filename: str) -> None:
    (file,) = uploaded(asyncio.run(receive(body(part("f", b"", filename=sent)))))
    assert file.filename == filename


def test_a_file_without_references_is_deleted(opened: list[IO[bytes]]) -> None:
    form = form_of(BIG)
    assert not opened[0].closed
    del form
    assert opened[0].closed


def test_a_long_file_is_deleted_in_a_thread(opened: list[IO[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "CLOSED_AT_ONCE", len(BIG) - 1)
    closers = []
    form = form_of(BIG)
    (file,) = uploaded(form)
    done = threading.Event()

    class Watched(io.RawIOBase):
        def close(self) -> None:
            if not self.closed:
                closers.append(threading.get_ident())
                super().close()
                done.set()

    file.file.close()
    file.file = Watched()  # type: ignore[assignment]
    form.close()
    assert done.wait(30)
    assert closers != [threading.get_ident()]
    form.close()
    assert len(closers) == 1


@pytest.mark.parametrize("end", ["refused", "cut off", "failed", "cancelled"])
def test_the_files_of_a_form_that_is_not_read_are_deleted(
    end: str, opened: list[IO[bytes]], loop: asyncio.AbstractEventLoop
) -> None:
    reached = asyncio.Event()

    class Request(FakeRequest):
        async def stream(self) -> AsyncIterator[bytes]:
            yield part("f", BIG, filename="f") + part("g", BIG, filename="g")[:-2]
            reached.set()
            if end == "refused":
                yield b"\r\n--boundary?"
            elif end == "failed":
                raise ConnectionResetError
            elif end == "cancelled":
                await asyncio.Event().wait()

    async def main() -> BaseException | None:
        task = asyncio.ensure_future(receive_form(Request([])))
        if end == "cancelled":
            await reached.wait()
            task.cancel()
        return (await asyncio.gather(task, return_exceptions=True))[0]

    error = loop.run_until_complete(main())
    assert isinstance(error, BaseException)
    del error
    assert len(opened) == 2
    assert all(file.closed for file in opened)
    loop.run_until_complete(loop.shutdown_default_executor())


def test_a_file_is_not_closed_under_the_thread_that_writes_it(
    monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop, opened: list[IO[bytes]]
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    real = uploads._write

    def write(file: IO[bytes], parts: list[bytes]) -> None:
        writing.set()
        assert go_on.wait(30)
        assert not file.closed
        real(file, parts)

    monkeypatch.setattr(uploads, "_write", write)

    async def main() -> None:
        task = asyncio.ensure_future(receive(body(part("f", BIG, filename="f"))))
        await asyncio.get_running_loop().run_in_executor(None, writing.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not opened[0].closed
        go_on.set()
        await asyncio.get_running_loop().shutdown_default_executor()

    loop.run_until_complete(main())
    assert opened[0].closed


def full(_: str | None) -> IO[bytes]:
    """Open a file on a disk that is full."""
    return Path("/dev/full").open("r+b", buffering=0)


def no_folder(_: str | None) -> IO[bytes]:
    """Open no file."""
    raise FileNotFoundError(2, "No such file or directory")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("opening", [full, no_folder])
def test_a_disk_that_is_full_is_an_error_of_the_system(
    opening: Callable[[str | None], IO[bytes]], monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop
) -> None:
    monkeypatch.setattr(uploads, "open_temporary", opening)
    with pytest.raises(OSError, match=r"No space left|No such file"):
        loop.run_until_complete(receive(split(body(part("f", BIG, filename="f")), 10_000)))
    loop.run_until_complete(loop.shutdown_default_executor())


def test_temporary_files_are_made_in_the_folder_of_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[IO[bytes]]
) -> None:
    folders: list[Any] = []
    real = uploads.open_temporary

    def open_temporary(folder: str | None) -> IO[bytes]:
        folders.append(folder)
        return real(folder)

    monkeypatch.setattr(uploads, "open_temporary", open_temporary)
    request = FakeRequest([body(part("f", BIG, filename="f"))])
    with asyncio.run(receive_form(request, FormLimits(folder=str(tmp_path)))):
        assert folders == [str(tmp_path)]
        assert os.listdir(tmp_path) == []
