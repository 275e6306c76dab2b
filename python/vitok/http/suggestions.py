"""What was probably meant by a name of an application that leads nowhere: modules and attributes nearby.

Files are read as text and never run. Each function returns the end of a message, or nothing. Loading is not known here.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from .module_text import applications_in, factories_in

# So many names are shown; more are a list that nobody reads.
_MOST_NAMES = 4
# So many files of a folder are read.
_MOST_FILES = 50
# Modules in which the application of a folder usually is.
_USUAL_MODULES = ("main", "app", "asgi", "wsgi", "server")
# How alike two names are of which one is the other with a mistake in it: a letter of four.
_LIKENESS = 0.74
_SUFFIX = ".py"
_PACKAGE = "__init__.py"


def for_path(name: str, folder: str) -> str:
    """Return what to type instead of the path of a file, or "" if the name is none. `folder` is that of the modules.

    The path may have an attribute, as in src/site.py:app, and may lack the ending.
    """
    text, colon, attribute = name.partition(":")
    path = _file_of(text, Path(folder)) if text else None
    is_path = os.sep in text or (path is not None and not _is_module(text))
    if not is_path and not text.endswith(_SUFFIX):
        return ""
    if path is None and is_path and not colon and _is_folder(Path(text)):
        first = _first_in(Path(text))
        app_dir = "" if _is_same(Path(text), Path(folder)) else f" --app-dir {os.path.normpath(text)}"
        return f"it is a folder: vitok serve {first}{app_dir}" if first else "it is a folder without an application"
    if path is None:
        if not is_path and colon:
            # It may be a module py in a package.
            return ""
        missing = Path(text) if text.endswith(_SUFFIX) else Path(f"{text}{_SUFFIX}")
        near = _near(missing.name, (one.name for one in _files(missing.parent)))
        meant = f": did you mean {_shown(missing.parent / one for one in near)}?" if near else ""
        return f"there is no file {str(missing)!r}{meant}"
    module, app_dir = _module_of(path, Path(folder))
    what = "a package" if path.name == _PACKAGE else "a file"
    if wrong := [part for part in module.split(".") if not part.isidentifier()]:
        better = re.sub(r"\W", "_", wrong[0])
        hint = f": rename it to {better}" if better.isidentifier() else ""
        return f"it is {what} that can't be imported: {wrong[0]!r} is no name of a module{hint}"
    app = f"{module}:{attribute}" if attribute else _calls(module, path)
    if not app:
        name = f"vitok serve {module}:NAME{app_dir}"
        return f"it is {what} in which no application is seen: {name}, or for a program vitok run {text}"
    return f"it is {what}: vitok serve {app}{app_dir}"


def for_module(name: str, folder: str) -> str:
    """Return what could follow a name without an attribute: `site` becomes `site:app`, or what the file has.

    The attribute may be there behind a dot, as in `site.app`, and the name may be that of a folder with modules.
    """
    where = Path(folder)
    path = _path_of(name, where) if name else None
    if path is not None and (calls := _calls(name, path)):
        return calls
    module, _, attribute = name.rpartition(".")
    if path is None and module and attribute.isidentifier() and _path_of(module, where) is not None:
        return f"{module}:{attribute}"
    if path is None and name and _is_folder(where / name) and (first := _first_in(where / name)):
        below = where / name
        return first if _is_same(below, where) else f"{first} --app-dir {os.path.normpath(below)}"
    return f"{name if _is_module(name) else 'module'}:app"


def for_nothing(folder: str) -> str:
    """Return the application of the first module in the folder that has one, the usual names before others."""
    first = _first_in(Path(folder))
    return f", such as {first}" if first else ""


def _first_in(where: Path) -> str:
    """Return the application of the first module of a folder that has one, as arguments; "" for none."""
    names = [name for name in _USUAL_MODULES if _is_file(where / f"{name}{_SUFFIX}")]
    for name in dict.fromkeys([*names, *(one.stem for one in _files(where))][:_MOST_FILES]):
        path = where / f"{name}{_SUFFIX}"
        if name.isidentifier() and name != "__init__" and (applications_in(path) or factories_in(path)):
            return _calls(name, path)
    return ""


def for_missing_module(name: str, attribute: str, folder: str) -> str:
    """Return the names of modules in the folder that are like this one, or the folder in which it is."""
    top = name.partition(".")[0]
    where = Path(folder)
    if near := _near(top, filter(str.isidentifier, _modules(where))):
        return f": did you mean {_shown(f'{one}{name.removeprefix(top)}:{attribute}' for one in near)}?"
    if name.endswith(_SUFFIX) and _path_of(stem := name.removesuffix(_SUFFIX), where):
        return f": did you mean {stem + ':' + attribute!r}?"
    for one in sorted(_folders(where)):
        if _path_of(name, one) is not None:
            return f": it is in {one.name!r}, for which there is --app-dir {one.name}"
    return ""


def for_hidden_module(name: str, folder: str, file: str | None) -> str:
    """Return which module of this name is imported, if the folder has another one. `file` is that of the imported one.

    A module of the standard library, for example, that is imported before an application is.
    """
    own = _path_of(name, Path(folder))
    if own is None or (file is not None and _is_same(Path(file), own)):
        return ""
    return f": this is the module {file or 'of this name that is built in'}, which hides {str(own)!r}: rename that file"


def for_missing_attribute(attribute: str, names: Iterable[str], file: str | None) -> str:
    """Return names of a module that are like this attribute, or its applications. `names` are all that it has."""
    path = None if file is None else Path(file)
    applications = [] if path is None else applications_in(path)
    factories = [] if path is None else factories_in(path)
    near = _near(attribute, [*applications, *factories]) or _near(attribute, _public(names))
    found = near or applications or factories
    if not found:
        return ""
    return f": did you mean {_shown(found)}{' with --factory' if found[0] in factories else ''}?"


def _public(names: Iterable[str]) -> list[str]:
    return [one for one in names if not one.startswith("_")]


def _calls(module: str, path: Path) -> str:
    """Return the applications in a file as arguments; for a package also those of its usual modules. "" for none."""
    for one in (path, *(path.with_name(f"{usual}{_SUFFIX}") for usual in _USUAL_MODULES if path.name == _PACKAGE)):
        name = module if one == path else f"{module}.{one.stem}"
        if applications := applications_in(one):
            return " or ".join(f"{name}:{application}" for application in applications[:_MOST_NAMES])
        if factories := factories_in(one):
            return f"{name}:{factories[0]} --factory"
    return ""


def _module_of(path: Path, folder: Path) -> tuple[str, str]:
    """Return the name by which a file is imported, and the option that it needs, if it does."""
    path = path.absolute()
    names = [] if path.name == _PACKAGE else [path.stem]
    parent = path.parent
    while _is_file(parent / _PACKAGE):
        names.insert(0, parent.name)
        parent = parent.parent
    if _is_same(parent, folder):
        return ".".join(names), ""
    return ".".join(names), f" --app-dir {os.path.relpath(parent)}"


def _file_of(text: str, folder: Path) -> Path | None:
    """Return the file of a path, which may lack the ending or be that of a package; None if there is none."""
    for path in (Path(text), folder / text):
        for one in (path, path / _PACKAGE, path.parent / f"{path.name}{_SUFFIX}"):
            if _is_file(one):
                return one
    return None


def _path_of(module: str, folder: Path) -> Path | None:
    """Return the file of a module in this folder."""
    base = folder.joinpath(*module.split("."))
    return next((one for one in (base / _PACKAGE, base.parent / f"{base.name}.py") if _is_file(one)), None)


def _is_file(path: Path) -> bool:
    """Return whether there is a file, which a folder that can't be searched has not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    """Return whether there is a folder that can be searched."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _is_same(path: Path, other: Path) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)


def _modules(folder: Path) -> list[str]:
    packages = [one.name for one in _folders(folder) if _is_file(one / _PACKAGE)]
    return packages + [one.stem for one in _files(folder)]


def _files(folder: Path) -> list[Path]:
    """Return the Python files of a folder; none if it can't be read."""
    try:
        return sorted(one for one in folder.iterdir() if one.suffix == _SUFFIX)
    except OSError:
        return []


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, but for hidden ones; none if it can't be read."""
    try:
        return [one for one in folder.iterdir() if not one.name.startswith(".") and one.is_dir()]
    except OSError:
        return []


def _is_module(name: str) -> bool:
    """Return whether a module can have this name."""
    return all(part.isidentifier() for part in name.split("."))


def _near(name: str, names: Iterable[str]) -> list[str]:
    """Return the names that are like this one; only if there are none, those that are but for capital letters."""
    known = list(dict.fromkeys(names))
    near = difflib.get_close_matches(name, known, n=_MOST_NAMES, cutoff=_LIKENESS)
    return near or [one for one in known if one.lower() == name.lower()][:_MOST_NAMES]


def _shown(names: Iterable[object]) -> str:
    shown = [repr(str(one)) for one in names]
    return " or ".join(shown[:_MOST_NAMES])
