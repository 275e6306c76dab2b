"""What a native module needs of the system that loads it, read by readelf. Wheels are not known here."""

import importlib.util
import re
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

# The parts of the system library, which every system has.
GLIBC = frozenset({"libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6", "librt.so.1", "libutil.so.1"})
LOADERS = frozenset({"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"})
# musl is one file, whose loader answers for this name itself.
MUSL = frozenset({"libc.so"})
# What musl got after 1.2.0 (its list of changes), which musllinux_1_2 does not promise.
NEWER_MUSL = frozenset(
    {"_Fork", "gettid", "preadv2", "pthread_getname_np", "pwritev2", "qsort_r", "reallocarray", "renameat2", "statx"}
    | {"tcgetwinsize", "tcsetwinsize", "posix_spawn_file_actions_addfchdir"}
)
PYTHON = re.compile(r"_?Py[A-Z_]")
SYMBOL = re.compile(r"\s+\d+: [0-9a-f]+\s+\d+ \w+\s+(?P<binding>GLOBAL|WEAK)\s+\w+(?:\s+\[.*\])?\s+UND\s+(?P<name>\S+)")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a native module asks its loader for."""

    libraries: frozenset[str]
    # Those without a version, Python's left out. A weak symbol is not among them: it may be missing where it is loaded.
    symbols: frozenset[str]
    sections: frozenset[str]
    search_paths: tuple[str, ...]


def read_needs(path: Path) -> Needs:
    """Read them from the tables of the file."""
    dynamic = readelf("--dynamic", path)
    undefined = (SYMBOL.match(line) for line in readelf("--dyn-syms", path).splitlines())
    return Needs(
        libraries=frozenset(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)),
        symbols=frozenset(row["name"] for row in undefined if row and is_plain(row["name"], row["binding"])),
        sections=frozenset(re.findall(r"^\s+\[ *\d+\] (\.\S+)", readelf("--sections", path), re.MULTILINE)),
        search_paths=tuple(re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", dynamic)),
    )


def is_plain(name: str, binding: str) -> bool:
    """Whether a symbol has to be there and has no version; the interpreter itself has its own."""
    return binding == "GLOBAL" and "@" not in name and not PYTHON.match(name)


def readelf(option: str, path: Path) -> str:
    """The output of readelf, which binutils has, with one table of the file."""
    return subprocess.run(["readelf", "--wide", option, path], capture_output=True, text=True, check=True).stdout


def faults(needs: Needs, *, musl: Collection[str] | None) -> Iterator[str]:
    """What another system would not have, one line each.

    `musl` has the symbols of musl for a module that is to be loaded there, and is None for one of glibc. Symbols of
    glibc have versions, which auditwheel checks; one without a version is a function that glibc 2.17 did not have.
    """
    allowed = GLIBC | LOADERS if musl is None else MUSL
    yield from (f"the module needs {name}" for name in sorted(needs.libraries - allowed))
    yield from (f"the module looks for libraries in {path}" for path in needs.search_paths)
    for section in sorted(needs.sections):
        if section.startswith(".debug") or section == ".symtab":
            yield f"the module is not stripped: it has a section {section}"
    if musl is None:
        yield from (f"the module needs {name}, which glibc 2.17 does not have" for name in sorted(needs.symbols))
    else:
        lacking = needs.symbols - set(musl) | needs.symbols & NEWER_MUSL
        yield from (f"the module needs {name}, which musl 1.2.0 does not have" for name in sorted(lacking))


def musl_symbols() -> frozenset[str]:
    """The symbols that musl exports, from the list that zig links by."""
    found = importlib.util.find_spec("ziglang")
    if found is None or found.origin is None:
        raise FileNotFoundError("zig, which has the list of musl's symbols, is missing: pip install --group wheels")
    listing = Path(found.origin).parent / "lib" / "libc" / "musl" / "libc.S"
    return frozenset(re.findall(r"^(\w+):$", listing.read_text(encoding="utf-8"), re.MULTILINE))
