"""The public names and the class of a loop: Surface in the list of behaviours.

Signatures, transports and the replacement of uvloop are tested in files of their own.
"""

import asyncio
import contextvars
import pickle
import sys
import textwrap
import threading
import weakref
from collections.abc import Coroutine
from importlib.metadata import version
from typing import Any

import pytest
from support import NewLoop, loop_factory, open_descriptors, private, run_python, turn


@pytest.mark.vitok_only
def test_public_names() -> None:
    """Line "Public names": run, new_event_loop, Loop and EventLoop (the same class), Server, __version__."""
    import vitok

    assert vitok.Loop is vitok.EventLoop
    assert issubclass(vitok.Loop, asyncio.AbstractEventLoop)
    assert issubclass(vitok.Server, asyncio.AbstractServer)
    assert callable(vitok.run)
    assert vitok.__version__ == version("vitok")
    assert {"run", "new_event_loop", "Loop", "EventLoop", "Server", "__version__"} <= set(dir(vitok))
    assert {"run", "new_event_loop", "Loop", "EventLoop", "Server"} <= set(vitok.__all__)


@pytest.mark.vitok_only
def test_loops_and_classes_show_the_name_of_the_package() -> None:
    """Issue 14, item 8: `repr` and `__module__` have the public name; a subclass has asyncio's text."""
    import vitok

    own = type("Own", (vitok.Loop,), {})
    for kind, name in ((vitok.Loop, "vitok.Loop"), (own, "Own")):
        loop = kind()
        assert repr(loop) == f"<{name} running=False closed=False debug=False>"
        loop.close()
        assert repr(loop) == f"<{name} running=False closed=True debug=False>"
    assert (vitok.Loop.__module__, vitok.Server.__module__) == ("vitok", "vitok")
    assert pickle.loads(pickle.dumps(vitok.Loop)) is vitok.Loop
    if sys.version_info < (3, 16):
        assert vitok.EventLoopPolicy.__module__ == "vitok"


@pytest.mark.vitok_only
def test_importing_warns_of_nothing() -> None:
    """Line "Public names": `install` and `EventLoopPolicy` are lazy, so that importing is silent under `-W error`."""
    child = run_python("-W", "error", "-c", "import vitok, vitok.loop; print(vitok.Loop.__name__)")
    assert (child.returncode, child.stdout, child.stderr) == (0, "Loop\n", "")


@pytest.mark.vitok_only
@pytest.mark.skipif(sys.version_info >= (3, 16), reason="Python 3.16 removes event loop policies")
def test_policy_and_install_make_our_loops() -> None:
    """Line "Public names": below Python 3.16 also `install` and `EventLoopPolicy`."""
    body = """
        import asyncio, vitok
        assert isinstance(vitok.EventLoopPolicy(), asyncio.AbstractEventLoopPolicy)
        assert vitok.EventLoopPolicy is vitok.EventLoopPolicy
        loop = vitok.EventLoopPolicy().new_event_loop()
        assert type(loop) is vitok.Loop
        loop.close()
        vitok.install()
        async def main():
            return type(asyncio.get_running_loop()) is vitok.Loop
        assert asyncio.run(main())
    """
    # Policies warn of their end from Python 3.14 on when they are used, as they should; only importing must not.
    child = run_python("-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(body))
    assert (child.returncode, child.stderr) == (0, "")


@pytest.mark.vitok_only
def test_unknown_name_is_an_attribute_error() -> None:
    """Line "Public names": being lazy, the package must still say what it does not have."""
    import vitok

    with pytest.raises(AttributeError, match="no_such_name"):
        vitok.no_such_name  # noqa: B018 - the access is the test


def run_of(name: str) -> Any:
    """`asyncio.run` or `vitok.run`."""
    if name == "asyncio":
        return asyncio.run
    import vitok

    return vitok.run


def test_run_gives_the_result_and_closes(loop_name: str) -> None:
    """Line "Public names": `vitok.run(main)` is `asyncio.run(main)` on our loop."""

    async def main() -> tuple[asyncio.AbstractEventLoop, bool]:
        loop = asyncio.get_running_loop()
        return loop, loop.get_debug()

    loop, debug = run_of(loop_name)(main(), debug=True)
    assert isinstance(loop, type(closed_loop(loop_name)))
    assert loop.is_closed()
    assert debug is True
    assert run_of(loop_name)(main(), debug=False)[1] is False


def closed_loop(name: str) -> asyncio.AbstractEventLoop:
    """A loop of this kind which needs no closing, for its class."""
    loop = loop_factory(name)()
    loop.close()
    return loop


@pytest.mark.vitok_only
def test_run_takes_a_loop_factory_on_every_version() -> None:
    """Line "Public names": `loop_factory` is a keyword of `vitok.run` on Python 3.11 too, where asyncio's has none."""
    import vitok

    made: list[vitok.Loop] = []

    def factory() -> vitok.Loop:
        made.append(vitok.Loop())
        return made[-1]

    async def main() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert vitok.run(main(), loop_factory=factory) is made[0]


def test_run_refuses_what_asyncio_refuses(loop_name: str) -> None:
    """Line "Public names": no coroutine, an unknown keyword, a loop that runs already: the same class of error."""
    run = run_of(loop_name)

    async def nested() -> None:
        inner = answer()
        try:
            run(inner)
        finally:
            inner.close()

    async def answer() -> int:
        return 42

    with pytest.raises((TypeError, ValueError)) as refusal:
        asyncio.run(42)  # type: ignore[arg-type]
    with pytest.raises(refusal.type):
        run(42)
    coroutine = answer()
    with pytest.raises(TypeError, match="no_such_keyword"):
        run(coroutine, no_such_keyword=True)
    coroutine.close()
    with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
        run(nested())


def test_is_a_loop_of_asyncio(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "How exactness is had": `isinstance(loop, asyncio.BaseEventLoop)` is true."""
    assert isinstance(loop, asyncio.BaseEventLoop)
    name = "vitok.Loop" if type(loop).__module__ == "vitok" else type(loop).__name__
    assert repr(loop).startswith(f"<{name} running=False closed=False debug=")


def test_has_attributes_and_weak_references(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A loop has `__dict__` and weak references"."""
    private(loop).anything = "kept"
    assert vars(loop)["anything"] == "kept"
    assert weakref.ref(loop)() is loop
    assert loop in weakref.WeakSet([loop])
    assert hash(loop) == hash(loop)


def test_time_close_and_set_default_executor_can_be_assigned(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A loop has `__dict__`": `loop.time`, `loop.close`, `loop.set_default_executor` can be assigned on it."""
    called = []
    for name in ("time", "close", "set_default_executor"):
        setattr(loop, name, lambda *arguments, name=name: called.append(name))
        getattr(loop, name)()
        delattr(loop, name)
    assert called == ["time", "close", "set_default_executor"]
    assert loop.time() > 0


def test_runner_calls_the_assigned_close(new_loop: NewLoop) -> None:
    """Line "A loop has `__dict__`": whoever closes the loop closes it by what was assigned."""
    loop = new_loop()
    original, closed = loop.close, []

    def close() -> None:
        closed.append(loop.is_running())
        original()

    loop.close = close  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(asyncio.sleep(0))
    assert closed == [False]
    assert loop.is_closed()


def test_subclass_can_be_made_with_its_own_state(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A loop has `__dict__`": libraries subclass the loop, with arguments of their own."""

    class Named(type(loop)):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    named = Named("mine")
    try:
        assert named.name == "mine"
        assert named.run_until_complete(asyncio.sleep(0, "done")) == "done"
    finally:
        named.close()


def test_attributes_that_libraries_read_tell_the_truth(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "How exactness is had": `_ready`, `_scheduled`, `_thread_id`, `_check_closed`, `_default_executor`."""
    inside = private(loop)
    assert (len(inside._ready), len(inside._scheduled)) == (0, 0)
    assert inside._thread_id is None
    assert inside._default_executor is None
    loop.call_soon(int)
    timer = loop.call_later(60, int)
    seen: list[int | None] = []
    loop.call_soon(lambda: seen.append(inside._thread_id))
    assert (len(inside._ready), len(inside._scheduled)) == (2, 1)
    turn(loop)
    assert seen == [threading.get_ident()]
    assert len(inside._ready) == 0
    timer.cancel()
    inside._check_closed()
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        inside._check_closed()


class LegacyFactory:
    """A task factory from before `name`, `context` and `eager_start`: it takes a loop and a coroutine."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Make the plainest task there is."""
        self.made += 1
        return asyncio.Task(coroutine, loop=loop)


def test_task_factory_without_newer_keywords(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A custom task factory without newer keywords still works on each version"."""
    factory = LegacyFactory()
    loop.set_task_factory(private(factory))
    assert private(loop).get_task_factory() is factory

    async def main() -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0, 1)), asyncio.create_task(asyncio.sleep(0, 2))]
        return [task.result() for task in tasks] + [await loop.create_task(asyncio.sleep(0, 3))]

    assert loop.run_until_complete(main()) == [1, 2, 3]
    assert factory.made == 4
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None


def test_task_factory_is_called_exactly_as_asyncio_calls_it(loop_name: str, new_loop: NewLoop) -> None:
    """Line "A custom task factory": the keywords that reach it are those of the running version."""
    seen: dict[str, list[Any]] = {loop_name: [], "asyncio": []}
    oracle = asyncio.SelectorEventLoop()
    for name, loop in ((loop_name, new_loop()), ("asyncio", oracle)):

        def factory(
            loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], name: str = name, **keywords: Any
        ) -> asyncio.Task[Any]:
            seen[name].append(sorted(keywords))
            return asyncio.Task(coroutine, loop=loop, **keywords)

        seen[name].clear()
        loop.set_task_factory(private(factory))
        private(loop).create_task(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
    oracle.close()
    assert seen[loop_name] == seen["asyncio"]


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="eager tasks are new in Python 3.12")
def test_eager_task_factory(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A custom task factory": `asyncio.eager_task_factory` too; a task that never waits is done at once."""
    loop.set_task_factory(private(asyncio).eager_task_factory)

    async def at_once() -> str:
        assert asyncio.current_task() is not None
        return "at once"

    async def main() -> bool:
        task = loop.create_task(at_once())
        return task.done() and task.result() == "at once"

    assert loop.run_until_complete(main())


def test_create_task_passes_on_name_and_context(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Signatures": `create_task(coroutine, name=, context=)`."""
    variable = contextvars.ContextVar("variable", default="outside")
    context = contextvars.copy_context()
    context.run(variable.set, "inside")

    async def read() -> str:
        return variable.get()

    task = loop.create_task(read(), name="reader", context=context)
    assert task.get_name() == "reader"
    assert loop.run_until_complete(task) == "inside"


def test_closing_twice_is_nothing_and_a_running_loop_stays_open(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Public names": `close` of a running loop is a RuntimeError, of a closed one nothing."""

    async def close() -> None:
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            loop.close()

    loop.run_until_complete(close())
    loop.close()
    loop.close()
    assert loop.is_closed()
    coroutine = close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.run_until_complete(coroutine)
    coroutine.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.run_forever()


def test_a_closed_loop_holds_no_descriptor(new_loop: NewLoop) -> None:
    """Line "One owner, closed once": what the loop opened is closed by `close()`, not when it is forgotten."""
    before = open_descriptors().keys()
    loop = new_loop()
    loop.call_soon_threadsafe(int)
    turn(loop)
    loop.close()
    assert open_descriptors().keys() == before
