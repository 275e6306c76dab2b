"""Writes the reference in docs/applications.md from docstrings: `python tests/http/applications_reference.py`.

A test compares both. Signatures are those of the source, or of the stub for native classes, whose docstrings are in
Rust. The rest of the page, before and after the two marks, is written by hand.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "applications.md"
BEGIN, END = "<!-- reference: begin -->\n", "<!-- reference: end -->\n"
STUBS = [PROJECT / "python" / "vitok" / name for name in ("_native.pyi", "_http_native.pyi")]
# What the page has, in its order, by the modules from which programs import it.
PUBLIC = {
    "vitok.http": [
        *("App", "Request", "Response", "HTTPError", "Form", "FormLimits", "UploadedFile", "Headers", "QueryParams"),
        *("Event", "WebSocket", "WebSocketClosed", "ClientDisconnected", "Converter", "run"),
    ],
    "vitok.http.testing": [
        *("TestClient", "AsyncTestClient", "Options", "TestResponse", "StreamedResponse", "ServerSentEvent"),
        *("TestWebSocket", "WebSocketRefused", "serve"),
    ],
}
# As long as a line of the page may be.
CHARACTERS_AT_MOST = 110
# Methods with underscores that programs call.
SPECIAL = {"__call__", "__getitem__", "__iter__", "__len__", "__contains__"}
Function = ast.FunctionDef | ast.AsyncFunctionDef
# The sections of a docstring, and how the page calls them.
SECTIONS = {"Args:": "Arguments:", "Raises:": "Raises:", "Returns:": "Returns:", "Yields:": "Yields:"}


def main() -> None:
    """Write the reference into the page."""
    before, _, after = parts()
    PAGE.write_text(before + BEGIN + written() + END + after)


def difference() -> str:
    """Return the correct reference if the page has another one, or an empty text."""
    return "" if parts()[1] == written() else written()


def parts() -> tuple[str, str, str]:
    """Return the page before, within and after the two marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    inner, _, after = rest.partition(END)
    return before, inner, after


def written() -> str:
    """Return the reference in Markdown: a heading for each class and function."""
    lines: list[str] = []
    for module, names in PUBLIC.items():
        for name in names:
            thing = getattr(importlib.import_module(module), name)
            lines += ["", f"### `{module}.{name}`", "", *entry(name, thing)]
    return "\n".join(lines[1:]) + "\n"


def entry(name: str, thing: Any) -> Iterator[str]:
    """Yield the lines of one class or function: of a class its attributes as a list, and then its methods."""
    if not inspect.isclass(thing):
        constants = vars(inspect.getmodule(thing))
        yield from block([line for node in definitions(thing) for line in signature(node, name, constants)])
        yield from text_of(inspect.getdoc(thing))
        return
    if made := constructor(thing):
        yield from block(signature(made[1], name, vars(inspect.getmodule(made[0]))))
    yield from text_of(own_docstring(thing))
    found = members(thing)
    attributes = {member: facts for member, facts in found.items() if "(" not in facts[0][0].partition(":")[0]}
    if attributes:
        yield ""
    for member, (forms, docs) in attributes.items():
        yield from listed(member, forms[0], docs)
    for member, (forms, docs) in found.items():
        if member not in attributes:
            yield from ["", f"#### `{member}`", "", *block(forms), *text_of(docs)]


def without_docstring() -> Iterator[str]:
    """Yield the names of what the reference would show without a sentence."""
    for module, names in PUBLIC.items():
        for name in names:
            thing = getattr(importlib.import_module(module), name)
            if not (own_docstring(thing) if inspect.isclass(thing) else inspect.getdoc(thing)):
                yield f"{module}.{name}"
            if inspect.isclass(thing):
                yield from (f"{module}.{name}.{member}" for member, (_, docs) in members(thing).items() if not docs)


def own_docstring(thing: type) -> str | None:
    """Return the docstring of a class, not that of a base."""
    return inspect.cleandoc(thing.__doc__) if thing.__doc__ else None


def definitions(function: Any) -> list[Function]:
    """Return the definition of a function, or its overloads."""
    function = inspect.unwrap(function)
    tree = ast.parse(Path(inspect.getsourcefile(function) or "").read_text())
    return functions_in(tree.body, function.__name__)


def functions_in(body: list[ast.stmt], name: str) -> list[Function]:
    """Return the functions of a name: the overloads of one that has them, without the one that implements them."""
    found = [node for node in body if isinstance(node, Function) and node.name == name]
    overloads = [node for node in found if is_marked(node, "overload")]
    return overloads or found


def is_marked(node: Function, decorator: str) -> bool:
    """Tell whether a function has a decorator, whose last name counts."""
    return any(ast.unparse(mark).rpartition(".")[2] == decorator for mark in node.decorator_list)


def classes_of(thing: type) -> Iterator[tuple[type, ast.ClassDef]]:
    """Yield a class and its bases of this package, each with its definition, the class first."""
    for base in thing.__mro__:
        if base.__module__.partition(".")[0] != "vitok":
            continue
        for path in STUBS if base.__module__ == "vitok._native" else [Path(inspect.getsourcefile(base) or "")]:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and node.name == base.__name__:
                    yield base, node


def constructor(thing: type) -> tuple[type, Function] | None:
    """Return the function whose arguments those of the class are, with its class, or None if it has none."""
    for base, node in classes_of(thing):
        for name in ("__init__", "__new__"):
            if found := functions_in(node.body, name):
                return base, found[0]
    return None


def members(thing: type) -> dict[str, tuple[list[str], str | None]]:
    """Return the public members in the order of their definition: how each is written, and its docstring."""
    found: dict[str, tuple[list[str], str | None]] = {}
    for base, node in classes_of(thing):
        constants = vars(inspect.getmodule(base))
        for name in names_in(node):
            if name in found or (name.startswith("_") and name not in SPECIAL):
                continue
            functions = functions_in(node.body, name)
            lines = [line for function in functions for line in signature(function, name, constants)]
            found[name] = lines or [attribute(node, name)], docstring(base, node, name)
    return {name: facts for name, facts in found.items() if facts[1] or name not in SPECIAL}


def names_in(node: ast.ClassDef) -> Iterator[str]:
    """Yield the names that a class and its __init__ define, of attributes only those with a docstring."""
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, Function):
            yield statement.name
            if statement.name == "__init__":
                yield from (name for name, _, _ in documented(statement.body, "self."))
        elif isinstance(statement, ast.AnnAssign) and is_text(following):
            yield ast.unparse(statement.target)


def documented(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Yield the attributes that have a docstring: name, type if it is written, and docstring."""
    for statement, following in pairwise(body):
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or not is_text(following):
            continue
        target = ast.unparse(statement.targets[0] if isinstance(statement, ast.Assign) else statement.target)
        kind = ast.unparse(statement.annotation) if isinstance(statement, ast.AnnAssign) else ""
        if target.startswith(prefix):
            yield target.removeprefix(prefix), kind, ast.literal_eval(ast.unparse(following))


def is_text(node: ast.stmt | None) -> bool:
    """Tell whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def attribute(node: ast.ClassDef, name: str) -> str:
    """Return how an attribute is written: its name, with its type if that is known."""
    for statement in ast.walk(node):
        if isinstance(statement, ast.AnnAssign):
            target = ast.unparse(statement.target).removeprefix("self.")
            if target == name:
                return f"{name}: {ast.unparse(statement.annotation)}"
    return name


def docstring(base: type, node: ast.ClassDef, name: str) -> str | None:
    """Return the docstring of a member."""
    starts = [part for part in node.body if isinstance(part, Function) and part.name == "__init__"]
    inner = [(node.body, "")] + [(start.body, "self.") for start in starts]
    for body, prefix in inner:
        for found, _, text in documented(body, prefix):
            if found == name:
                return inspect.cleandoc(text)
    member = vars(base).get(name)
    # Attributes of native classes have none, and are described in the stub.
    text = getattr(member, "__doc__", None) or next(map(ast.get_docstring, functions_in(node.body, name)), None)
    return inspect.cleandoc(text) if text else None


def signature(node: Function, name: str, constants: Mapping[str, Any]) -> list[str]:
    """Return how a function is called, or what a property is, in lines that fit on a page."""
    returns = ast.unparse(node.returns) if node.returns is not None else ""
    if is_marked(node, "property") or is_marked(node, "cached_property"):
        return [f"{name}: {returns}"]
    each = list(arguments(node, constants))
    start = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    result = f" -> {returns}" if returns and node.name not in {"__init__", "__new__"} else ""
    line = f"{start}{name}({', '.join(each)}){result}"
    if len(line) <= CHARACTERS_AT_MOST:
        return [line]
    return [f"{start}{name}(", *(f"    {argument}," for argument in each), f"){result}"]


def arguments(node: Function, constants: Mapping[str, Any]) -> Iterator[str]:
    """Yield the arguments of a function as they are written, without the object."""
    args = node.args
    positional = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(positional) - len(args.defaults)) + args.defaults
    for number, (argument, default) in enumerate(zip(positional, defaults, strict=True), 1):
        if number > 1 or argument.arg not in {"self", "cls"}:
            yield written_argument(argument, default, constants)
        if number == len(args.posonlyargs) and positional[0].arg != "self":
            yield "/"
    if args.vararg is not None:
        yield f"*{written_argument(args.vararg, None, constants)}"
    elif args.kwonlyargs:
        yield "*"
    for argument, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield written_argument(argument, default, constants)
    if args.kwarg is not None:
        yield f"**{written_argument(args.kwarg, None, constants)}"


def written_argument(argument: ast.arg, default: ast.expr | None, constants: Mapping[str, Any]) -> str:
    """Return one argument with its type and its default, for which a private name is no help."""
    kind = f": {ast.unparse(argument.annotation)}" if argument.annotation is not None else ""
    if default is None:
        return f"{argument.arg}{kind}"
    text = ast.unparse(default)
    value = repr(constants[text]) if text.startswith("_") and text in constants else text
    return f"{argument.arg}{kind} = {value}" if kind else f"{argument.arg}={value}"


def listed(name: str, form: str, docs: str | None) -> Iterator[str]:
    """Yield an attribute as an item of a list."""
    _, colon, kind = form.partition(": ")
    first, *more = (docs or "?").splitlines()
    yield f"- `{name}`{f', `{kind}`' if colon else ''}: {first}"
    yield from (f"  {line}".rstrip() for line in more)


def block(lines: list[str]) -> list[str]:
    """Return signatures as a block of code."""
    return ["```text", *lines, "```", ""]


def text_of(docs: str | None) -> Iterator[str]:
    """Yield a docstring as Markdown: its sections as lists, its examples as blocks."""
    if not docs:
        return
    pieces = re.split(r"\n\n+", docs)
    for number, piece in enumerate(pieces):
        if number:
            yield ""
        yield from piece_of(piece)


def piece_of(piece: str) -> list[str]:
    """Return one paragraph, section or example as Markdown."""
    head, _, rest = piece.partition("\n")
    if head in SECTIONS:
        items = re.split(r"\n(?! )", textwrap.dedent(rest))
        return [SECTIONS[head], "", *(item_of(item) for item in items)]
    if head.startswith(">>> "):
        return ["```pycon", *piece.splitlines(), "```"]
    if piece.startswith("    "):
        return ["```python", *textwrap.dedent(piece).splitlines(), "```"]
    return piece.splitlines()


def item_of(item: str) -> str:
    """Return one item of a section: what it is about, and its text."""
    name, colon, text = " ".join(item.split()).partition(": ")
    return f"- `{name}`: {text}" if colon else f"- {name}"


if __name__ == "__main__":
    main()
