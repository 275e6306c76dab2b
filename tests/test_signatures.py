"""Signatures: `inspect.signature` of every public method is that of asyncio's loop of this version.

There is no list of methods: the public names are those of asyncio's classes.
"""

import asyncio
import inspect
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.vitok_only


def public_names(kind: type) -> list[str]:
    """The public methods of a class, in alphabetical order."""
    return [name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))]


def ours(name: str) -> Any:
    """A class of vitok by name, imported only when a test needs it."""
    import vitok

    return getattr(vitok, name)


@pytest.mark.parametrize("name", public_names(asyncio.AbstractEventLoop))
def test_loop_method(name: str) -> None:
    """Line "Signatures follow the running CPython's": names, order, kinds and defaults, as bound to a loop."""
    expected = getattr(asyncio.SelectorEventLoop, name)
    loop = ours("Loop")()
    try:
        method = getattr(loop, name)
        assert shape(inspect.signature(method)) == without_self(expected)
        assert inspect.iscoroutinefunction(method) == inspect.iscoroutinefunction(expected)
    finally:
        loop.close()


def without_self(method: Any) -> inspect.Signature:
    """What the signature of a method is once it is bound: a native `self` is positional only, which nobody can see."""
    signature = shape(inspect.signature(method))
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def shape(signature: inspect.Signature) -> inspect.Signature:
    """A signature without its annotations: asyncio has none, and they change no call."""
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)


@pytest.mark.parametrize("name", ["create_connection", "sock_accept", "sock_recv", "sock_sendall", "sock_sendto"])
def test_native_coroutine_methods_have_asyncios_docstrings(name: str) -> None:
    """`help(loop.sock_recv)` shows what asyncio says of the method, not what its class is."""
    assert inspect.getdoc(getattr(ours("Loop"), name)) == inspect.getdoc(getattr(asyncio.SelectorEventLoop, name))


def test_nothing_public_is_missing() -> None:
    """Line "Signatures": also what asyncio's selector loop has beyond the abstract one."""
    assert set(public_names(asyncio.SelectorEventLoop)) <= set(public_names(ours("Loop")))


@pytest.mark.parametrize("name", public_names(asyncio.Handle))
def test_handle_method(name: str) -> None:
    """Line "Signatures": the handle that `call_soon` gives has the methods of `asyncio.Handle`."""
    assert signature_of_made("call_soon", name) == without_self(getattr(asyncio.Handle, name))


@pytest.mark.parametrize("name", public_names(asyncio.TimerHandle))
def test_timer_handle_method(name: str) -> None:
    """Line "Signatures": the handle that `call_later` gives has the methods of `asyncio.TimerHandle`."""
    assert signature_of_made("call_later", name) == without_self(getattr(asyncio.TimerHandle, name))


def signature_of_made(method: str, name: str) -> inspect.Signature:
    """The signature of one method of a handle, bound to the handle."""
    loop = ours("Loop")()
    try:
        handle = loop.call_soon(int) if method == "call_soon" else loop.call_later(60, int)
        return shape(inspect.signature(getattr(handle, name)))
    finally:
        loop.close()


@pytest.mark.parametrize(
    ("method", "keyword", "since"),
    [
        ("create_connection", "happy_eyeballs_delay", (3, 8)),
        ("create_connection", "interleave", (3, 8)),
        ("create_connection", "all_errors", (3, 12)),
        ("create_server", "keep_alive", (3, 13)),
        ("create_task", "kwargs", (3, 14)),
    ],
)
def test_newer_keywords_come_with_their_version(method: str, keyword: str, since: tuple[int, int]) -> None:
    """Line "Signatures": the keywords which the line names are there exactly where asyncio has them."""
    parameters = inspect.signature(getattr(ours("Loop"), method)).parameters
    oracle = inspect.signature(getattr(asyncio.SelectorEventLoop, method)).parameters
    assert (keyword in parameters) == (keyword in oracle)
    assert keyword in parameters or sys.version_info < since
