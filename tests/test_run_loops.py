"""Which loop runs in a program under `vitok run`: children of multiprocessing have vitok's, another loop is reported.

The replacement of uvloop is tested in test_uvloop_shim.py.
"""

from pathlib import Path

import pytest
from support import run_python

pytestmark = pytest.mark.vitok_only

CHILDREN = """
import multiprocessing, sys
def loop_of_asyncio():
    import asyncio
    async def main():
        return type(asyncio.get_running_loop()).__module__
    return asyncio.run(main())
def grandchild(queue):
    queue.put(loop_of_asyncio())
def child(queue):
    imported = [name for name in ("asyncio", "vitok") if name in sys.modules]
    queue.put(imported)
    queue.put(loop_of_asyncio())
    import asyncio
    queue.put(type(asyncio.__loader__).__name__)
    process = multiprocessing.get_context({method!r}).Process(target=grandchild, args=(queue,))
    process.start()
    process.join()
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    queue = context.SimpleQueue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    process.join()
    while not queue.empty():
        print(queue.get())
"""


def run(*words: str | Path, **environment: str) -> tuple[str, str]:
    """What `vitok run` of a program prints, which must succeed."""
    child = run_python("-m", "vitok", "run", *words, environment={"VITOK_AS_UVLOOP": "", **environment})
    assert child.returncode == 0, child.stderr
    return child.stdout, child.stderr


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_children_of_multiprocessing_run_our_loop(tmp_path: Path, method: str) -> None:
    """Issue 14, item 8: "children that multiprocessing starts by spawn or forkserver ... get our loop too".

    A child that is started anew imports neither asyncio nor vitok until it asks for asyncio.
    """
    script = tmp_path / "script.py"
    script.write_text(CHILDREN.format(method=method))
    inherited = "['asyncio', 'vitok']" if method == "fork" else "[]"
    assert run(script) == (f"{inherited}\nvitok\nSourceFileLoader\nvitok\n", "")
    if method != "fork":
        plain = run_python(script)
        assert plain.stdout == "[]\nasyncio.unix_events\nSourceFileLoader\nasyncio.unix_events\n", plain.stderr


def test_children_of_a_pool_run_our_loop(tmp_path: Path) -> None:
    """Issue 14, item 8: the same for `concurrent.futures`, in a program that has imported multiprocessing early."""
    script = tmp_path / "script.py"
    script.write_text(
        """
import asyncio, concurrent.futures, multiprocessing.spawn
def work(number):
    async def main():
        return number, type(asyncio.get_running_loop()).__module__
    return asyncio.run(main())
async def main():
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        print(await asyncio.get_running_loop().run_in_executor(pool, work, 3))
if __name__ == "__main__":
    asyncio.run(main())
"""
    )
    assert run(script) == ("(3, 'vitok')\n", "")


def test_a_child_without_vitok_runs(tmp_path: Path) -> None:
    """Issue 14, item 8: a child that cannot import the package (an executable of its own) says so, and runs."""
    script = tmp_path / "script.py"
    script.write_text(
        """
import multiprocessing, os, sys
def work():
    sys.path[:] = [entry for entry in sys.path if not os.path.isdir(os.path.join(entry, "vitok"))]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in str(finder)]
    import asyncio
    async def main():
        return type(asyncio.get_running_loop()).__module__
    print(asyncio.run(main()))
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start()
    process.join()
"""
    )
    message = "vitok: a child of multiprocessing runs asyncio's loop: No module named 'vitok'\n"
    assert run(script) == ("asyncio.unix_events\n", message)


OTHER = """
import asyncio
async def main():
    return type(asyncio.get_running_loop()).__module__
def by(factory):
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())
"""
MESSAGE = "vitok: {} chooses its loop itself and runs {}, not vitok.Loop{}\n"


def test_another_loop_is_said_once_in_one_line() -> None:
    """Issue 14, item 8: "says in one line which loop runs instead"; nothing of that stays behind."""
    body = f"""{OTHER}
print(by(None))
assert asyncio.SelectorEventLoop.run_forever is asyncio.BaseEventLoop.run_forever
print(by(asyncio.SelectorEventLoop), by(asyncio.SelectorEventLoop))
assert "run_forever" not in vars(asyncio.SelectorEventLoop)
"""
    output, errors = run("-c", body)
    assert output == "vitok\nasyncio.unix_events asyncio.unix_events\n"
    assert errors == MESSAGE.format("this program", "asyncio.SelectorEventLoop", "")


def test_a_class_of_the_program_is_said() -> None:
    """Issue 14, item 8: a subclass of asyncio's loop is named; a subclass of ours is our loop."""
    body = f"""{OTHER}
import vitok
class Ours(vitok.Loop): pass
class Theirs(asyncio.SelectorEventLoop): pass
print(by(Ours), by(Theirs))
"""
    expected = MESSAGE.format("this program", "__main__.Theirs", "")
    assert run("-c", body) == ("__main__ __main__\n", expected)


def test_the_line_does_not_end_a_program_without_standard_error() -> None:
    """Issue 14, item 8: a program whose standard error is missing, closed or full goes on."""
    for how in ("sys.stderr = None", "sys.stderr.close()", "sys.stderr = open('/dev/full', 'w', 1)"):
        output, errors = run(
            "-c", f"{OTHER}\nimport sys\n{how}\nprint(by(asyncio.SelectorEventLoop))\nsys.stderr = None"
        )
        assert (output, errors) == ("asyncio.unix_events\n", "")


# A package that has the name of a program, and chooses its loop like it.
PROGRAM = f"""{OTHER}
try:
    import uvloop
except ImportError:
    factory = asyncio.SelectorEventLoop
else:
    factory = uvloop.new_event_loop
print(by(factory))
"""
UVLOOP = """
import asyncio
class Loop(asyncio.SelectorEventLoop):
    pass
new_event_loop = Loop
"""
AS_UVLOOP = "'vitok run --as-uvloop'"
PROGRAMS = {
    "gunicorn": f"; {AS_UVLOOP} changes that",
    "uvicorn": f"; 'uvicorn --loop vitok:new_event_loop' or {AS_UVLOOP} changes that",
    "hypercorn": f"; {AS_UVLOOP} with 'hypercorn --worker-class uvloop' changes that",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_known_program_is_said_with_the_option(tmp_path: Path, name: str) -> None:
    """Issue 14, item 8: "and which option changes it": that option does."""
    (tmp_path / "uvloop.py").write_text(UVLOOP)
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "program.py").write_text(PROGRAM)
    script = tmp_path / "script.py"
    script.write_text(f"import {name}.program")
    assert run(script) == ("uvloop\n", MESSAGE.format(name, "uvloop.Loop", PROGRAMS[name]))
    assert run("--as-uvloop", script) == ("vitok\n", "")
    assert run(script, VITOK_AS_UVLOOP="1") == ("vitok\n", "")


def test_an_option_that_is_given_is_not_named(tmp_path: Path) -> None:
    """Issue 14, item 8: `--loop asyncio` of uvicorn's, which `--as-uvloop` does not change."""
    (tmp_path / "uvicorn").mkdir()
    (tmp_path / "uvicorn" / "__init__.py").touch()
    (tmp_path / "uvicorn" / "__main__.py").write_text(f"{OTHER}\nprint(by(asyncio.SelectorEventLoop))")
    (tmp_path / "script.py").write_text("import runpy\nrunpy.run_module('uvicorn', alter_sys=True)")
    output, errors = run("--as-uvloop", tmp_path / "script.py")
    assert output == "asyncio.unix_events\n"
    option = "; 'uvicorn --loop vitok:new_event_loop' changes that"
    assert errors == MESSAGE.format("uvicorn", "asyncio.SelectorEventLoop", option)
