"""The check on the walks of ARCHITECTURE.md finds functions and calls that do not exist."""

import pytest

from tools.checks import walks
from tools.tree import Tree

FILES = {
    "crates/python/src/a.rs": "fn turn() {\n    b::flush(); // send\n}\n",
    "crates/python/src/b/mod.rs": "impl B {\n    fn flush(&self) { socket::send() }\n}\n",
    "crates/reactor/src/socket.rs": 'fn send() {\n    "recv"\n}\n',
    "python/vitok/c.py": "class C:\n    def add(self):\n        '''hold'''\n        self.turn()\n",
}


def findings(document: str) -> list[str]:
    """Return what the check finds in a document, with the line."""
    found = walks.check(Tree({**FILES, "ARCHITECTURE.md": document}))
    return [f"{finding.line}: {finding.wrong}" for finding in found]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("a.rs::turn  runs\n  b/mod.rs::flush  sends\n    reactor/src/socket.rs::send  the call\n", []),
        ("python/vitok/c.py::add\n  a.rs::turn\n", []),
        # A list that stands elsewhere has callers of its own.
        ("a.rs::turn\n\nb/mod.rs::flush\n  reactor/src/socket.rs::send\n", []),
        ("The turn ends in `b/mod.rs::flush`.\n", []),
        ("a.rs::turns\n", ["1: a.rs has no function turns"]),
        ("b.rs::flush\n", ["1: b.rs has no function flush"]),
        ("See `a.rs::gone`.\n", ["1: a.rs has no function gone"]),
        ("See `c.py::add`.\n", ["1: c.py has no function add"]),
        ("a.rs::turn\n  reactor/src/socket.rs::send\n", ["2: a.rs::turn does not call send"]),
        # The caller is the next line above that is indented less, not the line above.
        ("a.rs::turn\n  b/mod.rs::flush\n  reactor/src/socket.rs::send\n", ["3: a.rs::turn does not call send"]),
        # A name in a comment or a string is no call.
        ("reactor/src/socket.rs::send\n  a.rs::turn\n", ["2: reactor/src/socket.rs::send does not call turn"]),
        ("\n  a.rs::turn\n", ["2: an indented step has no caller"]),
    ],
)
def test_walks(document: str, expected: list[str]) -> None:
    """Each line of a walk is held against the code."""
    assert findings(document) == expected
