"""Finds the load generator: a program of this package's wheel, or, in a checkout, what cargo built from its sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

NAME: Final = "vitok-load"
PACKAGES: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = PACKAGES / "load"
CHECKOUT: Final = PACKAGES.parent
# A build takes half a minute on two cores, and the download of crates some more.
BUILD_LIMIT_S: Final = 600


class BuildError(Exception):
    """There is no load generator; the text is one line with the reason."""


def find() -> Path | None:
    """Return the program; in a checkout, if it was built from the current sources."""
    if not _is_checkout():
        return next((path for path in _installed() if os.access(path, os.X_OK)), None)
    path = _target() / "release" / NAME
    changed_ns = max(source.stat().st_mtime_ns for source in _sources())
    return path if path.is_file() and path.stat().st_mtime_ns >= changed_ns else None


def find_or_build() -> Path:
    """Return the program; in a checkout it is built if necessary, which is announced on stderr. Raises BuildError."""
    found = find()
    if found is not None:
        return found
    if not _is_checkout():
        raise BuildError(f"{NAME}, its load generator, is missing: pip install --force-reinstall vitok-bench")
    cargo = shutil.which("cargo") or shutil.which("cargo", path=Path.home() / ".cargo" / "bin")
    if cargo is None:
        raise BuildError(f"{NAME}, its load generator, is not built, and cargo (Rust) is not installed to build it")
    print(f"building {NAME}, the load generator, once", file=sys.stderr, flush=True)
    target = _target()
    command = [cargo, "build", "--release", "--quiet", "--package", NAME, "--target-dir", str(target)]
    try:
        run = subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True, text=True, timeout=BUILD_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise BuildError(f"cargo did not build {NAME} in {BUILD_LIMIT_S} s") from None
    if run.returncode:
        said = next((line for line in run.stderr.splitlines() if line.startswith("error")), "no reason given")
        raise BuildError(f"cargo could not build {NAME}: {said}")
    built = target / "release" / NAME
    # cargo does not touch the file if a change makes no difference to it, and `find` would take it for outdated.
    built.touch()
    return built


def lacks(given: Path | None) -> str | None:
    """Return in one line why there is none; in a checkout it is built if possible, unless one is given."""
    if given is not None:
        return None if given.is_file() else f"there is no file {given.name}"
    try:
        find_or_build()
    except BuildError as error:
        return str(error)
    return None


def _installed() -> Iterator[Path]:
    """Where installers put the programs of wheels: of this Python, of a user, and of `pip install --target`."""
    user = sysconfig.get_preferred_scheme("user")
    yield Path(sysconfig.get_path("scripts")) / NAME
    yield Path(sys.executable).parent / NAME
    yield Path(sysconfig.get_path("scripts", user)) / NAME
    yield PACKAGES / "bin" / NAME


def _is_checkout() -> bool:
    return SOURCES.is_dir() and (CHECKOUT / "Cargo.toml").is_file()


def _target() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR") or CHECKOUT / "target")


def _sources() -> list[Path]:
    folders = [SOURCES, CHECKOUT / "crates" / "reactor"]
    return sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in (".rs", ".toml"))
