"""The structure checks hold for the project, and each of them can fail.

A check that cannot fail proves nothing: every rule is tested with the smallest input that breaks it, and with a similar
input that does not. The contents of the project's files do not matter here.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tools import structure
from tools.checks import arrows
from tools.rust import Function, code_only, functions
from tools.tree import Finding, Tree, read_tree

RUST = "//! What this file of a test is for.\n"
PYTHON = '"""What this file of a test is for."""\n'
LIB = "crates/stream/src/lib.rs"
TABLE = "crates/python/src/ffi/interned.rs"
FORBID = "#![forbid(unsafe_code)]\n"
# Put together here, so that this file passes the check that it tests.
MACHINE = "/" + "work/main"
REGISTRY = "https://" + "pypi.org/simple"
MIRRORED = 'source = "registry+https://mirror.example/index"\n'
LOCKED = 'source = "registry+https://github.com/rust-lang/crates.io-index"\n'
LONG_RUST_FUNCTION = "fn long(\n) {\n" + "    step();\n" * 68 + "}\n"
LONG_PYTHON_FUNCTION = "def long() -> None:\n" + "    step()\n" * 70

# check, path, text, line of the only finding, words of its message
BAD = [
    (
        "arrows",
        "crates/stream/Cargo.toml",
        '[dependencies]\nvitok-reactor = { path = "../reactor" }\n',
        2,
        "depends on reactor",
    ),
    ("arrows", "crates/stream/Cargo.toml", '[dev-dependencies]\npyo3 = "0.30"\n', 2, "only crates/python may"),
    (
        "arrows",
        "crates/http/Cargo.toml",
        "[target.'cfg(unix)'.dependencies]\npyo3.workspace = true\n",
        2,
        "depends on pyo3",
    ),
    (
        "arrows",
        "crates/http/Cargo.toml",
        '[dependencies]\nr = { path = "../r", package = "vitok-reactor" }\n',
        1,
        "reactor",
    ),
    (
        "arrows",
        "crates/websocket/Cargo.toml",
        '[dependencies]\nvitok-http = { path = "../http" }\n',
        2,
        "the crate websocket depends on http",
    ),
    ("arrows", "crates/tls/Cargo.toml", "[package]\n", 1, "unknown crate tls"),
    ("arrows", "crates/python/src/manager.rs", RUST, 1, "add it to LAYERS"),
    ("arrows", "crates/python/src/manager/inner.rs", RUST, 1, "unknown module manager"),
    ("arrows", "crates/python/src/ffi/mod.rs", "use crate::handle::Handle;\n", 1, "stands above it"),
    (
        "arrows",
        "crates/python/src/add_reader.rs",
        "use crate::{\n    error::{A, B},\n    signals::C,\n};\n",
        3,
        "beside",
    ),
    ("arrows", "crates/python/src/ffi/class.rs", "use super::super::handle::run;\n", 1, "imports handle"),
    ("arrows", "crates/python/src/loop_state.rs", "fn f() { super::dispatch::open() }\n", 1, "imports dispatch"),
    ("arrows", "crates/python/src/handle.rs", "use crate::Native;\n", 1, "imports lib"),
    ("arrows", "crates/python/src/stream.rs", "\nuse http::Connection;\n", 2, "only server/ may"),
    ("arrows", "crates/python/src/stream.rs", "\nuse websocket::Kind;\n", 2, "only server/ may"),
    ("arrows", "python/vitok/_loop.py", "import asyncio\nimport uvloop.loop\n", 2, "the package imports uvloop"),
    ("arrows", "python/vitok/_loop.py", "def f():\n    from attrs import define\n", 2, "the package imports attrs"),
    ("panicking", "crates/python/src/add_reader.rs", "let keys = PyDict::new(py);\n", 1, "take it from ffi::make"),
    ("panicking", "crates/python/src/add_reader.rs", "number.into_pyobject(py)?;\n", 1, "take it from ffi::make"),
    (
        "panicking",
        "crates/python/src/add_reader.rs",
        "\nerror(PyTypeError::new_err(text))\n",
        2,
        "take it from ffi::error",
    ),
    ("panicking", "crates/python/src/add_reader.rs", "intern!(py, a)\n", 1, "name!"),
    ("panicking", "crates/python/src/ffi/call.rs", '\nobject\n  .getattr(\n    "name")\n', 3, "for the literal"),
    ("walks", "ARCHITECTURE.md", "# Walks\n\na.rs::gone  sends\n", 3, "a.rs has no function gone"),
    ("sizes", "tools/a.py", "x = 1\n" * 401, 401, "401 lines, 400 at most"),
    ("sizes", LIB, "//\n" * 401, 401, "split the file"),
    ("sizes", LIB, LONG_RUST_FUNCTION, 1, "long has 71 lines, 70 at most"),
    ("sizes", "tools/a.py", LONG_PYTHON_FUNCTION, 1, "long has 71 lines"),
    (
        "sizes",
        "tools/a.py",
        "class A:\n" + LONG_PYTHON_FUNCTION.replace("\n", "\n    ").replace("def", "    async def", 1),
        2,
        "71",
    ),
    ("sizes", "tools/long_files.txt", "tools/gone.py 500\n", 1, "remove its line"),
    ("unsafe", "crates/reactor/src/poller.rs", RUST + "fn f() { unsafe { g() } }\n", 2, "unsafe outside"),
    ("unsafe", "crates/reactor/tests/kernel.rs", "unsafe fn f() {}\n", 1, "unsafe outside"),
    ("unsafe", "crates/python/src/handle.rs", "unsafe impl Send for Handle {}\n", 1, "src/ffi/, src/buffer.rs"),
    ("unsafe", "crates/http/src/head.rs", "\nunsafe extern {}\n", 2, "nowhere"),
    ("unsafe", "crates/websocket/tests/frames/text.rs", "\nunsafe extern {}\n", 2, "nowhere"),
    ("unsafe", LIB, RUST + "// #![forbid(unsafe_code)]\n", 1, "does not forbid unsafe code"),
    ("openings", LIB, "// An ordinary comment about this file.\n", 1, "a //! comment"),
    ("openings", LIB, "//! Streams.\n", 1, "its purpose"),
    ("openings", "tools/a.py", "import os\n" + PYTHON, 1, "a docstring"),
    ("openings", "python/vitok/_native.pyi", "class Loop: ...\n", 1, "a docstring or comment"),
    ("openings", "tools/a.sh", "#!/bin/sh is no opening of a script\nset -u\n", 1, "a # comment"),
    ("openings", "Makefile", "all:\n", 1, "a # comment"),
    ("dropped", LIB, "fn f() {\n    let _ = g();\n}\n", 2, "dropped"),
    ("dropped", LIB, "fn f() {\n    let _: Result<(), Error> = g();\n}\n", 2, "dropped"),
    ("dropped", LIB, "fn f() {\n    _ = g();\n}\n", 2, "dropped"),
    ("dropped", "tools/a.py", "\n_ = f()\n", 2, "dropped"),
    ("dropped", "tools/a.py", "async def f():\n    _: int = await g()\n", 2, "dropped"),
    ("interned", TABLE, '[\n    "a",\n];\nname!("b")\n', 2, 'no name!("a")'),
    ("interned", TABLE, '[\n    "b",\n    "a",\n];\nname!("a") name!("b")\n', 3, '"a" stands after "b"'),
    ("interned", TABLE, '[\n    "a",\n    "a",\n];\nname!("a")\n', 3, '"a" stands after "a"'),
    ("dependencies", "Cargo.toml", '[workspace.dependencies]\nlibc = "0.2"\n', 2, "libc has no reason"),
    ("dependencies", "Cargo.toml", '[dependencies]\n# Bindings.\nlibc = "0.2"\n', 3, "libc"),
    (
        "dependencies",
        "Cargo.toml",
        '[dependencies]\n# The reason of the first one only.\na = "1"\nb = "1"\n',
        4,
        "b has",
    ),
    ("dependencies", "Cargo.toml", '[dependencies.libc]\nversion = "0.2"\n', 1, "libc has no reason"),
    ("dependencies", "Cargo.toml", '[target.x.dev-dependencies]\nlibc = "0.2"\n', 2, "libc has no reason"),
    ("dependencies", "pyproject.toml", '[build-system]\nrequires = ["maturin>=1"]\n', 2, "maturin>=1 has no reason"),
    ("dependencies", "pyproject.toml", '[project]\ndependencies = [\n    "idna",\n]\n', 3, "idna"),
    ("dependencies", "pyproject.toml", '[dependency-groups]\ndev = [\n    "idna",\n]\n', 3, "idna"),
    (
        "dependencies",
        "pyproject.toml",
        '[project.optional-dependencies]\ndev = ["a\\u0062"]\n',
        1,
        "not found as a plain string",
    ),
    ("places", "README.md", f"\ncd {MACHINE} && make\n", 2, "the path"),
    ("places", "tools/a.py", f'ROOT = "{"/" + "tmp/"}x"\n', 1, "the path"),
    ("places", "docs/a.md", f"See {REGISTRY}\n", 1, "a registry"),
    ("places", ".cargo/config.toml", 'registry = "ours"\n', 1, "a registry"),
    ("places", "Cargo.lock", LOCKED + MIRRORED, 2, "another registry"),
    ("examples", "examples/untested.py", PYTHON, 1, "no test names this example"),
    ("examples", "examples/gather.py", "x = 1\n" * 61, 61, "61 lines, 60 at most"),
]
GOOD = [
    ("arrows", "fuzz/Cargo.toml", '[dependencies]\nvitok-http = { path = "../crates/http" }\n'),
    ("arrows", "crates/python/Cargo.toml", '[dependencies]\npyo3 = "0.30"\nvitok-http = { path = "../http" }\n'),
    (
        "arrows",
        "crates/python/src/event_loop.rs",
        "use crate::{error::{Error, event_loop}, handle};\nuse crate::ffi;\n",
    ),
    ("arrows", "crates/python/src/ffi/mod.rs", '// crate::handle is above us\nconst A: &str = "crate::handle";\n'),
    ("arrows", "crates/python/src/ffi/method.rs", "use super::handle::Raw;\nuse crate::ffi::owned;\n"),
    ("arrows", "crates/python/src/server/mod.rs", "use http::Connection;\n"),
    ("arrows", "python/vitok/_loop.py", "import asyncio\nfrom . import _native\nfrom vitok._native import EventLoop\n"),
    ("circles", LIB, "mod lib;\npub use lib::Lib;\nfn f() { crate::f(); }\n"),
    (
        "panicking",
        "crates/python/src/add_reader.rs",
        '// PyDict::new(py)\nobject.getattr(name!("a"))?.getattr(name);\n',
    ),
    ("panicking", "crates/python/src/ffi/error.rs", "PyErr::new::<T, _>(text)\n"),
    ("walks", "ARCHITECTURE.md", "# Walks\n\nNone yet, and std::mem::take.\n"),
    ("sizes", "tools/a.py", "x = 1\n" * 400),
    ("sizes", LIB, LONG_RUST_FUNCTION.replace("    step();\n", "", 1)),
    ("sizes", LIB, "trait Long {\n    fn long(a: [u8; 3]);\n" + "    // {\n" * 80 + "}\n"),
    ("sizes", "tools/a.py", LONG_PYTHON_FUNCTION.replace("    step()\n", "", 1)),
    ("unsafe", "crates/reactor/src/sys/epoll.rs", "unsafe fn f() {}\n"),
    ("unsafe", "crates/reactor/src/socket.rs", "unsafe fn f() {}\n"),
    ("unsafe", "crates/python/src/ffi/call.rs", "unsafe fn f() {}\n"),
    (
        "unsafe",
        "crates/python/src/handle.rs",
        '/* unsafe /* unsafe */ unsafe */\nconst A: &str = r#"unsafe "unsafe"#;\n',
    ),
    ("unsafe", LIB, RUST + FORBID),
    ("openings", LIB, RUST),
    ("openings", "tools/a.py", PYTHON),
    ("openings", "python/vitok/_native.pyi", "# What the binary offers, for type checkers.\n"),
    ("openings", "tools/a.sh", "#!/bin/sh\n# What this script is for.\n"),
    ("dropped", LIB, "fn f() {\n    let _guard = g();\n    match x { _ => h(), _ if a == b => i() }\n}\n"),
    ("dropped", LIB, "// let _ = f()\nfn f<'a>() { let c = '\"'; let d = \"let _ = f()\"; }\n"),
    ("dropped", "tools/a.py", "_ = 1\nfor _ in f():\n    first, _ = g()\n"),
    ("interned", TABLE, '[\n    "a",\n    "b",\n];\nname!(\n"a") name!("b")\n'),
    ("dependencies", "Cargo.toml", "[dependencies]\nlibc.workspace = true\n"),
    ("dependencies", "Cargo.toml", '[dependencies]\nvitok-reactor = { path = "../reactor" }\n'),
    (
        "dependencies",
        "Cargo.toml",
        '[dependencies]\nlibc = "0.2" # The kernel as C declares it.\n[lints]\nworkspace = true\n',
    ),
    ("dependencies", "Cargo.toml", '[dependencies]\nlibc = { version = "0.2" }  # The kernel as C declares it.\n'),
    (
        "dependencies",
        "pyproject.toml",
        '[build-system]\nrequires = ["maturin>=1"]  # Builds the extension, as PyO3 says.\n',
    ),
    ("dependencies", "pyproject.toml", '[dependency-groups]\na = [{ include-group = "b" }]\nb = []\n'),
    ("places", "README.md", f"https://example.org{MACHINE} and $HOME{MACHINE} and /workshop/a and build{MACHINE}\n"),
    ("places", "Cargo.lock", LOCKED),
    ("examples", "examples/gather.py", "x = 1\n" * 60),
]


def numbered(cases: Sequence[tuple[object, ...]]) -> list[str]:
    """Short names for the cases: the check and a number."""
    return [f"{check}-{number}" for number, (check, *_) in enumerate(cases)]


# Without contents: an arrow needs a file to point to.
MODULES = {f"crates/python/src/{module}.rs": "" for module in arrows.RANK}


def found(check: str, files: Mapping[str, str]) -> list[Finding]:
    """What one check finds in a tree of these files, beside a test that names two examples, and modules."""
    modules = MODULES if check == "arrows" else {}
    tree = Tree({"tests/test_examples.py": f'{PYTHON}"gather", "01_wait.py"\n', **modules, **files})
    return list(structure.CHECKS[check](tree))


@pytest.mark.parametrize("check", structure.CHECKS)
def test_the_project_keeps_the_rule(check: str) -> None:
    findings = list(structure.CHECKS[check](read_tree(structure.ROOT)))
    assert not findings, "\n" + "\n".join(map(str, findings))


@pytest.mark.parametrize(("check", "path", "text", "line", "words"), BAD, ids=numbered(BAD))
def test_a_check_finds_what_breaks_its_rule(check: str, path: str, text: str, line: int, words: str) -> None:
    findings = found(check, {path: text})
    assert [(finding.path, finding.line) for finding in findings] == [(path, line)], findings
    assert words in str(findings[0])


@pytest.mark.parametrize(("check", "path", "text"), GOOD, ids=numbered(GOOD))
def test_a_check_lets_the_neighbour_of_a_mistake_pass(check: str, path: str, text: str) -> None:
    assert found(check, {path: text}) == []


def test_every_check_is_tried_both_ways() -> None:
    # A circle takes two files: test_structure_circles.py has one.
    assert {check for check, *_ in BAD} | {"circles"} == {check for check, *_ in GOOD} == set(structure.CHECKS)


def test_the_ratchet_allows_the_length_it_names_and_no_line_more() -> None:
    ratchet = {"tools/long_files.txt": "# A comment.\ntools/a.py 450\n"}
    assert found("sizes", {"tools/a.py": "x = 1\n" * 450, **ratchet}) == []
    assert [finding.line for finding in found("sizes", {"tools/a.py": "x = 1\n" * 451, **ratchet})] == [451]


def test_the_ratchet_never_allows_more_than_the_highest_bound() -> None:
    files = {"tools/a.py": "x = 1\n" * 801, "tools/long_files.txt": "tools/a.py 900\n"}
    assert "800 at most" in str(found("sizes", files)[0])


def test_code_keeps_its_lines_and_loses_comments_strings_and_characters() -> None:
    text = 'let a = "x\\"y // z"; // end\nlet b = b\'"\'; /* one\n/* two */ */ let c: &\'a str = cr##"q"#"##;\n'
    code = code_only(text)
    assert len(code) == len(text)
    assert [line.split() for line in code.splitlines()] == [
        ["let", "a", "=", ";"],
        ["let", "b", "=", ";"],
        ["let", "c:", "&'a", "str", "=", ";"],
    ]


def test_functions_are_found_with_the_lines_of_their_bodies() -> None:
    code = "fn a<T>(f: fn(T) -> [u8; 2])\nwhere T: Copy {\n    fn r#b() {}\n}\ntrait C { fn c(&self); }\n"
    assert list(functions(code)) == [Function("a", 1, 4), Function("r#b", 3, 3)]


def test_an_exported_macro_belongs_to_the_module_that_wrote_it() -> None:
    macro = {"crates/python/src/ffi/method.rs": "#[macro_export]\nmacro_rules! fastcall { () => {} }\n"}
    assert found("arrows", {"crates/python/src/add_reader.rs": "use crate::fastcall;\n", **macro}) == []
    assert "imports lib" in str(found("arrows", {"crates/python/src/add_reader.rs": "use crate::fastcall;\n"})[0])


def test_the_layers_name_no_module_that_does_not_exist() -> None:
    files = {path: text for path, text in MODULES.items() if not path.endswith("/handle.rs")}
    findings = list(arrows.check(Tree(files)))
    assert [finding.path for finding in findings] == ["tools/checks/arrows.py"]
    assert "no module handle" in str(findings[0])


def test_the_layers_in_words_are_those_of_the_table() -> None:
    words = " →\n".join(" | ".join(sorted(layer)) for layer in reversed(arrows.LAYERS[:-1]))
    assert found("arrows", {"ARCHITECTURE.md": f"Arrows: `{words} → reactor, stream`.\n"}) == []
    fewer = words.replace("loop_state", "")
    for text in (f"\nArrows: `{fewer} → reactor, stream`.\n", "# Arrows\n"):
        assert "not those of LAYERS" in str(found("arrows", {"ARCHITECTURE.md": text})[0])


def test_running_the_checks_prints_each_finding_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(structure, "read_tree", lambda root: Tree({"tools/a.py": "_ = f()\n"}))
    assert structure.main() == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("tools/a.py:1: ")
    assert printed[-1] == f"structure: {len(structure.CHECKS)} checks, 1 files, 2 findings"


def test_a_tree_holds_what_a_clone_would(tmp_path: Path) -> None:
    for name in (
        "a.py",
        ".ci/run",
        "crates/a.rs",
        ".git/config",
        ".venv-python3.13/a.py",
        "target/a.rs",
        "x/__pycache__/b.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text\n", encoding="utf-8")
    (tmp_path / "a.so").write_bytes(b"\xff\xfe")
    (tmp_path / "link.py").symlink_to("a.py")
    assert list(read_tree(tmp_path).files) == [".ci/run", "a.py", "crates/a.rs"]


def test_the_checks_need_nothing_but_the_interpreter() -> None:
    """Nor do other tools: except one that mkdocs loads, and one that runs beside an installed wheel."""
    others = {"tools/docs_native.py", "tools/wheels/probe.py"}
    imported = {
        name.partition(".")[0]
        for path, text in read_tree(structure.ROOT).select(under="tools/", endings=[".py"])
        if path not in others
        for name, _ in arrows.imported_by_python(text)
    }
    assert imported - sys.stdlib_module_names == {"tools"}
