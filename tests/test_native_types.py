"""The native classes: no attribute can be set on them, and only the loop makes objects of most of them.

An attribute set on a class, `__new__` above all, may reach memory that was never filled. The purpose of the classes is
not tested here.
"""

import asyncio
from collections.abc import Iterator

import pytest
import vitok
from support import run_script
from vitok import _native

pytestmark = pytest.mark.vitok_only

# Those that users inherit from, or the modules of this package that they use.
INHERITED_BY_USERS = {"EventLoop", "HttpParser", "HttpRequestParser", "HttpResponseParser", "Response"}
# Those that Python code makes.
MADE_BY_USERS = {
    "HttpTotals",
    *(INHERITED_BY_USERS - {"HttpParser"}),
    *("ConnectionCount", "FileSource", "Folder", "HttpServer", "MultipartParser", "Routes"),
}
IMMUTABLE = 1 << 8


def native_classes() -> list[type]:
    """Every class of the native module: those that it shows, and those that only their objects are known by."""
    shown = {value for value in vars(_native).values() if isinstance(value, type)}
    hidden = {entry for entry in descendants(object) if getattr(entry, "__module__", None) == "vitok._native"}
    return sorted(shown | hidden, key=lambda entry: entry.__name__)


def descendants(base: type) -> Iterator[type]:
    """Every class below this one. The garbage collector does not know those that it has been told to leave out.

    Some come more than once: a set would compare them, and one of typing's complains of that.
    """
    for entry in type.__subclasses__(base):
        yield entry
        yield from descendants(entry)


@pytest.fixture(scope="module", autouse=True)
def everything_used() -> None:
    """Some classes come into being when they are used first: accepting, and handing work to a thread."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        await loop.run_in_executor(None, int)
        server.close()
        await server.wait_closed()

    vitok.run(main())


def test_all_of_them_are_found() -> None:
    """Line "all native classes": a new one is seen here by itself; this only keeps the search from finding nothing."""
    names = {entry.__name__ for entry in native_classes()}
    assert {"Bridge", "EventLoop", "Handle", "HttpProtocol", "Listener", "SocketTransport", "TimerHandle"} <= names


@pytest.mark.parametrize("name", ["attribute", "__new__", "__init__", "__del__", "__slots__", "__class__", "__bases__"])
def test_nothing_is_put_on_them(name: str) -> None:
    """Line "Two native classes lack IMMUTABLETYPE": setting and deleting is refused on all of them."""
    for entry in native_classes():
        assert entry.__flags__ & IMMUTABLE, entry
        with pytest.raises(TypeError):
            setattr(entry, name, object.__new__)
        with pytest.raises(TypeError):
            type.__setattr__(entry, name, object.__new__)
        with pytest.raises((TypeError, AttributeError)):
            delattr(entry, name)


def test_no_objects_are_made_of_them() -> None:
    """Line "then SIGSEGV": neither by a call nor by the `__new__` of a base."""
    for entry in native_classes():
        if entry.__name__ in MADE_BY_USERS:
            continue
        with pytest.raises(TypeError):
            entry()
        for base in entry.__mro__[1:]:
            with pytest.raises(TypeError):
                base.__new__(entry)


def test_no_class_inherits_from_them() -> None:
    """Line "all native classes": an object of a class below would have a value that was never filled."""
    for entry in native_classes():
        if entry.__name__ in INHERITED_BY_USERS:
            continue
        with pytest.raises(TypeError):
            type("Below", (entry,), {})


def test_no_objects_are_made_of_the_common_base_of_parsers() -> None:
    """Line "all native classes": only the two classes below it fill the value, and so do classes below those."""
    below = type("Below", (_native.HttpParser,), {})
    with pytest.raises(TypeError):
        below()
    assert type("Below", (_native.HttpRequestParser,), {})(None) is not None


def test_no_object_becomes_one_of_them(loop: asyncio.AbstractEventLoop) -> None:
    """Line "all native classes": `__class__` is not assigned, in neither direction."""

    class Own(asyncio.Transport):
        """Any class of the user's."""

    handle = loop.call_soon(int)
    for entry in native_classes():
        with pytest.raises(TypeError):
            Own().__class__ = entry
    if type(handle).__module__ == "vitok._native":
        with pytest.raises((TypeError, AttributeError)):
            handle.__class__ = Own  # type: ignore[assignment]


def test_a_base_with_a_new_of_its_own() -> None:
    """Line "`__new__` put on them, then SIGSEGV": asyncio's base class can be changed, to no effect."""
    output = run_script(
        "vitok",
        """
        import asyncio
        from asyncio import transports
        from vitok import _native

        transports._FlowControlMixin.__new__ = staticmethod(lambda cls: object.__new__(cls))
        refused = 0
        for name in ("SocketTransport", "DatagramTransport", "WritePipeTransport", "ReadPipeTransport"):
            try:
                getattr(_native, name)()
            except TypeError:
                refused += 1
        print(refused)
        """,
    )
    assert output == "4\n"


def test_the_loops_class_stays_the_users() -> None:
    """Habit "honoured when replaced": what is put on `vitok.Loop` or on a class below it counts, as before."""

    class Own(vitok.Loop):
        """A loop with a clock of its own."""

        def time(self) -> float:
            """Stands still."""
            return 7.0

    loop = Own()
    assert loop.time() == 7.0
    Own.extra = 1  # type: ignore[attr-defined]
    assert loop.extra == 1  # type: ignore[attr-defined]
    loop.close()
