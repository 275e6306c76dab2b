"""What this machine lacks to build wheels, each with the command that installs it. Nothing is built here."""

import importlib.util
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.wheels.platforms import Platform

GROUP = "pip install --group wheels (`make wheels` does it)"


def missing(platforms: Iterable[Platform]) -> Iterator[str]:
    """One line for each thing that is missing."""
    if importlib.util.find_spec("maturin") is None or shutil.which("maturin") is None:
        yield f"maturin, which builds the wheels, is missing: {GROUP}"
    if importlib.util.find_spec("ziglang") is None:
        yield f"zig, which links them for old systems and other processors, is missing: {GROUP}"
    if shutil.which("cargo") is None or shutil.which("rustc") is None:
        yield "cargo is missing: install Rust by rustup (https://rustup.rs)"
        return
    for target in sorted({platform.target for platform in platforms}):
        if not has_standard_library(target):
            yield f"Rust's standard library for {target} is missing: rustup target add {target}"


def has_standard_library(target: str) -> bool:
    """Whether the compiler that cargo uses has the standard library of this target; also without rustup."""
    asked = subprocess.run(
        ["rustc", "--print", "target-libdir", "--target", target], capture_output=True, text=True, check=False
    )
    return asked.returncode == 0 and any(Path(asked.stdout.strip()).glob("libstd-*"))
