"""Where the load generator is: beside this file, where cargo puts it in a checkout, or built here and kept.

Knows cargo; does not know what the program does. A wheel has the sources beside the suites but not the workspace that
they are part of, so a manifest that stands for it is written next to a copy.
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
# Of the digest of the sources: enough to tell a few versions apart.
DIGITS: Final = 12
# A new Rust takes half a minute on two cores, and the registry may be far.
BUILD_LIMIT_S: Final = 600
# What the manifest in load/ takes from the workspace. The versions are the project's; lints are for its developers.
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
[workspace.lints.rust]
[profile.release]
lto = "fat"
codegen-units = 1
"""


class BuildError(Exception):
    """There is no load generator; the text says in one line what is missing."""


def find() -> Path | None:
    """The program, if it has been built from the sources as they are."""
    if not _is_checkout():
        places = [HERE / NAME, _kept() / "release" / NAME]
        return next((path for path in places if path.is_file() and os.access(path, os.X_OK)), None)
    path = _target() / "release" / NAME
    changed_ns = max(source.stat().st_mtime_ns for source in _sources())
    return path if path.is_file() and path.stat().st_mtime_ns >= changed_ns else None


def find_or_build() -> Path:
    """Raises BuildError. Building says so on stderr, since it takes half a minute."""
    found = find()
    if found is not None:
        return found
    cargo = shutil.which("cargo") or shutil.which("cargo", path=Path.home() / ".cargo" / "bin")
    if cargo is None:
        raise BuildError(f"{NAME}, its load generator, is not built, and there is no cargo (Rust) to build it with")
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
    # cargo leaves it as it is where what changed makes no difference to it, and `find` would not believe that.
    built.touch()
    return built


def lacks(given: Path | None) -> str | None:
    """Why there is none, in a line; it is built if it can be, unless one is given."""
    if given is not None:
        return None if given.is_file() else f"there is no load generator {given.name}"
    try:
        find_or_build()
    except BuildError as error:
        return str(error)
    return None


def write_workspace(folder: Path) -> None:
    """A copy of the sources in a workspace of their own."""
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
    """A folder of the user's, by what is in the sources: a newer vitok builds a newer one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    contents = b"".join(path.read_bytes() for path in _sources())
    return cache / "vitok" / f"load-{hashlib.sha256(contents).hexdigest()[:DIGITS]}"


def _sources() -> list[Path]:
    return sorted(path for path in (HERE / "load").rglob("*") if path.suffix in (".rs", ".toml"))
