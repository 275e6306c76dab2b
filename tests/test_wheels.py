"""What `make wheels` and `make wheels-gate` decide without building: names, contents, bills of materials, needs.

Files of a release are made here from a few bytes. The gate itself runs over real ones in .ci/run.
"""

import json
import subprocess
import sys
import tomllib
import zipfile
from operator import attrgetter
from pathlib import Path

import pytest

from tests.support import FREE_THREADED, PROJECT
from tools.wheels import (
    archive,
    building,
    checkers,
    contents,
    elf,
    gate,
    installing,
    licenses,
    offline,
    platforms,
    prerequisites,
    sbom,
)

pytestmark = pytest.mark.vitok_only

MANYLINUX, AARCH64, MUSLLINUX = platforms.PLATFORMS[:3]
# As maturin writes it, with what differs from build to build.
BILL = {
    "bomFormat": "CycloneDX",
    "serialNumber": "urn:uuid:b316387a-3f28-491f-9e21-9dd4040e2e47",
    "metadata": {"timestamp": "2026-11-30T14:49:23Z", "component": {"name": "vitok-python", "version": "0.1.0"}},
    "components": [
        {"name": name, "version": "1", "licenses": [{"expression": "MIT"}], "bom-ref": "path+file:///folder/x"}
        for name in sorted(sbom.CRATES)
    ],
}


def make_wheel(path: Path, files: dict[str, bytes]) -> None:
    """Write a wheel with these files and a RECORD of them."""
    record = f"vitok-{platforms.read_version()}.dist-info/RECORD"
    with zipfile.ZipFile(path, "w") as opened:
        for name, data in {**files, record: archive.record_of(files, record)}.items():
            opened.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), data)


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command behind the targets of make."""
    return subprocess.run(
        [sys.executable, "-m", "tools.wheels", *words], cwd=PROJECT, capture_output=True, text=True, check=False
    )


def test_a_release_has_twenty_four_wheels_with_names_that_pip_knows() -> None:
    """Four platforms, five Pythons, and one of these without the GIL: its ABI has a name of its own."""
    names = [wheel.path.name for wheel in platforms.wheels(platforms.PLATFORMS, platforms.PYTHONS)]
    version = platforms.read_version()
    assert len(set(names)) == 24
    assert f"vitok-{version}-cp314-cp314t-musllinux_1_2_x86_64.whl" in names
    assert f"vitok-{version}-cp314-cp314-musllinux_1_2_x86_64.whl" in names
    assert f"vitok-{version}-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl" in names
    assert f"vitok-{version}-cp315-cp315-musllinux_1_2_aarch64.whl" in names


def test_platforms_are_chosen_by_name_or_part() -> None:
    """An empty choice is all of them."""
    assert platforms.choose_platforms([]) == list(platforms.PLATFORMS)
    assert platforms.choose_platforms(["manylinux-x86_64"]) == [MANYLINUX]
    assert platforms.choose_platforms(["aarch64"]) == [AARCH64, platforms.PLATFORMS[3]]
    assert platforms.choose_pythons(["3.13", "python3.11"]) == ["3.11", "3.13"]
    assert platforms.choose_pythons(["python3.14t"]) == ["3.14t"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("build", "--platform", "sparc"), "PLATFORM is one of manylinux-x86_64, "),
        (("check", "--pythons", "3.10"), "PYTHONS are of 3.11, 3.12, 3.13, 3.14, 3.14t, 3.15, not 3.10"),
        (("emulate", "--emulator", "qemu", "--platform", "aarch64"), "name one wheel for the emulator, not 12"),
    ],
)
def test_a_wrong_choice_is_one_line(words: tuple[str, ...], message: str) -> None:
    """It names the variable and what was expected."""
    ended = command(*words)
    assert ended.returncode == 1
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_each_missing_target_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that has the standard library of one target only."""
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "libstd-1.rlib").touch()
    for name, script in (("rustc", f'[ "$4" = {MANYLINUX.target} ] && echo {installed}'), ("cargo", "")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    lacking = list(prerequisites.missing([MANYLINUX, AARCH64]))
    assert [line for line in lacking if "rustup target add" in line] == [
        "Rust's standard library for aarch64-unknown-linux-gnu is missing: rustup target add aarch64-unknown-linux-gnu"
    ]


def test_a_machine_without_cargo_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is said about targets, which cannot be asked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    lacking = list(prerequisites.missing(platforms.PLATFORMS))
    assert any(
        line.startswith("maturin, which builds the wheels, is missing: pip install --group wheels") for line in lacking
    )
    assert lacking[-1] == "cargo is missing: install Rust by rustup (https://rustup.rs)"


def test_a_build_does_not_depend_on_this_interpreter_or_this_machine() -> None:
    """Nothing of the Makefile's interpreter is left, and folders of the machine are replaced."""
    environment = building.build_environment(
        {"PYO3_PYTHON": "python3", "CARGO_HOME": "/somewhere/cargo", "SOURCE_DATE_EPOCH": "7", "PATH": "/bin"}
    )
    assert "PYO3_PYTHON" not in environment
    assert environment["PATH"] == "/bin"
    assert environment["SOURCE_DATE_EPOCH"] == "7"
    assert "--remap-path-prefix=/somewhere/cargo=/cargo" in environment["CARGO_ENCODED_RUSTFLAGS"].split("\x1f")


def test_without_git_the_time_of_a_build_is_that_of_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from an archive of the tag, on a machine that has no git."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert building.build_environment({})["SOURCE_DATE_EPOCH"] == building.EARLIEST


def test_a_rewritten_wheel_keeps_its_files_and_has_their_hashes(tmp_path: Path) -> None:
    """Also their order and times."""
    path = tmp_path / "x.whl"
    make_wheel(path, {"b.py": b"1", "a.json": b"2"})
    archive.rewrite(path, lambda name, data: data * 2 if name == "a.json" else data)
    files = archive.read(path)
    assert [*files] == ["b.py", "a.json", f"vitok-{platforms.read_version()}.dist-info/RECORD"]
    assert (files["b.py"], files["a.json"]) == (b"1", b"22")
    assert archive.record_faults(files) == []
    with zipfile.ZipFile(path) as opened:
        assert {info.date_time for info in opened.infolist()} == {(2026, 1, 2, 3, 4, 6)}


def test_a_record_that_lies_is_found() -> None:
    """A file that is not listed, one that is not there, and one with another hash."""
    record = "x.dist-info/RECORD"
    listed = archive.record_of({"a.py": b"1", "gone.py": b"2"}, record)
    assert archive.record_faults({"a.py": b"changed", "new.py": b"3", record: listed}) == [
        "RECORD does not list new.py",
        "RECORD lists gone.py, which is not there",
        "RECORD has another hash for a.py",
    ]


def test_bills_of_two_builds_are_the_same_bytes() -> None:
    """In other folders, at other times, with other random numbers."""
    other = json.dumps({**BILL, "serialNumber": "urn:uuid:other"}).replace("/folder/", "/home2/build/")
    one = sbom.settle(json.dumps(BILL).encode(), root=Path("/folder"), seconds=7)
    assert one == sbom.settle(other.encode(), root=Path("/home2/build"), seconds=7)
    assert b"1970-01-01T00:00:07Z" in one
    assert b"file:///x" in one
    assert list(sbom.faults(one, "0.1.0")) == []


def test_an_incomplete_bill_is_found() -> None:
    """A crate that is not in it, one without a licence, and another version."""
    components = [component for component in BILL["components"] if component["name"] != "pyo3"]
    document = {**BILL, "components": [*components, {"name": "odd", "version": "1"}]}
    assert list(sbom.faults(json.dumps(document).encode(), "0.2.0")) == [
        "the bill of materials is of version 0.1.0, not 0.2.0",
        "the bill of materials lacks the crate pyo3",
        "the bill of materials has no version or no licence of odd",
    ]
    assert list(sbom.faults(b"{", "0.1.0")) == ["the bill of materials is not JSON"]


def test_a_wheel_has_the_stubs_and_licences_and_nothing_of_the_checkout() -> None:
    """The list that the gate compares with."""
    files = contents.expected_files("_native.so")
    assert {"vitok/py.typed", "vitok/_native.pyi", "vitok/_native.so", "vitok/http/__init__.py"} <= files
    assert sum("LICENSE" in name for name in files) == 3
    assert not [name for name in files if "bench" in name or "/test_" in name or "__pycache__" in name]


def test_files_too_many_and_too_few_are_found(tmp_path: Path) -> None:
    """A benchmark in the wheel, and no marker of types."""
    wheel = platforms.Wheel(MANYLINUX, "3.11", tmp_path / "vitok.whl")
    expected = contents.expected_files(MANYLINUX.module_name("3.11"))
    absent = {"vitok/py.typed", f"vitok/{MANYLINUX.module_name('3.11')}"}
    kept = {name for name in expected - absent if not name.endswith(("RECORD", ".json"))}
    make_wheel(wheel.path, {**dict.fromkeys(kept, b""), "vitok/_benchmarks/bench.py": f"{PROJECT}/".encode()})
    faults = list(contents.wheel_faults(wheel, frozenset()))
    assert "vitok/_benchmarks/bench.py must not be in it" in faults
    assert "vitok/py.typed is missing" in faults
    assert f"vitok/_benchmarks/bench.py names {PROJECT}, a folder of this machine" in faults


def needs(*symbols: str, libraries: frozenset[str] = frozenset({"libc.so"}), sections: str = ".text") -> elf.Needs:
    """What a module needs that needs little."""
    return elf.Needs(libraries, frozenset(symbols), frozenset({sections}), ())


def test_symbols_that_an_old_system_lacks_are_found() -> None:
    """The loader binds them at once: one that is missing prevents the import."""
    assert list(elf.faults(needs("malloc"), musl={"malloc"})) == []
    assert list(elf.faults(needs("gnu_get_libc_version", "preadv2"), musl={"preadv2"})) == [
        "the module needs gnu_get_libc_version, which musl 1.2.0 does not have",
        "the module needs preadv2, which musl 1.2.0 does not have",
    ]
    assert list(elf.faults(needs("preadv2", libraries=frozenset({"libc.so.6"})), musl=None)) == [
        "the module needs preadv2, which glibc 2.17 does not have"
    ]


def test_libraries_and_symbols_for_debuggers_are_found() -> None:
    """A library that a system may not have, and a module that is not stripped."""
    faults = list(elf.faults(needs(libraries=frozenset({"libssl.so.3"}), sections=".symtab"), musl=None))
    assert faults == ["the module needs libssl.so.3", "the module is not stripped: it has a section .symtab"]


def test_the_output_of_checkers_is_read() -> None:
    """auditwheel breaks its lines; pyroma ends with a rating."""
    good = 'x.whl is consistent with\nthe following platform\ntag: "manylinux_2_17_x86_64".'
    assert list(checkers.read_auditwheel(0, good, "manylinux_2_17_x86_64")) == []
    assert "not manylinux_2_17_x86_64" in next(checkers.read_auditwheel(0, good.replace("17", "35"), MANYLINUX.policy))
    assert next(checkers.read_auditwheel(1, "no wheel", MANYLINUX.policy)) == "auditwheel cannot read it: no wheel"
    assert list(checkers.read_pyroma("Final rating: 10/10\n")) == []
    assert "rates 9/10" in next(checkers.read_pyroma("no author\nFinal rating: 9/10\n"))


def test_two_wheels_are_compared_by_files_and_sources() -> None:
    """Native modules may differ: another compiler, another linker."""
    released = {"a.py": b"1", "b.py": b"1", "x.so": b"1"}
    assert list(offline.differences({"b.py": b"2", "c.py": b"", "x.so": b"2"}, released)) == [
        "a wheel from the source distribution lacks a.py",
        "only a wheel from the source distribution has c.py",
        "b.py is another one in a wheel from the source distribution",
    ]


def test_a_python_that_is_not_here_is_a_line_and_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that no Python is left out quietly."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    wheel = next(platforms.wheels([MANYLINUX], ["3.12"]))
    [(_, line, has_failed)] = installing.probe_all([wheel])
    assert line == "CPython 3.12 is not on this machine: its wheel is not installed"
    assert not has_failed


def test_the_licences_are_of_the_crates_in_the_lock_file() -> None:
    """Each is named with the version that is built in; the gate compares the texts."""
    locked = tomllib.loads((PROJECT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    named = licenses.named_crates(licenses.FILE.read_text(encoding="utf-8"))
    assert named <= {f"{crate['name']} {crate['version']}" for crate in locked}, licenses.__doc__
    assert {"pyo3", "libc", "zlib-rs"} <= {name.partition(" ")[0] for name in named}


def test_a_wheel_of_another_library_is_not_for_this_machine() -> None:
    """Neither installed nor compared with what is built here."""
    assert [one.library for one in platforms.PLATFORMS if one.is_here] in (["manylinux"], ["musllinux"], [])


def test_musllinux_is_no_wheel_of_glibc() -> None:
    """The names of native modules tell them apart."""
    assert MUSLLINUX.module_name("3.11") == "_native.cpython-311-x86_64-linux-musl.so"
    assert MANYLINUX.module_name("3.15") == "_native.cpython-315-x86_64-linux-gnu.so"
    assert MANYLINUX.module_name("3.14t") == "_native.cpython-314t-x86_64-linux-gnu.so"


def test_the_source_is_compared_with_the_wheel_of_this_very_build() -> None:
    """With the GIL or without it: both may be of one version."""
    chosen = list(platforms.wheels(filter(attrgetter("is_here"), platforms.PLATFORMS), platforms.PYTHONS))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}{'t' * FREE_THREADED}"
    expected = [wheel for wheel in chosen if wheel.python == version]
    assert gate.comparable(chosen) == (expected[0] if expected else None)
