"""Writes LICENSE-CRATES, which each wheel has: the licences of the crates in its binary, as these ask for.

The crates are those that cargo links for Linux; what only runs while it builds is left out. Nothing is decided about
which licences are acceptable: deny.toml does that.
"""

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.wheels.platforms import PLATFORMS, ROOT

FILE = ROOT / "LICENSE-CRATES"
BENCH_FILE = ROOT / "benchmarks" / "LICENSE-CRATES"
# The crate of each binary, and what it is.
BINARIES = {
    FILE: ("vitok-python", "The native module of vitok"),
    BENCH_FILE: ("vitok-load", "The load generator of vitok-bench"),
}
BEGINNINGS = ("LICENSE", "LICENCE", "COPYING", "NOTICE")
HEADING = """\
{binary} has code of these crates, and of Rust's standard library (MIT OR Apache-2.0, The Rust Project
contributors). Where a crate may be used under one of several licences, it is used under the one below.
`python -m tools.wheels licenses` writes this file from the crates that Cargo.lock names.
"""


def text(file: Path = FILE) -> str:
    """The contents of a file, from the sources in cargo's cache."""
    root, binary = BINARIES[file]
    crates: dict[str, list[str]] = defaultdict(list)
    found = {crate["id"]: crate for one in PLATFORMS for crate in linked(metadata(one.target), root)}
    for crate in sorted(found.values(), key=lambda crate: str(crate["name"])):
        for path in chosen_files(Path(crate["manifest_path"]).parent):
            crates[path.read_text(encoding="utf-8").strip()].append(f"{crate['name']} {crate['version']}")
    parts = [f"{'=' * 80}\n{', '.join(names)}\n\n{licence}\n" for licence, names in crates.items()]
    return "\n".join([HEADING.format(binary=binary), *parts])


def metadata(target: str) -> dict[str, Any]:
    """What cargo says about all crates, for one platform."""
    words = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    found: dict[str, Any] = json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout)
    return found


def linked(document: Mapping[str, Any], root: str) -> Iterator[dict[str, Any]]:
    """The crates of others that are linked into a binary, by what cargo says; `root` is its own crate."""
    crates = {crate["id"]: crate for crate in document["packages"]}
    nodes = {node["id"]: node for node in document["resolve"]["nodes"]}
    waiting = [key for key, crate in crates.items() if crate["name"] == root]
    seen: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key in seen or any("proc-macro" in target["kind"] for target in crates[key]["targets"]):
            continue
        seen.add(key)
        if crates[key]["source"] is not None:
            yield crates[key]
        waiting += [
            edge["pkg"] for edge in nodes[key]["deps"] if any(kind["kind"] is None for kind in edge["dep_kinds"])
        ]


def chosen_files(folder: Path) -> list[Path]:
    """The licence of MIT if the crate has a file of that name, otherwise all its licences."""
    files = sorted(path for path in folder.iterdir() if path.name.upper().startswith(BEGINNINGS))
    return [path for path in files if "MIT" in path.name.upper()] or files


def faults(file: Path = FILE) -> Iterator[str]:
    """Whether a file is older than the crates, as one line."""
    if file.read_text(encoding="utf-8") != text(file):
        yield f"{file.relative_to(ROOT)} is not that of the crates in Cargo.lock: python -m tools.wheels licenses"


def named_crates(written: str) -> set[str]:
    """The crates that the file names, each with its version."""
    blocks: Iterable[str] = written.split("=" * 80 + "\n")[1:]
    return {name for block in blocks for name in block.splitlines()[0].split(", ")}
