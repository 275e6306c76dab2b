"""The applications in a module, as its text shows them: names at its top level, found without running it.

What is imported from elsewhere, made in a loop or set by `setattr` is not found. Loading is not known here.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

# Names that are taken for an application whatever they are assigned, unless it is a constant, and come first.
_USUAL = ("app", "application", "asgi", "asgi_app", "wsgi", "wsgi_app")
# Classes and functions of frameworks that make an application.
_MAKERS = frozenset(
    {
        "App",
        "AsgiFastStream",
        "Bottle",
        "Falcon",
        "FastAPI",
        "FastStream",
        "Flask",
        "Litestar",
        "Quart",
        "Sanic",
        "Starlette",
        "WSGIApplication",
        "get_asgi_application",
        "get_wsgi_application",
        "make_wsgi_app",
    }
)
# Names of functions that make an application, for --factory.
_FACTORIES = frozenset(
    {"app_factory", "build_app", "create_app", "create_application", "get_app", "make_app", "make_application"}
)
# The parameters of an application of ASGI 3 and of one of WSGI.
_CONVENTIONS = (("scope", "receive", "send"), ("environ", "start_response"))
# A file of more bytes is no module that somebody has written.
_MOST_BYTES = 1 << 20


def applications_in(path: Path) -> list[str]:
    """Return the names of applications in a file, the most likely first; none if it is no Python file."""
    found = dict.fromkeys(name for name, is_factory in _candidates(path) if not is_factory)
    return sorted(found, key=lambda name: _USUAL.index(name) if name in _USUAL else len(_USUAL))


def factories_in(path: Path) -> list[str]:
    """Return the names of functions in a file that make an application."""
    return list(dict.fromkeys(name for name, is_factory in _candidates(path) if is_factory))


def _candidates(path: Path) -> Iterator[tuple[str, bool]]:
    """Walk over the names of applications, and over those of their factories, which are True."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return
        with warnings.catch_warnings():
            # Of the file: the import shows them.
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    makers = set(_MAKERS)
    for node in _top_level(tree.body):
        match node:
            case ast.ClassDef(name=name, bases=bases):
                if _has_application_call(node) or any(_last_name(base) in makers for base in bases):
                    makers.add(name)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                if _is_application(name, value, makers):
                    yield name, False
            case ast.ImportFrom(names=aliases):
                makers |= {alias.asname or alias.name for alias in aliases if alias.name in makers}
                yield from ((name, False) for alias in aliases if (name := alias.asname or alias.name) in _USUAL)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if _parameters(node) in _CONVENTIONS:
                    yield name, False
                elif isinstance(node, ast.FunctionDef) and _is_factory(node, makers):
                    yield name, True


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Walk over the statements of a module, into `if`, `try` and `with`, whose names are the module's."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            inner = [*node.body, *getattr(node, "orelse", ()), *getattr(node, "finalbody", ())]
            yield from _top_level(inner)
            for handler in getattr(node, "handlers", ()):
                yield from _top_level(handler.body)


def _is_application(name: str, value: ast.expr, makers: set[str]) -> bool:
    if isinstance(value, ast.Call) and _last_name(value.func) in makers:
        return True
    return name in _USUAL and isinstance(value, ast.Call | ast.Name | ast.Attribute | ast.Lambda | ast.IfExp)


def _is_factory(node: ast.FunctionDef, makers: set[str]) -> bool:
    """Return whether a function can be called without arguments, and is named as one or says that it makes one."""
    arguments = node.args
    if len(arguments.posonlyargs) + len(arguments.args) > len(arguments.defaults) or None in arguments.kw_defaults:
        return False
    return node.name in _FACTORIES or (node.returns is not None and _last_name(node.returns) in makers)


def _has_application_call(node: ast.ClassDef) -> bool:
    """Return whether the objects of a class are called as applications are."""
    functions = (one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(one.name == "__call__" and _parameters(one)[1:] in _CONVENTIONS for one in functions)


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, ...]:
    return tuple(one.arg.lstrip("_") for one in (*node.args.posonlyargs, *node.args.args))


def _last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name: FastAPI of fastapi.FastAPI, also where it is written as a string."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Constant(value=str() as text):
            return text.rpartition(".")[2]
    return ""
