"""An import of vitok in a subinterpreter raises an ImportError and leaves the main interpreter as it was.

The state of the native module (its classes and its references to Python's modules) belongs to the process. A legacy
subinterpreter shares the GIL, and CPython itself would load the module there.
"""

import sys

import pytest
from support import run_python

pytestmark = pytest.mark.vitok_only

# The private module behind `concurrent.interpreters` (3.14) has had three names and two kinds of arguments.
PRELUDE = """
import sys

if sys.version_info >= (3, 13):
    import _interpreters as interpreters
else:
    import _xxsubinterpreters as interpreters


def create(kind):
    if sys.version_info >= (3, 13):
        return interpreters.create(kind)
    return interpreters.create(isolated=kind == "isolated")


def attempt(kind, code):
    made = create(kind)
    # The code writes its result into this file: below 3.13 its exceptions do not reach the caller.
    interpreters.run_string(made, f'''
import sys
with open({sys.argv[1]!r}, "w") as out:
    try:
        {code}
    except ImportError as error:
        print("ImportError:", error, file=out)
    else:
        print("imported", file=out)
    print([name for name in ("vitok", "vitok._native") if name in sys.modules], file=out)
''')
    interpreters.destroy(made)
    with open(sys.argv[1]) as told:
        print(told.read(), end="")


async def main():
    return "runs"
"""

OURS = "ImportError: vitok can be imported in the main interpreter only"
# Since 3.12 an interpreter with a GIL of its own refuses a module that does not declare support for it.
CPYTHONS = "ImportError: module vitok._native does not support loading in subinterpreters"


def outcome(tmp_path: object, body: str) -> list[str]:
    """What a child process prints."""
    child = run_python("-c", PRELUDE + body, f"{tmp_path}/told")
    assert (child.returncode, child.stderr) == (0, ""), child.stderr
    return child.stdout.splitlines()


# CPython 3.12.1 aborts at its exit ("free(): invalid pointer") after an interpreter with a GIL of its own has imported
# asyncio before the main one, without vitok as well.
ISOLATED_FIRST = pytest.param(
    "isolated", marks=pytest.mark.skipif(sys.version_info[:2] == (3, 12), reason="CPython 3.12 aborts by itself")
)


@pytest.mark.parametrize("kind", ["legacy", ISOLATED_FIRST])
@pytest.mark.parametrize("name", ["vitok", "vitok._native"])
def test_before_the_main_interpreter(tmp_path: object, kind: str, name: str) -> None:
    """The subinterpreter comes first and ends; the main interpreter then imports, runs and closes a loop."""
    body = f"attempt({kind!r}, 'import {name}')\nimport vitok\nprint(vitok.run(main()))"
    refusal = OURS if kind == "legacy" or sys.version_info < (3, 12) else CPYTHONS
    assert outcome(tmp_path, body) == [refusal, "[]", "runs"]


@pytest.mark.parametrize("kind", ["legacy", "isolated"])
def test_after_the_main_interpreter(tmp_path: object, kind: str) -> None:
    """The main interpreter has run a loop, and runs another one afterwards."""
    body = f"import vitok\nvitok.run(main())\nattempt({kind!r}, 'import vitok')\nprint(vitok.run(main()))"
    refusal = OURS if kind == "legacy" or sys.version_info < (3, 12) else CPYTHONS
    assert outcome(tmp_path, body) == [refusal, "[]", "runs"]


def test_again_and_again(tmp_path: object) -> None:
    """A refusal leaves nothing behind that the next one, in this or in another interpreter, would meet."""
    twice = "attempt('legacy', 'import vitok')\n" * 2
    assert outcome(tmp_path, twice + "import vitok\n" + twice + "print(vitok.run(main()))") == [
        *[OURS, "[]"] * 4,
        "runs",
    ]


SENDS_WORK = """
import asyncio
from concurrent.futures import InterpreterPoolExecutor

import vitok


def elsewhere():
    import asyncio

    async def name():
        return type(asyncio.get_running_loop()).__name__

    return asyncio.run(name())


async def main():
    loop = asyncio.get_running_loop()
    with InterpreterPoolExecutor(max_workers=2) as pool:
        print(await loop.run_in_executor(pool, pow, 2, 10))
        print(await loop.run_in_executor(pool, elsewhere))


if __name__ == "__main__":
    vitok.run(main())
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="InterpreterPoolExecutor is new in Python 3.14")
def test_work_for_subinterpreters() -> None:
    """A loop of the main interpreter sends calls to subinterpreters, in which asyncio's own loop runs."""
    child = run_python("-c", SENDS_WORK)
    assert (child.returncode, child.stdout, child.stderr) == (0, "1024\n_UnixSelectorEventLoop\n", "")
