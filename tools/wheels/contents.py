"""What may be in a wheel and in the source distribution, and what has to be. Nothing is run here except readelf.

The list of files follows from python/vitok: a wheel has these, the native module, and what describes them, and nothing
else. So a benchmark, a test or a file with debug symbols is a finding, and so is a stub that is missing.
"""

import os
import tarfile
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from tools.wheels import archive, elf, sbom
from tools.wheels.platforms import ROOT, Wheel, read_version

SOURCES = ROOT / "python"
SUFFIXES = frozenset({".py", ".pyi", ".typed"})
DESCRIPTIONS = (
    "METADATA",
    "RECORD",
    "WHEEL",
    "entry_points.txt",
    "licenses/LICENSE-APACHE",
    "licenses/LICENSE-CRATES",
    "licenses/LICENSE-MIT",
    "sboms/vitok-python.cyclonedx.json",
)
# A wheel has 1.8 MB. One that is much larger has something that it should not have.
BYTES_AT_MOST = 2_500_000
SDIST_BYTES_AT_MOST = 2_500_000
IN_SDIST = (
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-CRATES",
    "LICENSE-MIT",
    "PKG-INFO",
    "README.md",
    "pyproject.toml",
    "crates/python/Cargo.toml",
    "python/vitok/py.typed",
)
NOT_IN_SDIST = ("benchmarks/", "dist/", "docs/", "target/", "tests/", "tools/")


def expected_files(module: str) -> set[str]:
    """The files of a wheel whose native module has this name."""
    sources = {
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*")
        if path.is_file() and path.suffix in SUFFIXES
    }
    information = f"vitok-{read_version()}.dist-info"
    return sources | {f"vitok/{module}"} | {f"{information}/{name}" for name in DESCRIPTIONS}


def wheel_faults(wheel: Wheel, musl: Collection[str]) -> Iterator[str]:
    """What is wrong with a wheel that exists, one line each. `musl` has the symbols of musl."""
    module = wheel.platform.module_name(wheel.python)
    files = archive.read(wheel.path)
    expected = expected_files(module)
    yield from (f"{name} must not be in it" for name in sorted(files.keys() - expected))
    yield from (f"{name} is missing" for name in sorted(expected - files.keys()))
    yield from archive.record_faults(files)
    for name, data in files.items():
        if sbom.is_one(name):
            yield from sbom.faults(data, read_version())
        yield from (f"{name} names {path}, a folder of this machine" for path in machine_paths(data))
    if binary := files.get(f"vitok/{module}"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, module)
            path.write_bytes(binary)
            yield from elf.faults(elf.read_needs(path), musl=None if wheel.platform.is_glibc else musl)


def size_faults(path: Path, bytes_at_most: int) -> Iterator[str]:
    """Whether a file is larger than it should be, as one line."""
    if (size := path.stat().st_size) > bytes_at_most:
        yield f"{path.name}: it has {size} bytes, more than {bytes_at_most}"


def machine_paths(data: bytes) -> Iterator[str]:
    """Folders of the machine that built the wheel which its files name."""
    cargo = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    for path in (str(ROOT), cargo, str(Path.home() / ".rustup")):
        if path.encode() + b"/" in data:
            yield path


def sdist_faults(path: Path) -> Iterator[str]:
    """What is wrong with the source distribution, one line each."""
    with tarfile.open(path) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    yield from (f"{name} is missing" for name in IN_SDIST if name not in names)
    yield from (f"{name} must not be in it" for name in sorted(names) if name.startswith(NOT_IN_SDIST))
    if (size := path.stat().st_size) > SDIST_BYTES_AT_MOST:
        yield f"it has {size} bytes, more than {SDIST_BYTES_AT_MOST}"
