"""Builds wheels and the source distribution by maturin, so that the same commit gives the same bytes on each machine.

zig links: it has the symbols of glibc 2.17 and of musl for each processor, so a build needs neither old systems nor the
other processor. maturin knows the configuration of each CPython, so none of them needs to be installed. What is missing
on this machine is not checked here.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tools.wheels import archive, sbom
from tools.wheels.platforms import DIST, ROOT, Platform, sdist, wheels

# Folders of this machine that the compiler writes into messages of panics, and what it is told to write instead.
REMAPPED = {"CARGO_HOME": "/cargo", "ROOT": "/vitok"}
# The debug symbols of a release are made by `make build`; here they would be made only to be removed.
PROFILE = {
    "CARGO_PROFILE_RELEASE_DEBUG": "false",
    "CARGO_PROFILE_RELEASE_SPLIT_DEBUGINFO": "off",
    "CARGO_PROFILE_RELEASE_STRIP": "symbols",
}
# For tests of the build, which they make faster: neither the files nor the symbols that they need depend on these. A
# release is never built so.
UNOPTIMISED = {
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
}
# 1980-01-01, the first time that a ZIP archive can have, in seconds since 1970.
EARLIEST = "315532800"
# Variables of the Makefile about one interpreter. The wheels are for others.
UNWANTED = ("PYO3_PYTHON", "VIRTUAL_ENV", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS")


def build(
    platforms: Iterable[Platform], pythons: Sequence[str], *, optimised: bool = True, folder: Path = DIST
) -> list[Path]:
    """Build the wheels of these platforms and Pythons, and return their paths."""
    environment = build_environment(os.environ) | ({} if optimised else UNOPTIMISED)
    folder.mkdir(exist_ok=True)
    built = []
    for platform in platforms:
        with tempfile.TemporaryDirectory(dir=folder) as beside:
            run_maturin(["build", *arguments(platform, pythons), "--out", beside], environment)
            for wheel in wheels([platform], pythons, folder):
                made = Path(beside, wheel.path.name)
                archive.rewrite(made, partial(settled, seconds=int(environment["SOURCE_DATE_EPOCH"])))
                built.append(made.replace(wheel.path))
    return built


def build_sdist(folder: Path = DIST) -> Path:
    """Build the source distribution, and return its path."""
    folder.mkdir(exist_ok=True)
    run_maturin(["sdist", "--out", str(folder)], build_environment(os.environ))
    return sdist(folder)


def arguments(platform: Platform, pythons: Iterable[str]) -> list[str]:
    """The arguments of `maturin build` for one platform."""
    interpreters = [word for python in pythons for word in ("--interpreter", f"python{python}")]
    linking = ["--zig", "--target", platform.target, "--compatibility", platform.compatibility, "--auditwheel", "check"]
    return ["--release", "--locked", "--strip", *linking, *interpreters]


def build_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a build, from that of this process."""
    environment = {name: value for name, value in given.items() if name not in UNWANTED}
    folders = {"CARGO_HOME": given.get("CARGO_HOME") or str(Path.home() / ".cargo"), "ROOT": str(ROOT)}
    flags = [f"--remap-path-prefix={folders[name]}={other}" for name, other in REMAPPED.items()]
    return {
        **environment,
        **PROFILE,
        # The separator of this variable is no character of a path.
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
        "CARGO_TARGET_DIR": str(ROOT / "target" / "wheels"),
        "SOURCE_DATE_EPOCH": given.get("SOURCE_DATE_EPOCH") or commit_seconds(),
    }


def commit_seconds() -> str:
    """The time of the last commit, in seconds since 1970: that of a release. Without git or a commit it is 1980."""
    if shutil.which("git") is None:
        return EARLIEST
    words = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or EARLIEST


def settled(name: str, data: bytes, *, seconds: int) -> bytes:
    """The contents of a file of a wheel without what differs from build to build."""
    return sbom.settle(data, root=ROOT, seconds=seconds) if sbom.is_one(name) else data


def run_maturin(words: Sequence[str], environment: Mapping[str, str], folder: Path = ROOT) -> None:
    """Run maturin in the folder of a package, and print what it does."""
    subprocess.run(["maturin", *words], cwd=folder, env=dict(environment), check=True)
