"""The replacement of uvloop: only on request, by a call, a variable or an option, and in spawned children too.

Everything happens in children, since `sys.modules` is shared by the whole process. The real uvloop, which may be
installed, is not tested here.
"""

from pathlib import Path

import pytest
from support import run_python

pytestmark = pytest.mark.vitok_only

# The public names of uvloop's package, as its documentation and its `__all__` have them.
PUBLIC_NAMES = ("new_event_loop", "run", "Loop", "install", "EventLoopPolicy", "__version__")

WHO = "import uvloop; print(uvloop.__name__, uvloop.Loop.__module__.split('.')[0])"


def run(*arguments: str | Path, environment: dict[str, str] | None = None) -> str:
    """Run Python, which must succeed, and give its output."""
    # What this very process was told must not reach the children by chance; policies warn of their end as they should.
    clean = {"VITOK_AS_UVLOOP": "", **(environment or {})}
    child = run_python("-W", "ignore::DeprecationWarning", *arguments, environment=clean)
    assert (child.returncode, child.stderr) == (0, ""), child.stderr
    return child.stdout


def test_nothing_happens_without_being_asked() -> None:
    """Line "Standing in for uvloop ... only on request": importing vitok leaves the name alone."""
    assert run("-c", "import vitok, vitok.loop, sys; print('uvloop' in sys.modules)") == "False\n"


@pytest.mark.parametrize("value", ["", "0"])
def test_the_environment_says_no(value: str) -> None:
    """Line "Standing in for uvloop ... only on request": the variable counts when it is 1."""
    body = "import vitok, sys; print('uvloop' in sys.modules)"
    assert run("-c", body, environment={"VITOK_AS_UVLOOP": value}) == "False\n"


def test_by_call() -> None:
    """Line "Standing in for uvloop: `vitok.as_uvloop()`": the package is what `import uvloop` gives from then on."""
    body = "import vitok, sys; vitok.as_uvloop(); vitok.as_uvloop(); import uvloop; print(uvloop is vitok)"
    assert run("-c", body) == "True\n"


def test_by_environment() -> None:
    """Line "Standing in for uvloop ... by `VITOK_AS_UVLOOP=1`": as soon as vitok is imported."""
    body = "import vitok, uvloop; print(uvloop is vitok)"
    assert run("-c", body, environment={"VITOK_AS_UVLOOP": "1"}) == "True\n"


def test_by_option(tmp_path: Path) -> None:
    """Line "Standing in for uvloop ... by `python -m vitok --as-uvloop script.py`", which knows nothing of it."""
    script = tmp_path / "script.py"
    script.write_text(WHO)
    assert run("-m", "vitok", "--as-uvloop", script).split()[1] == "vitok"
    assert run("-m", "vitok", "run", "--as-uvloop", script).split()[1] == "vitok"
    assert run("-m", "vitok", "--as-uvloop", "-c", WHO).split()[1] == "vitok"


def test_public_names_are_uvloops() -> None:
    """Line "with uvloop's public names (and `uvloop.loop`)": each of them, and both ways to import them."""
    body = f"""
import vitok; vitok.as_uvloop()
import asyncio, uvloop, uvloop.loop
from uvloop import Loop, install, new_event_loop, run
from uvloop.loop import Loop as SameLoop
for name in {PUBLIC_NAMES!r}:
    assert hasattr(uvloop, name), name
assert SameLoop is Loop is uvloop.loop.Loop is vitok.Loop
assert issubclass(Loop, asyncio.AbstractEventLoop)
assert uvloop.__version__
"""
    run("-c", body)


def test_a_program_written_for_uvloop_runs() -> None:
    """Line "Standing in for uvloop": the three ways in which uvloop's own documentation says to use it."""
    body = """
import vitok; vitok.as_uvloop()
import asyncio, uvloop
async def main():
    return type(asyncio.get_running_loop())
assert uvloop.run(main()) is vitok.Loop
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    assert runner.run(main()) is vitok.Loop
uvloop.install()
assert asyncio.run(main()) is vitok.Loop
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
assert asyncio.run(main()) is vitok.Loop
"""
    run("-c", body)


SPAWNING = """
import multiprocessing, sys
if {how!r} == "call" and __name__ == "__main__":
    import vitok
    vitok.as_uvloop()
def work(queue):
    import uvloop
    queue.put(uvloop.Loop.__module__.split(".")[0])
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    queue = context.SimpleQueue()
    process = context.Process(target=work, args=(queue,))
    process.start()
    process.join()
    print(process.exitcode, queue.get() if process.exitcode == 0 else "")
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("how", ["call", "option", "environment"])
def test_spawned_children_inherit_it(tmp_path: Path, how: str, method: str) -> None:
    """Line "children started by spawn inherit it": by the child's `import uvloop`, though it never heard of vitok."""
    script = tmp_path / "script.py"
    body = SPAWNING.format(how=how, method=method)
    if how == "environment":
        body = "import vitok\n" + body
    script.write_text(body)
    arguments = {"call": [], "option": ["-m", "vitok", "--as-uvloop"], "environment": []}[how]
    environment = {"VITOK_AS_UVLOOP": "1"} if how == "environment" else {}
    assert run(*arguments, script, environment=environment) == "0 vitok\n"


def test_children_that_are_not_asked_have_no_stand_in(tmp_path: Path) -> None:
    """Line "only on request": the folder that makes it work is not on the path of a process that did not ask."""
    body = "import vitok, sys; print([entry for entry in sys.path if '_uvloop_shim' in entry])"
    assert run("-c", body) == "[]\n"


def test_the_loop_does_not_change_the_environment_by_itself() -> None:
    """Line "only on request": running on our loop sets no variable that a child would inherit."""
    body = "import vitok, os, asyncio; vitok.run(asyncio.sleep(0)); print(os.environ.get('VITOK_AS_UVLOOP'))"
    assert run("-c", body, environment=None).strip() in ("", "None")
