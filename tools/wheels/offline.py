"""Builds a wheel from the source distribution without a network, and compares its files with those of the release.

The crates have to be in cargo's cache or vendored, as in the build of a distribution; `cargo fetch` puts them there.
Where the kernel allows it, the build runs in a namespace that has no network at all.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.wheels import archive
from tools.wheels.building import PROFILE, UNOPTIMISED
from tools.wheels.platforms import ROOT, Wheel

NO_NETWORK = ("unshare", "--net", "--map-root-user")


def faults(source: Path, released: Wheel) -> Iterator[str]:
    """How the wheel that this Python builds from the source differs from the released one, one line each."""
    with tempfile.TemporaryDirectory(prefix="vitok-sdist-") as name:
        folder = Path(name)
        # tarfile's filters came with CPython 3.11.4, and Debian 12 has 3.11.2. The archive is our own.
        shutil.unpack_archive(source, folder)
        unpacked = folder / source.name.removesuffix(".tar.gz")
        run(["cargo", "fetch", "--quiet"], unpacked, {})
        words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
        run([*without_network(), *words, "--wheel-dir", str(folder), str(unpacked)], folder, offline_environment())
        yield from differences(archive.read(next(folder.glob("*.whl"))), archive.read(released.path))


def offline_environment() -> dict[str, str]:
    """What the build has besides the environment of this process."""
    return {**PROFILE, **UNOPTIMISED, "CARGO_NET_OFFLINE": "true", "CARGO_TARGET_DIR": str(ROOT / "target" / "sdist")}


def without_network() -> list[str]:
    """The command that runs another one without a network, or nothing where that is not allowed."""
    tried = subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False) if sys.platform == "linux" else None
    return list(NO_NETWORK) if tried is not None and tried.returncode == 0 else []


def differences(built: dict[str, bytes], released: dict[str, bytes]) -> Iterator[str]:
    """Files that only one of two wheels has, and files of Python that are not the same."""
    yield from (f"a wheel from the source distribution lacks {name}" for name in sorted(released.keys() - built.keys()))
    yield from (
        f"only a wheel from the source distribution has {name}" for name in sorted(built.keys() - released.keys())
    )
    for name in sorted(built.keys() & released.keys()):
        if name.endswith((".py", ".pyi", "METADATA", "entry_points.txt")) and built[name] != released[name]:
            yield f"{name} is another one in a wheel from the source distribution"


def run(words: list[str], folder: Path, variables: dict[str, str]) -> None:
    """Run a command; its output is shown if it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYO3_PYTHON"}
    ended = subprocess.run(
        words, cwd=folder, env={**environment, **variables}, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
