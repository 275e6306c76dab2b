"""No object is made by a function of PyO3 that panics if memory is refused.

PyO3's constructors and conversions of Rust's values panic then, and `except Exception` does not catch the
`PanicException`. `ffi::make`, `ffi::name` and `ffi::error` have a function in place of each, which raises MemoryError.
The check compares names; `tests/test_out_of_memory.py` finds other panics.
"""

import re
from collections.abc import Iterator

from tools.rust import code_only
from tools.tree import Finding, Tree, line_at

SOURCES = "crates/python/src/"
# Methods that take a name or a key, and make a Python string of a literal.
NAMED = "call_method0 call_method1 call_method getattr getattr_opt setattr hasattr import get_item set_item del_item"

# An expression, and what replaces it.
PANICKING = [
    (r"\bPy(?:Bytes|ByteArray|Dict|Float|FrozenSet|Int|List|Set|Slice|String|Tuple)::new\(", "take it from ffi::make"),
    (r"\bPyString::intern\(|\bintern!\(", "write name!(...)"),
    (r"\bPyList::empty\(", "take it from ffi::make"),
    (r"\.into_pyobject(?:_or_pyerr)?\(|\.into_(?:bound_)?py_any\(", "take it from ffi::make"),
    (r"::new_err\(|\bPyErr::new\b", "take it from ffi::error"),
]
TAKES_NAME = re.compile(r"\.(?:" + NAMED.replace(" ", "|") + r")\(")
# The file that the others use instead.
EXEMPT = frozenset({SOURCES + "ffi/error.rs"})


def check(tree: Tree) -> Iterator[Finding]:
    """Uses of functions that panic."""
    for path, text in tree.select(under=SOURCES, endings=[".rs"]):
        if path in EXEMPT:
            continue
        code = code_only(text)
        for pattern, remedy in PANICKING:
            for match in re.finditer(pattern, code):
                what = match.group().strip()
                yield Finding(path, line_at(code, match.end()), f"`{what}` panics without memory", remedy)
        for match in TAKES_NAME.finditer(code):
            # The literal is blank in `code`; the text has it after spaces.
            if text[match.end() :].lstrip().startswith('"'):
                what = match.group()
                line = line_at(code, match.end())
                yield Finding(path, line, f'`{what}"...")` panics without memory', "write name!(...) for the literal")
