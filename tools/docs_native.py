"""A griffe extension for the reference pages: docstrings of native classes come from the built module.

mkdocstrings reads signatures and types from the sources and, for native classes, from their stubs. Those have few
docstrings: the others are in Rust. An attribute without one has the text that its class gives the argument of the same
name, and a keyword of the server the text that the table of options has. Pages and the theme are not known here.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from typing import Any

import griffe

# Where the classes of stubs are at run time, and the class of those which a stub alone has.
NATIVE = {"vitok._native": "vitok._native", "vitok._http_native": "vitok._native", "vitok.httptools": "vitok.httptools"}
RENAMED = {"_AnyHandle": "Handle"}
# The keywords of the server, whose texts are in the table of its options.
KEYWORDS = "vitok.http.options.keywords"
# An example between two paragraphs; in Markdown its prompt would be a quotation of a quotation.
EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\n|$).*)*", re.MULTILINE)
# What an argument or an attribute is, in the docstring of a class.
DESCRIBED = (griffe.DocstringSectionKind.parameters, griffe.DocstringSectionKind.attributes)


class NativeDocstrings(griffe.Extension):  # type: ignore[misc, unused-ignore]  # the checker may not have the library
    """Gives each object of the package that has none the docstring of the imported object, or that of its class."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Complete the docstrings of a package once all of it is loaded."""
        if pkg.path == "vitok":
            complete(pkg)


def complete(owner: griffe.Module | griffe.Class) -> None:
    """Complete the docstrings of what is defined in a module or a class, and of what is defined in that."""
    described = descriptions(owner) if isinstance(owner, griffe.Class) else {}
    for name, member in owner.members.items():
        if isinstance(member, griffe.Alias):
            continue
        if member.docstring is None and (text := imported_docstring(member) or described.get(name)):
            member.docstring = griffe.Docstring(text, parent=member)
        if isinstance(member, griffe.Function):
            show_inherited_signature(member)
            show_defaults(member)
        if isinstance(member, griffe.Class):
            show_arguments(member)
        if isinstance(member, griffe.Module | griffe.Class):
            complete(member)
        if member.docstring is not None:
            member.docstring.value = EXAMPLE.sub(r"```pycon\n\g<0>\n```", member.docstring.value)


def show_arguments(owner: griffe.Class) -> None:
    """Give a native class, which has `__new__` only, the constructor whose arguments mkdocstrings shows."""
    new = owner.members.get("__new__")
    if "__init__" in owner.members or not isinstance(new, griffe.Function) or "_arguments" in new.parameters:
        # The last are classes whose arguments an inherited constructor has.
        return
    parameters = griffe.Parameters(griffe.Parameter("self"), *list(new.parameters)[1:])
    owner.set_member("__init__", griffe.Function("__init__", parameters=parameters, parent=owner))


def show_inherited_signature(function: griffe.Function) -> None:
    """Give a method that passes all of its arguments on the signature of the inherited one, as `inspect` does."""
    if function.module.path != "vitok._loop" or "args" not in function.parameters:
        return
    owner = importlib.import_module("vitok").Loop
    method = inspect.getattr_static(owner, function.name)
    if hasattr(method, "__signature__"):
        parameters = inspect.signature(method).parameters.values()
        function.parameters = griffe.Parameters(*map(parameter_of, parameters))


def parameter_of(parameter: inspect.Parameter) -> griffe.Parameter:
    """Return a parameter of an imported function."""
    value = parameter.default
    # The constants of sockets, whose text no program would write.
    shown = f"socket.{value.name}" if isinstance(value, enum.Enum) else repr(value)
    default = None if value is parameter.empty else shown
    kind = griffe.ParameterKind(parameter.kind.description)
    return griffe.Parameter(parameter.name, kind=kind, default=default)


def show_defaults(function: griffe.Function) -> None:
    """Replace the name of a constant by its value where it is the default of an argument."""
    for parameter in function.parameters:
        default = parameter.default
        if not isinstance(default, griffe.ExprName | griffe.ExprAttribute):
            continue
        package, _, name = default.canonical_path.partition(".")
        if package != "vitok":
            continue
        constant = function.package[name]
        constant = constant.final_target if isinstance(constant, griffe.Alias) else constant
        if isinstance(constant, griffe.Attribute) and constant.value is not None:
            parameter.default = constant.value


def descriptions(owner: griffe.Class) -> dict[str, str]:
    """Return what the docstring of a class says of its arguments and attributes, by name."""
    if owner.module.path == KEYWORDS:
        return texts_of_options()
    text = imported_docstring(owner) if owner.docstring is None else owner.docstring.value
    if not text:
        return {}
    sections = griffe.parse_google(griffe.Docstring(text, parent=owner), warnings=False)
    return {item.name: item.description for section in sections if section.kind in DESCRIBED for item in section.value}


def texts_of_options() -> dict[str, str]:
    """Return what the table of options says of each, and its default."""
    parsing, options = (importlib.import_module(f"vitok.http.{name}") for name in ("option_parsing", "options"))
    return {one.name: f"{one.help[0].upper()}{one.help[1:]} ({parsing.shown(one)})." for one in options.table()}


def imported_docstring(member: griffe.Object) -> str | None:
    """Return the docstring of a native object; None if it is defined in Python or has none."""
    place = NATIVE.get(member.module.path)
    if place is None or isinstance(member, griffe.Module):
        return None
    found: Any = importlib.import_module(place)
    for name in member.path.removeprefix(f"{member.module.path}.").split("."):
        found = inspect.getattr_static(found, RENAMED.get(name, name), None)
    if member.is_attribute and not inspect.isdatadescriptor(found):
        # The docstring of a plain value is that of its class.
        return None
    found = found.__func__ if isinstance(found, classmethod | staticmethod) else found
    text = getattr(found, "__doc__", None)
    return inspect.cleandoc(text) if text else None
