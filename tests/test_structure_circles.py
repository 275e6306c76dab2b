"""The check on circles follows re-exports, and reports no more than there is.

Each case is a crate or a package of a few files, as small as the rule allows.
"""

from collections.abc import Mapping

import pytest

from tools import python_modules
from tools.checks import circles
from tools.graph import Arrow, circle_of
from tools.graph import circles as circles_among
from tools.rust_modules import Crate, built_code, function_names
from tools.tree import Tree

SOURCES = "crates/stream/src/"


def rust_arrows(files: Mapping[str, str]) -> set[tuple[str, str]]:
    """The arrows of a crate with these files, from a name to a name."""
    codes = {f"{SOURCES}{name}.rs": built_code(text) for name, text in files.items()}
    arrows = Crate(SOURCES, codes, names=function_names(codes.values())).arrows()
    return {(base(arrow.source), base(arrow.target)) for arrow in arrows}


def base(path: str) -> str:
    """The name of a file of the crate."""
    return path.removeprefix(SOURCES).removesuffix(".rs")


# What the files name; what they define does not matter, since a path that leads to a file leads to what it defines.
ARROWS = {
    "an import": ({"lib": "mod a;\nmod b;\n", "a": "use crate::b::B;\n", "b": ""}, {("a", "b")}),
    "a path in code": (
        {"lib": "mod a;\nmod b;\n", "a": "fn f() { super::b::g(); }\n", "b": ""},
        {("a", "b")},
    ),
    "a path below an imported module": (
        {"lib": "mod a;\nmod b;\n", "a": "use crate::b;\nfn f() { b::g::<u8>(); }\n", "b": ""},
        {("a", "b")},
    ),
    "an imported module alone": ({"lib": "mod a;\nmod b;\n", "a": "use crate::b;\n", "b": ""}, set()),
    "braces and another name": (
        {"lib": "", "a": "use crate::{b::{B as C, self}, c::{D,}};\nfn f(c: C) { b::g() }\n", "b": "", "c": ""},
        {("a", "b"), ("a", "c")},
    ),
    "everything of a module": ({"lib": "", "a": "use crate::b::*;\n", "b": ""}, {("a", "b")}),
    "another crate": ({"lib": "", "a": "use std::b::B;\nfn f() { std::b::g(); reactor::b::h() }\n", "b": ""}, set()),
    "a crate that is imported by its name": ({"lib": "use a::a;\nuse c::a as c;\nfn f() { c(a) }\n", "b": ""}, set()),
    "a re-export is passed through": (
        {"lib": "", "a/mod": "pub use b::B;\n", "a/b": "", "c": "use crate::a::B;\n"},
        {("c", "a/b")},
    ),
    "two re-exports are": (
        {"lib": "pub use a::B;\n", "a/mod": "pub(crate) use b::B;\n", "a/b": "", "c": "use crate::B;\n"},
        {("c", "a/b")},
    ),
    "one under another name is": (
        {"lib": "", "a/mod": "pub use b::B as C;\n", "a/b": "", "c": "fn f() { crate::a::C::new(); }\n"},
        {("c", "a/b")},
    ),
    "the code beside a re-export counts": (
        {"lib": "", "a/mod": "mod b;\npub use b::B;\nstruct A(B);\n", "a/b": "use super::A;\n"},
        {("a/mod", "a/b"), ("a/b", "a/mod")},
    ),
    "a module and a function of one name": (
        {"lib": "", "a/mod": "mod b;\npub use b::b;\n", "a/b": "", "c": "use crate::a::b;\nuse crate::a::b::B;\n"},
        {("c", "a/b")},
    ),
    "`self` is no name": (
        {"lib": "", "a/mod": "pub use b::c;\n", "a/b": "", "a/c": "fn f(self) { crate::a; self; }\n"},
        set(),
    ),
    "a field, a method and a lifetime are no names": (
        {"lib": "", "a/mod": "pub use b::b;\nfn f<'b>(x: &'b X) { x.b; x.b(); 0..x.b }\n", "a/b": ""},
        set(),
    ),
    "the end of a range is one": ({"lib": "mod a;\nfn f() { 0..a::END }\n", "a": ""}, {("lib", "a")}),
    "a macro by its name": (
        {"lib": "", "a": "fn f() { go!(1) }\n", "b": "macro_rules! go { () => {} }\n"},
        {("a", "b")},
    ),
    "a macro at the root": (
        {
            "lib": "",
            "a": "use crate::go;\n",
            "b": "macro_rules! go { () => { $crate::c::f() } }\n",
            "c": "",
        },
        {("a", "b"), ("b", "c")},
    ),
    "inequality is no macro": (
        {"lib": "", "a": "fn f() { go != 1 }\n", "b": "macro_rules! go { () => {} }\n"},
        set(),
    ),
    "tests beside the code are left out": (
        {
            "lib": "#[cfg(test)]\nmod tests;\n",
            "a": "#[cfg(test)]\nuse crate::b::B;\n#[cfg(test)]\nmod tests {\n    use crate::b::g;\n}\n",
            "b": "",
        },
        set(),
    ),
    "a module in braces": (
        {
            "lib": "",
            "a": "mod inner {\n    use super::super::b::B;\n}\nfn f() { inner::f() }\n",
            "b": "",
        },
        {("a", "b")},
    ),
    "comments and strings": ({"lib": "", "a": '//! crate::b::B\nconst A: &str = "crate::b::B";\n', "b": ""}, set()),
    "a method beside the file of its type": (
        {
            "lib": "mod b;\nmod c;\n",
            "a": "fn f(b: B) { b.grow(1) }\n",
            "b": "pub struct B;\n",
            "c": "use crate::b::B;\nimpl B {\n    pub fn grow(&self) {}\n}\n",
        },
        {("c", "b"), ("a", "c")},
    ),
    "a method whose name is not its own": (
        {
            "lib": "mod b;\nmod c;\nfn grow() {}\n",
            "a": "fn f(b: B) { b.grow(1) }\n",
            "b": "pub struct B;\n",
            "c": "use crate::b::B;\nimpl B {\n    pub fn grow(&self) {}\n}\n",
        },
        {("c", "b")},
    ),
}


@pytest.mark.parametrize(("files", "expected"), ARROWS.values(), ids=ARROWS)
def test_rust_points_to_the_file_that_defines(files: Mapping[str, str], expected: set[tuple[str, str]]) -> None:
    assert rust_arrows(files) == expected


PACKAGE = "python/vitok/"
IMPORTS = {
    "a module of the package": ("from . import b\nfrom vitok.c import C\nimport vitok.d\n", {"b", "c", "d"}),
    "a name of the package": ("from vitok import Loop\n", {"__init__"}),
    "the package above": ("from ..c import C\n", set()),
    "a package inside": ("from .http import serve\nfrom .http.log import line\n", {"http/__init__", "http/log"}),
    "types": ("if TYPE_CHECKING:\n    from .b import B\n", {"b"}),
    "later": ("def f():\n    from .b import B\n", set()),
    "the library": ("import asyncio\nfrom os import b\n", set()),
}


@pytest.mark.parametrize(("text", "expected"), IMPORTS.values(), ids=IMPORTS)
def test_python_points_to_what_it_imports(text: str, expected: set[str]) -> None:
    names = ["__init__", "b", "c", "d", "http/__init__", "http/log"]
    files = {f"{PACKAGE}a.py": text, **{f"{PACKAGE}{name}.py": "" for name in names}}
    arrows = python_modules.arrows("python/", files)
    assert {arrow.target.removeprefix(PACKAGE).removesuffix(".py") for arrow in arrows} == expected


def test_a_module_in_a_package_reaches_the_one_beside_it_and_the_one_above() -> None:
    files = {
        f"{PACKAGE}http/a.py": "from .b import B\nfrom ..c import C\n",
        f"{PACKAGE}http/b.py": "",
        f"{PACKAGE}c.py": "",
    }
    arrows = python_modules.arrows("python/", files)
    assert {arrow.target for arrow in arrows if arrow.source.endswith("/a.py")} == {
        f"{PACKAGE}http/b.py",
        f"{PACKAGE}c.py",
    }


def test_a_circle_is_found_with_its_shortest_way_and_without_what_hangs_on_it() -> None:
    pairs = ["ab", "bc", "ca", "cb", "cd", "ea", "fg", "gf"]
    arrows = [Arrow(source, target, "", 1) for source, target in pairs]
    assert circles_among(arrows) == [frozenset("abc"), frozenset("fg")]
    assert circle_of("a", arrows) == ["a", "b", "c", "a"]
    assert circle_of("d", arrows) == []


CIRCLE = {
    "crates/stream/src/lib.rs": "mod a;\nmod b;\n",
    "crates/stream/src/a.rs": "//! A.\nuse crate::b::B;\n",
    "crates/stream/src/b.rs": "//! B.\nfn f() {\n    crate::a::g();\n}\n",
}


def test_a_circle_is_a_finding_in_each_of_its_files() -> None:
    findings = sorted(circles.check(Tree(CIRCLE)))
    assert [(finding.path, finding.line) for finding in findings] == [
        ("crates/stream/src/a.rs", 2),
        ("crates/stream/src/b.rs", 3),
    ]
    assert "crate::b::B closes the circle a.rs -> b.rs -> a.rs" in str(findings[0])


def test_a_package_of_python_is_in_no_circle_through_the_stub_of_its_native_module() -> None:
    files = {
        "python/vitok/__init__.py": "from .a import A\n",
        "python/vitok/a.py": "from . import _native\n",
        "python/vitok/_native.pyi": "class Loop: ...\n",
    }
    assert list(circles.check(Tree(files))) == []
