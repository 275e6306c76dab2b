"""The files of vitok-bench in a release: a wheel for each platform, which any Python takes, and a source distribution.

They are built, checked and tried with the tools of vitok's own files. The program in the wheel is the load generator.
"""

import os
import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from tools.wheels import archive, building, checkers, contents, elf, installing, licenses, sbom
from tools.wheels.platforms import DIST, ROOT, Platform, Wheel, read_version

FOLDER = ROOT / "benchmarks"
PACKAGE = "vitok_bench"
PROGRAM = "vitok-load"
# For developers of vitok; benchmarks/pyproject.toml leaves them out.
NOT_IN_WHEEL = frozenset({"gate.py", "instructions.json"})
DESCRIPTIONS = (
    *("METADATA", "RECORD", "WHEEL", "licenses/LICENSE-APACHE", "licenses/LICENSE-CRATES", "licenses/LICENSE-MIT"),
    f"sboms/{PROGRAM}.cyclonedx.json",
)
IN_SDIST = ("Cargo.lock", "Cargo.toml", "LICENSE-CRATES", "PKG-INFO", "README.md", "benchmarks/load/Cargo.toml")
NOT_IN_SDIST = ("crates/python/", "python/", "tests/", "results/", "tools/")
# A wheel has 1.3 MB.
BYTES_AT_MOST = 2_000_000
# A row of loops, one of bytes and one of a server; all but the first need the load generator.
ROWS = "call_soon_0,echo_protocol_1k_100,plaintext"
TRIED = ("bench", "--rows", ROWS, "--loop", "asyncio,vitok", "--server", "vitok", "--rounds", "1", "--sample-ms", "20")


def wheel_path(platform: Platform, folder: Path = DIST) -> Path:
    """Where the wheel of a platform is."""
    return folder / f"{PACKAGE}-{read_version()}-py3-none-{platform.tag}.whl"


def sdist_path(folder: Path = DIST) -> Path:
    """Where the source distribution is."""
    return folder / f"{PACKAGE}-{read_version()}.tar.gz"


def build(platforms: Iterable[Platform], *, optimised: bool = True, folder: Path = DIST) -> list[Path]:
    """Build the source distribution and the wheels of these platforms, and return their paths."""
    environment = building.build_environment(os.environ) | ({} if optimised else building.UNOPTIMISED)
    settled = partial(building.settled, seconds=int(environment["SOURCE_DATE_EPOCH"]))
    folder.mkdir(exist_ok=True)
    building.run_maturin(["sdist", "--out", str(folder)], environment, FOLDER)
    for platform in platforms:
        words = ["build", *building.arguments(platform, ()), "--out", str(folder)]
        building.run_maturin(words, environment, FOLDER)
        archive.rewrite(wheel_path(platform, folder), settled)
    return [sdist_path(folder), *(wheel_path(platform, folder) for platform in platforms)]


def faults(platforms: Iterable[Platform], folder: Path = DIST, *, optimised: bool = True) -> Iterator[str]:
    """The findings in the source distribution and in the wheels of these platforms, one text each.

    The size of a wheel that is not optimised is not checked.
    """
    chosen = list(platforms)
    paths = [*(wheel_path(platform, folder) for platform in chosen), sdist_path(folder)]
    if absent := [path.name for path in paths if not path.exists()]:
        yield f"not built: {', '.join(absent)}; `make wheels` builds them"
        return
    for platform in chosen:
        path = wheel_path(platform, folder)
        print(f"{path.name}: {path.stat().st_size} bytes")
        yield from (f"{path.name}: {fault}" for fault in wheel_faults(path, platform))
        yield from contents.size_faults(path, BYTES_AT_MOST) if optimised else ()
    source = sdist_path(folder)
    yield from (f"{source.name}: {fault}" for fault in (*sdist_faults(source), *checkers.pyroma_faults(source)))
    yield from licenses.faults(licenses.BENCH_FILE)
    yield from checkers.twine_faults(paths)
    yield from checkers.contents_faults(paths[:-1], package=PACKAGE)


def expected_files() -> set[str]:
    """The files of a wheel."""
    shown = {path for path in (FOLDER / PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    modules = {path.relative_to(FOLDER).as_posix() for path in shown if path.name not in NOT_IN_WHEEL}
    version = f"{PACKAGE}-{read_version()}"
    return modules | {f"{version}.data/scripts/{PROGRAM}"} | {f"{version}.dist-info/{name}" for name in DESCRIPTIONS}


def wheel_faults(path: Path, platform: Platform) -> Iterator[str]:
    """What is wrong with a wheel that exists, one line each."""
    files, expected = archive.read(path), expected_files()
    yield from (f"{name} must not be in it" for name in sorted(files.keys() - expected))
    yield from (f"{name} is missing" for name in sorted(expected - files.keys()))
    yield from archive.record_faults(files)
    for name, data in files.items():
        if sbom.is_one(name):
            yield from sbom.faults(data, read_version(), crates={"libc", "rustls", "vitok-reactor"})
        yield from (f"{name} names {folder}, a folder of this machine" for folder in contents.machine_paths(data))
        if name.endswith(f"/scripts/{PROGRAM}"):
            yield from program_faults(data, platform)


def program_faults(data: bytes, platform: Platform) -> Iterator[str]:
    """What the program needs that another system does not have. For musl it has all of that in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, PROGRAM)
        path.write_bytes(data)
        needs = elf.read_needs(path)
        yield from elf.faults(needs, musl=None if platform.is_glibc else ())
        if platform.is_glibc:
            versions = re.findall(r"GLIBC_2\.(\d+)", elf.readelf("--version-info", path))
            yield from (f"the program needs glibc 2.{minor}" for minor in sorted(set(versions)) if int(minor) > 17)


def sdist_faults(path: Path) -> Iterator[str]:
    """What is wrong with the source distribution, one line each."""
    with tarfile.open(path) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    yield from (f"{name} is missing" for name in IN_SDIST if name not in names)
    yield from (f"{name} must not be in it" for name in sorted(names) if name.startswith(NOT_IN_SDIST))


def try_all(wheels: Iterable[Wheel]) -> Iterator[tuple[Path, str, bool]]:
    """The wheel for this machine beside the first of vitok's whose Python is here: a line, and whether it failed."""
    for wheel in wheels:
        path = wheel_path(wheel.platform, wheel.path.parent)
        python = installing.find_python(wheel.python)
        if python is None or not wheel.path.exists():
            continue
        if not path.exists():
            yield path, "it is not built: `make wheels` builds it", True
            return
        try:
            yield path, try_out(path, wheel, python), False
        except installing.ProbeError as error:
            yield path, str(error), True
        return


def try_out(path: Path, vitok: Wheel, python: str) -> str:
    """Install both wheels into a new environment, and measure three rows with neither cargo nor a checkout."""
    with tempfile.TemporaryDirectory(prefix="vitok-bench-") as folder:
        inside = Path(folder, "clean", "bin")
        installing.run([python, "-m", "venv", str(inside.parent)], folder)
        words = ["-m", "pip", "install", "--quiet", "--no-index", str(vitok.path), str(path)]
        installing.run([str(inside / "python"), *words], folder)
        said = installing.run([str(inside / "vitok"), *TRIED], folder, {"PATH": "/usr/bin:/bin", "HOME": folder})
    lacking = [row for row in ROWS.split(",") if row not in said]
    if lacking:
        raise installing.ProbeError(f"`vitok {' '.join(TRIED)}` has not measured {', '.join(lacking)}:\n{said}")
    return f"vitok bench on CPython {vitok.python}: {ROWS}"
