"""Which imports are allowed: between crates, between the modules of crates/python, and out of the Python package.

The tables below state ARCHITECTURE.md's arrows in a form that this check reads. A new arrow is discussed first, and
changes both. The check knows nothing of what a module does; tools/checks/circles.py looks at each file.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.graph import Arrow
from tools.rust import code_only
from tools.rust_modules import arrows_of
from tools.tree import Finding, Tree, line_at

# Crate folder -> the other crates of this project that it may depend on.
CRATES: dict[str, frozenset[str]] = {
    "threads": frozenset(),
    "reactor": frozenset({"threads"}),
    "stream": frozenset(),
    "http": frozenset(),
    "websocket": frozenset(),
    "wire": frozenset({"http", "websocket"}),
    "content": frozenset(),
    "routing": frozenset(),
    "python": frozenset({"threads", "reactor", "stream", "http", "websocket", "wire", "content", "routing"}),
}
# External crate -> the only crate folder that may depend on it.
ONLY_USER = {"pyo3": "python", "pyo3-ffi": "python"}

# The modules of crates/python, the lowest layer first. A module imports from layers below its own only. A folder such
# as ffi/ counts as one module.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"ffi"}),
    frozenset({"error"}),
    frozenset({"imports", "address", "buffer", "counters", "settings", "modes"}),
    frozenset({"registry"}),
    frozenset({"loop_state"}),
    frozenset({"wrong_thread"}),
    frozenset({"handle", "protocol", "stream_protocol", "time"}),
    frozenset({"transport"}),
    frozenset({"schedule", "tasks", "executor", "signals", "add_reader"})
    | frozenset({"stream", "sock", "names", "datagram", "pipe"}),
    frozenset({"tls", "connect"}),
    frozenset({"accept_task"}),
    frozenset({"listener"}),
    frozenset({"gc"}),
    frozenset({"dispatch", "rebuild", "metrics", "attributes"}),
    frozenset({"poll_events"}),
    frozenset({"event_loop"}),
    frozenset({"run", "close"}),
    frozenset({"server", "process", "httptools"}),
    frozenset({"class"}),
    frozenset({"lib"}),
)
RANK = {module: rank for rank, layer in enumerate(LAYERS) for module in layer}
# The same layers in words, the highest first, without `lib` and with the crates below them.
DOCUMENT = "ARCHITECTURE.md"
IN_WORDS = re.compile(r"`(?P<layers>[^`]*→\s+ffi\s+→[^`]*)`")
# The only module of crates/python that may import the crates `http`, `websocket`, `wire`, `content` and `routing`.
HTTP_USER = "server"
# Another module that may import one of them: a part of the extension that the server does not use.
HTTP_USERS_TOO = frozenset({("httptools", "http")})
HTTP_IMPORT = re.compile(r"\s*(pub(\([^)]*\))? )?use (::)?(?P<crate>http|websocket|wire|content|routing)\b")

DEPENDENCY_TABLES = ("dependencies", "dev-dependencies", "build-dependencies")
PYTHON_SOURCES = "crates/python/src/"


def check(tree: Tree) -> Iterator[Finding]:
    """Imports that the tables do not allow."""
    yield from check_crates(tree)
    yield from check_modules(tree)
    yield from check_layers(tree)
    yield from check_document(tree)
    yield from check_package(tree)


def check_crates(tree: Tree) -> Iterator[Finding]:
    """What each Cargo.toml depends on."""
    for path, text in tree.select(under="crates/", endings=["/Cargo.toml"]):
        crate = PurePosixPath(path).parts[1]
        if crate not in CRATES:
            yield Finding(
                path, 1, f"unknown crate {crate}", "nine are enough, or change CRATES in tools/checks/arrows.py"
            )
            continue
        for name in sorted(dependencies(text)):
            yield from check_dependency(path, text=text, crate=crate, name=name)


def check_dependency(path: str, *, text: str, crate: str, name: str) -> Iterator[Finding]:
    """One dependency of one crate."""
    line = line_at(text, text.find(f"\n{name}") + 1)
    ours = name.removeprefix("vitok-")
    if ours in CRATES and name != ours and ours not in CRATES[crate]:
        yield Finding(path, line, f"the crate {crate} depends on {ours}", "reverse the dependency, or discuss it first")
    user = ONLY_USER.get(name, crate)
    if user != crate:
        wrong = f"the crate {crate} depends on {name}"
        yield Finding(path, line, wrong, f"only crates/{user} may; move the code there")


def dependencies(manifest: str) -> set[str]:
    """The names in every dependency table of a manifest, those for one platform included."""
    document = tomllib.loads(manifest)
    tables = [document, *document.get("target", {}).values()]
    entries = [entry for table in tables for kind in DEPENDENCY_TABLES for entry in table.get(kind, {}).items()]
    # A crate can be given another name in a manifest; what it is called outside is what counts.
    return {value.get("package", name) if isinstance(value, dict) else name for name, value in entries}


def check_modules(tree: Tree) -> Iterator[Finding]:
    """What the files of crates/python name of each other."""
    for path, text in tree.select(under=PYTHON_SOURCES, endings=[".rs"]):
        if module_of(path) not in RANK:
            yield Finding(path, 1, f"unknown module {module_of(path)}", "add it to LAYERS in tools/checks/arrows.py")
        yield from check_http(path, code=code_only(text))
    for arrow in arrows_of(tree):
        if arrow.source.startswith(PYTHON_SOURCES):
            yield from check_arrow(arrow)


def check_layers(tree: Tree) -> Iterator[Finding]:
    """Every module in the table is there, if the crate is."""
    present = {module_of(path) for path, _ in tree.select(under=PYTHON_SOURCES, endings=[".rs"])}
    if "lib" in present:
        for module in sorted(RANK.keys() - present):
            yield Finding("tools/checks/arrows.py", 1, f"no module {module} exists, as LAYERS says", "take it out")


def check_document(tree: Tree) -> Iterator[Finding]:
    """The layers in ARCHITECTURE.md are those of the table."""
    text = tree.files.get(DOCUMENT)
    if text is None:
        return
    match = IN_WORDS.search(text)
    *layers, _ = match["layers"].split("→") if match else [""]
    found = [frozenset(layer.replace("|", " ").split()) for layer in reversed(layers)]
    if found != list(LAYERS[:-1]):
        line = line_at(text, match.start()) if match else 1
        yield Finding(DOCUMENT, line, "the layers of crates/python are not those of LAYERS", "change both together")


def module_of(path: str) -> str:
    """The module of crates/python that a file is, or stands in."""
    return PurePosixPath(path.removeprefix(PYTHON_SOURCES)).with_suffix("").parts[0]


def check_arrow(arrow: Arrow) -> Iterator[Finding]:
    """One name that a file takes from another one."""
    module, target = module_of(arrow.source), module_of(arrow.target)
    rank, other = RANK.get(module, len(LAYERS)), RANK.get(target, -1)
    if target != module and other >= rank:
        wrong = f"{module} imports {target}, which stands {'beside' if other == rank else 'above'} it"
        yield Finding(arrow.source, arrow.line, wrong, "move the caller up or the callee down, or discuss it")


def check_http(path: str, *, code: str) -> Iterator[Finding]:
    """The crates `http`, `websocket`, `wire`, `content` and `routing` may be named in the server's folder only."""
    module = module_of(path)
    for number, line in enumerate(code.splitlines(), 1):
        found = HTTP_IMPORT.match(line)
        if found and module != HTTP_USER and (module, found["crate"]) not in HTTP_USERS_TOO:
            wrong = f"{module} imports the crate {found['crate']}"
            yield Finding(path, number, wrong, f"only {HTTP_USER}/ may; go through its trait")


def check_package(tree: Tree) -> Iterator[Finding]:
    """What the Python package imports: itself, its native module and the standard library."""
    # A stub is read by type checkers, which bring typing_extensions; the interpreter never imports it.
    for path, text in tree.select(under="python/", endings=[".py"]):
        for name, line in imported_by_python(text):
            top = name.partition(".")[0]
            if top != "vitok" and top not in sys.stdlib_module_names:
                yield Finding(path, line, f"the package imports {top}", "it may import the standard library only")


def imported_by_python(text: str) -> Iterator[tuple[str, int]]:
    """The absolute names that Python code imports, with the line. A relative import stays inside its package."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node.lineno
