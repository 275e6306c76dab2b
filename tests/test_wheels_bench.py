"""What `make wheels` and `make wheels-gate` decide about the files of vitok-bench, without building.

Files of a release are made here from a few bytes. The gate itself runs over real ones in .ci/run.
"""

import io
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.wheels import archive, bench, contents, installing, licenses, platforms

pytestmark = pytest.mark.vitok_only

MANYLINUX = platforms.PLATFORMS[0]


def make_wheel(path: Path, files: dict[str, bytes]) -> None:
    """Write a wheel with these files and a RECORD of them."""
    record = f"{bench.PACKAGE}-{platforms.read_version()}.dist-info/RECORD"
    with zipfile.ZipFile(path, "w") as opened:
        for name, data in {**files, record: archive.record_of(files, record)}.items():
            opened.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), data)


def test_each_platform_has_one_wheel_for_every_python() -> None:
    """Issue 17, item 2: a package of its own, with the load generator built in."""
    names = [bench.wheel_path(platform).name for platform in platforms.PLATFORMS]
    version = platforms.read_version()
    assert len(set(names)) == 4
    assert f"vitok_bench-{version}-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl" in names
    assert bench.sdist_path().name == f"vitok_bench-{version}.tar.gz"


def test_a_wheel_has_the_program_and_nothing_for_developers() -> None:
    files = bench.expected_files()
    assert {"vitok_bench/__main__.py", "vitok_bench/tls_raw.c", "vitok_bench/files/four.txt"} <= files
    assert any(name.endswith(".data/scripts/vitok-load") for name in files)
    assert not [name for name in files if "test_" in name or "gate.py" in name or "__pycache__" in name]


def test_the_licences_are_of_the_crates_of_the_load_generator() -> None:
    named = licenses.named_crates(licenses.BENCH_FILE.read_text(encoding="utf-8"))
    assert {"libc", "ring", "rustls", "zlib-rs"} <= {name.partition(" ")[0] for name in named}
    assert "pyo3" not in {name.partition(" ")[0] for name in named}


def test_files_too_many_and_too_few_are_found(tmp_path: Path) -> None:
    path = bench.wheel_path(MANYLINUX, tmp_path)
    skipped = ("RECORD", "bench.py", "vitok-load", ".cyclonedx.json")
    kept = [name for name in bench.expected_files() if not name.endswith(skipped)]
    make_wheel(path, {**dict.fromkeys(kept, b""), "vitok_bench/gate.py": b"0" * bench.BYTES_AT_MOST})
    faults = list(bench.wheel_faults(path, MANYLINUX))
    assert "vitok_bench/gate.py must not be in it" in faults
    assert "vitok_bench/bench.py is missing" in faults
    assert any(fault.endswith("/scripts/vitok-load is missing") for fault in faults)
    assert "bytes, more than" in next(contents.size_faults(path, bench.BYTES_AT_MOST))


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is missing: apt-get install binutils")
def test_a_program_of_this_system_is_too_new_or_static() -> None:
    """The interpreter is built for its system alone: for musl it would have to be without libraries."""
    faults = list(bench.program_faults(Path(sys.executable).resolve().read_bytes(), platforms.PLATFORMS[2]))
    assert any(fault.startswith("the module needs libc.so.6") for fault in faults)


def test_a_source_without_the_load_generator_is_found(tmp_path: Path) -> None:
    path = tmp_path / "vitok_bench.tar.gz"
    with tarfile.open(path, "w:gz") as opened:
        for name in ("vitok_bench-0/PKG-INFO", "vitok_bench-0/python/vitok/__init__.py"):
            opened.addfile(tarfile.TarInfo(name), io.BytesIO())
    faults = list(bench.sdist_faults(path))
    assert "benchmarks/load/Cargo.toml is missing" in faults
    assert "python/vitok/__init__.py must not be in it" in faults


def test_what_is_not_built_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [line] = bench.faults([MANYLINUX], tmp_path)
    assert line.startswith("not built: vitok_bench-")
    assert line.endswith("`make wheels` builds them")
    monkeypatch.setattr(installing, "find_python", lambda version: None if version == "3.11" else sys.executable)
    wheels = list(platforms.wheels([MANYLINUX], ["3.11", "3.12"], tmp_path))
    assert list(bench.try_all(wheels)) == []
    wheels[1].path.touch()
    assert list(bench.try_all(wheels)) == [
        (bench.wheel_path(MANYLINUX, tmp_path), "it is not built: `make wheels` builds it", True)
    ]
