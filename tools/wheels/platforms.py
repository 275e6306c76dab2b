"""The platforms and Pythons of a release, and the names of their wheels. Nothing is built or opened here."""

import platform
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DIST = ROOT / "dist"
# The one with a t is the build without the GIL, which has an ABI of its own.
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.14t", "3.15")


@dataclass(frozen=True, slots=True)
class Platform:
    """A system library and a processor that have wheels of their own."""

    library: str
    machine: str

    @property
    def name(self) -> str:
        """The name on the command line, such as manylinux-x86_64."""
        return f"{self.library}-{self.machine}"

    @property
    def is_glibc(self) -> bool:
        """Whether the system library is GNU's; otherwise it is musl."""
        return self.library == "manylinux"

    @property
    def is_here(self) -> bool:
        """Whether this machine has this processor and system library."""
        return self.machine == platform.machine() and self.is_glibc == (platform.libc_ver()[0] == "glibc")

    @property
    def target(self) -> str:
        """The platform as rustup and cargo name it."""
        return f"{self.machine}-unknown-linux-{'gnu' if self.is_glibc else 'musl'}"

    @property
    def compatibility(self) -> str:
        """The oldest system that the wheel is for: glibc 2.17, of 2012, which Rust needs itself; or musl 1.2."""
        return "manylinux_2_17" if self.is_glibc else "musllinux_1_2"

    @property
    def policy(self) -> str:
        """The platform as a wheel's name has it."""
        return f"{self.compatibility}_{self.machine}"

    @property
    def tag(self) -> str:
        """All names of the platform in a wheel's name: old versions of pip know glibc 2.17 as manylinux2014 only."""
        return f"manylinux2014_{self.machine}.{self.policy}" if self.is_glibc else self.policy

    def module_name(self, python: str) -> str:
        """The name of the native module's file for this Python."""
        library = "gnu" if self.is_glibc else "musl"
        return f"_native.cpython-{python.replace('.', '')}-{self.machine}-linux-{library}.so"


PLATFORMS = tuple(
    Platform(library, machine) for library in ("manylinux", "musllinux") for machine in ("x86_64", "aarch64")
)


class UnknownChoiceError(ValueError):
    """A platform or a Python that no wheel is built for."""


def choose_platforms(names: Iterable[str]) -> list[Platform]:
    """The platforms with these names, or with parts of names such as aarch64; all of them if there is no name."""
    chosen = list(names)
    for name in chosen:
        if not any(fits(name, one) for one in PLATFORMS):
            known = ", ".join(one.name for one in PLATFORMS)
            raise UnknownChoiceError(f"PLATFORM is one of {known}, or a part such as x86_64, not {name}")
    return [one for one in PLATFORMS if not chosen or any(fits(name, one) for name in chosen)]


def fits(name: str, one: Platform) -> bool:
    """Whether a word of the command line means this platform, alone or with others."""
    return name in {one.name, one.library, one.machine}


def choose_pythons(versions: Iterable[str]) -> list[str]:
    """The Pythons with these versions, in order; all of them if there is none."""
    chosen = [version.removeprefix("python") for version in versions]
    for version in chosen:
        if version not in PYTHONS:
            raise UnknownChoiceError(f"PYTHONS are of {', '.join(PYTHONS)}, not {version}")
    return [version for version in PYTHONS if not chosen or version in chosen]


def read_version() -> str:
    """The version of the package, from the only place that has it."""
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    return str(manifest["workspace"]["package"]["version"])


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel of the release: what it is for, and where it is."""

    platform: Platform
    python: str
    path: Path


def wheels(platforms: Iterable[Platform], pythons: Iterable[str], folder: Path = DIST) -> Iterator[Wheel]:
    """The wheels for each of these platforms and Pythons, whether they exist or not."""
    version = read_version()
    versions = list(pythons)
    for one in platforms:
        for python in versions:
            abi = f"cp{python.replace('.', '')}"
            yield Wheel(one, python, folder / f"vitok-{version}-{abi.removesuffix('t')}-{abi}-{one.tag}.whl")


def sdist(folder: Path = DIST) -> Path:
    """Where the source distribution is."""
    return folder / f"vitok-{read_version()}.tar.gz"
