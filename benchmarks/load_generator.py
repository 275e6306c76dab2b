"""Finds the load generator: beside this file, in the target folder of a checkout, or built here and cached.

A wheel has the sources beside the suites but not the workspace that they are part of, so a manifest that replaces it is
written next to a copy.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

NAME: Final = "vitok-load"
HERE: Final = Path(__file__).resolve().parent
# The digits of the sources' digest: enough to tell a few versions apart.
DIGITS: Final = 12
# A build takes half a minute on two cores, and the download of crates some more.
BUILD_LIMIT_S: Final = 600
# What the manifest in load/ inherits from the workspace. The versions are the project's; lints are for its developers.
WORKSPACE: Final = """[workspace]
resolver = "3"
members = ["load"]
[workspace.package]
version = "0.1.0"
edition = "2024"
rust-version = "1.88"
license = "MIT OR Apache-2.0"
repository = "https://github.com/vitok-loop/vitok"
[workspace.dependencies]
libc = "0.2"
flate2 = { version = "1.1", default-features = false, features = ["zlib-rs", "runtime_detection"] }
rustls = { version = "0.23", default-features = false, features = ["ring", "std"] }
[workspace.lints.rust]
[profile.release]
lto = "fat"
codegen-units = 1
"""


class BuildError(Exception):
    """There is no load generator; the text is one line with the reason."""


def find() -> Path | None:
    """Return the program, if it was built from the current sources."""
    if not _is_checkout():
        places = [HERE / NAME, _kept() / "release" / NAME]
        return next((path for path in places if path.is_file() and os.access(path, os.X_OK)), None)
    path = _target() / "release" / NAME
    changed_ns = max(source.stat().st_mtime_ns for source in _sources())
    return path if path.is_file() and path.stat().st_mtime_ns >= changed_ns else None


def find_or_build() -> Path:
    """Return the program, built if necessary, which is announced on stderr. Raises BuildError."""
    found = find()
    if found is not None:
        return found
    cargo = shutil.which("cargo") or shutil.which("cargo", path=Path.home() / ".cargo" / "bin")
    if cargo is None:
        raise BuildError(f"{NAME}, its load generator, is not built, and cargo (Rust) is not installed to build it")
    print(f"building {NAME}, the load generator, once", file=sys.stderr, flush=True)
    folder, target = (HERE.parent, _target()) if _is_checkout() else (_copied(), _kept())
    command = [cargo, "build", "--release", "--quiet", "--package", NAME, "--target-dir", str(target)]
    try:
        run = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=BUILD_LIMIT_S)
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
    """Return in one line why there is none; it is built if possible, unless one is given."""
    if given is not None:
        return None if given.is_file() else f"there is no file {given.name}"
    try:
        find_or_build()
    except BuildError as error:
        return str(error)
    return None


def write_workspace(folder: Path) -> None:
    """Write a copy of the sources in a workspace of their own."""
    shutil.copytree(HERE / "load", folder / "load", dirs_exist_ok=True, ignore=shutil.ignore_patterns("target"))
    (folder / "Cargo.toml").write_text(WORKSPACE)


def _is_checkout() -> bool:
    return (HERE.parent / "Cargo.toml").is_file() and (HERE.parent / "crates").is_dir()


def _target() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parent / "target")


def _copied() -> Path:
    folder = _kept() / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    write_workspace(folder)
    return folder


def _kept() -> Path:
    """A folder in the user's cache, named by the contents of the sources: a newer vitok builds a newer one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    contents = b"".join(path.read_bytes() for path in _sources())
    return cache / "vitok" / f"load-{hashlib.sha256(contents).hexdigest()[:DIGITS]}"


def _sources() -> list[Path]:
    return sorted(path for path in (HERE / "load").rglob("*") if path.suffix in (".rs", ".toml"))
