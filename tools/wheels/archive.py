"""Reads a wheel and writes it again: a ZIP archive whose last file, RECORD, has the hash of every other one.

What the files mean is not known here. The format: packaging.python.org, "Binary distribution format".
"""

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

RECORD = ".dist-info/RECORD"


def read(path: Path) -> dict[str, bytes]:
    """The files of a wheel by their names."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def rewrite(path: Path, change: Callable[[str, bytes], bytes]) -> None:
    """Replace the contents of files; their order, times and modes stay as they are.

    The wheel is replaced as a whole, so a reader never sees half of it.
    """
    with zipfile.ZipFile(path) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    changed = [(info, change(info.filename, data)) for info, data in members if not info.filename.endswith(RECORD)]
    names = {info.filename: data for info, data in changed}
    record = next(info for info, _ in members if info.filename.endswith(RECORD))
    beside = path.with_suffix(".new")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for info, data in [*changed, (record, record_of(names, record.filename))]:
            archive.writestr(copied(info), data, zipfile.ZIP_DEFLATED, compresslevel=9)
    beside.replace(path)


def copied(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The entry of a file whose sizes and checksum are not known yet."""
    entry = zipfile.ZipInfo(info.filename, info.date_time)
    entry.external_attr = info.external_attr
    entry.create_system = info.create_system
    return entry


def record_of(files: Mapping[str, bytes], name: str) -> bytes:
    """The contents of RECORD, which has no hash of itself."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([path, f"sha256={digest(data)}", len(data)] for path, data in files.items())
    writer.writerow([name, "", ""])
    return text.getvalue().encode()


def record_faults(files: Mapping[str, bytes]) -> list[str]:
    """How RECORD differs from the files, one line each."""
    name = next((name for name in files if name.endswith(RECORD)), None)
    if name is None:
        return ["it has no RECORD"]
    rows = {row[0]: row[1] for row in csv.reader(io.StringIO(files[name].decode()))}
    others = {path: data for path, data in files.items() if path != name}
    faults = [f"RECORD does not list {path}" for path in sorted(others.keys() - rows.keys())]
    faults += [f"RECORD lists {path}, which is not there" for path in sorted(rows.keys() - files.keys())]
    return faults + [
        f"RECORD has another hash for {path}"
        for path, data in others.items()
        if path in rows and rows[path] != f"sha256={digest(data)}"
    ]


def digest(data: bytes) -> str:
    """SHA-256 as RECORD writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
