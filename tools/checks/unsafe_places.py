"""`unsafe` is allowed in a few folders and files only.

The check cannot tell whether an unsafe block is sound; clippy requires its SAFETY comment, and a reviewer reads that.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.rust import code_only
from tools.tree import Finding, Tree, line_at

# Crate folder -> the folders and files in which it may use unsafe. A crate with none of them forbids it altogether.
PLACES: dict[str, tuple[str, ...]] = {
    "threads": ("src/owned_cell.rs", "src/fences.rs", "src/identity.rs", "tests/"),
    "reactor": ("src/sys/", "src/socket.rs"),
    "stream": (),
    "http": (),
    "websocket": (),
    "wire": (),
    "content": (),
    "routing": (),
    "python": ("src/ffi/", "src/buffer.rs"),
}
FORBID = "#![forbid(unsafe_code)]"
UNSAFE = re.compile(r"\bunsafe\b")


def check(tree: Tree) -> Iterator[Finding]:
    """Unsafe code outside its places, and crates with no such place that do not forbid it to the compiler."""
    for path, text in tree.select(under="crates/", endings=[".rs"]):
        crate, inside = PurePosixPath(path).parts[1], "/".join(PurePosixPath(path).parts[2:])
        places = PLACES.get(crate, ())
        code = code_only(text)
        if inside == "src/lib.rs" and not places and FORBID not in code:
            yield Finding(
                path, 1, f"the crate {crate} does not forbid unsafe code", f"add {FORBID} below the first comment"
            )
        if not inside.startswith(places or ("/",)):
            allowed = ", ".join(places) or "nowhere"
            for match in UNSAFE.finditer(code):
                line = line_at(code, match.start())
                yield Finding(
                    path, line, f"unsafe outside its places ({allowed})", "call a safe function of one of them"
                )
