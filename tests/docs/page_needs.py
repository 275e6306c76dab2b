"""What a page of docs/ needs: libraries that its code imports, and commands that it calls.

A missing one skips the test of the page, or fails it where everything has to be there; needs.py decides that. The names
of what `pip install` is shown for are compared with the groups and extras of pyproject.toml.
"""

import ast
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath

import pytest
from console_blocks import commands_of
from needs import MORE, need_command, need_library
from page_blocks import Block, PageError
from support import PROJECT

# Modules that do not have the name of what is installed.
DISTRIBUTIONS = {
    "dask": "distributed",
    "grpc": "grpcio",
    "jupyter_core": "ipykernel",
    "opentelemetry": "opentelemetry-sdk",
    "rest_framework": "djangorestframework",
    "socketio": "python-socketio",
    "zmq": "pyzmq",
}
# Commands that no library of Python brings, with their Debian package.
PACKAGES = {
    "caddy": "caddy",
    "curl": "curl",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "redis-cli": "redis-tools",
    "redis-server": "redis-server",
    "systemd-analyze": "systemd",
}
# Modules of the libraries that bring a command of another name.
COMMANDS = {
    "dask": "distributed",
    "django-admin": "django",
    "ipython": "IPython",
    "jupyter": "jupyter_core",
    "ptw": "pytest",
    "twist": "twisted",
    "twistd": "twisted",
}
ASSIGNMENT = re.compile(r"\w+=")
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[(?P<extras>[\w,. -]+)\])?(?:[<>=!~].*)?$")
OURS = {"vitok", "vitok-bench"}
INSTALLS = re.compile(r"(?:\S*python[\d.]* -m )?(?:uv )?pip install |uv add ")


@cache
def requirements() -> dict[str, set[str]]:
    """Return the names of each group and extra of pyproject.toml, without those of the groups that it includes."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    groups: dict[str, list[object]] = settings["dependency-groups"] | settings["project"]["optional-dependencies"]
    return {group: {normal(entry) for entry in entries if isinstance(entry, str)} for group, entries in groups.items()}


def normal(requirement: str) -> str:
    """Return the name of a requirement as registries compare it; nothing for what is none."""
    match = re.match(r"[\w.-]+", requirement)
    return "" if match is None else re.sub(r"[-_.]+", "-", match[0]).lower()


def need_all(blocks: list[Block]) -> None:
    """Skip, or fail, unless everything is there. PageError for a library that is in no group."""
    for module, line in libraries_of(blocks):
        need_module(module, line)
    for words in commands_that_run(blocks):
        name = program_of(words)
        if name in PACKAGES:
            need_command(name, package=PACKAGES[name])


def needs_more(blocks: list[Block]) -> bool:
    """Tell whether a page needs a library that only the programs have that take long to install."""
    return any(group_of(module, line) == MORE for module, line in libraries_of(blocks))


def libraries_of(blocks: list[Block]) -> Iterator[tuple[str, int]]:
    """Yield the modules that blocks import or run, each with the line of its block, or 0."""
    own = {part for block in blocks if block.title for part in modules_of(block.title)}
    for block in blocks:
        if block.skipped is None and block.kind in ("python", "pycon"):
            modules = set(imports_of(block)) - own - sys.stdlib_module_names - {"vitok"}
            yield from ((module, block.line) for module in sorted(modules))
    known = {name for names in requirements().values() for name in names}
    for words in commands_that_run(blocks):
        module = COMMANDS.get(program_of(words), program_of(words))
        if normal(DISTRIBUTIONS.get(module, module)) in known:
            yield module.replace("-", "_"), 0


def commands_that_run(blocks: list[Block]) -> Iterator[list[str]]:
    """Yield the words of each command that is not an installation, without variables that are set for it."""
    for block in blocks:
        if block.skipped is None and block.kind == "console" and block.title is None:
            for command in commands_of(block.text):
                parts = [part for part in shlex.split(command.words, comments=True) if not ASSIGNMENT.match(part)]
                if parts and not INSTALLS.match(command.words):
                    yield parts


def modules_of(title: str) -> Iterator[str]:
    """Yield the name under which a file of the page, or its folder, is imported."""
    yield PurePosixPath(title).parts[0].removesuffix(".py")
    yield PurePosixPath(title).stem


def imports_of(block: Block) -> Iterator[str]:
    """Yield the modules that a block imports, by the first part of their names."""
    if block.kind == "pycon":
        lines = re.findall(r"^>>> (?:import|from) (\w+)", block.text, re.MULTILINE)
        yield from lines
        return
    try:
        tree = ast.parse(block.text)
    except SyntaxError as error:
        raise PageError(f"{block.line + (error.lineno or 1)}: {error.msg}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def need_module(module: str, line: int) -> None:
    """Look for a library by the name of its module. PageError if no group has it."""
    group = group_of(module, line)
    if group == "peers":
        # They are installed for measuring only.
        pytest.importorskip(module)
    need_library(module, group=group)


def group_of(module: str, line: int) -> str:
    """Return the group of a library: that of the programs, unless only another one has it."""
    name = normal(DISTRIBUTIONS.get(module, module))
    groups = {group for group, names in requirements().items() if name in names}
    if not groups:
        raise PageError(f"{line}: no group of pyproject.toml has {name}")
    if groups == {"peers"}:
        return "peers"
    return MORE if groups <= {MORE, "peers"} else "programs"


def program_of(parts: list[str]) -> str:
    """Return the command that runs, or the package of a module after `-m`, also below `vitok run`."""
    if parts[:2] == ["vitok", "run"]:
        # Its other options are switches.
        parts = [part for part in parts[2:] if part not in ("--as-uvloop", "--inspect")] or parts
    elif parts[0].startswith("python") and parts[1:2] == ["-m"]:
        parts = parts[1:]
    return parts[1].partition(".")[0] if parts[0] == "-m" and len(parts) > 1 else parts[0]


def is_installation(words: str) -> bool:
    """Tell whether a command installs something, and check what it names. AssertionError for what nobody tests."""
    match = INSTALLS.match(words)
    if match is None:
        return False
    known = {name for names in requirements().values() for name in names}
    extras = set(requirements())
    parts = shlex.split(words[match.end() :], comments=True)
    for part in (part for part in parts if not part.startswith(("-", "dist/", "./", ".")) and "/" not in part):
        requirement = REQUIREMENT.fullmatch(part)
        assert requirement is not None, f"{part} is no requirement"
        name = normal(requirement["name"])
        assert name in known | OURS, f"{name} is in no group or extra of pyproject.toml"
        if name == "vitok" and requirement["extras"]:
            wanted = {extra.strip() for extra in requirement["extras"].split(",")}
            assert wanted <= extras, f"vitok has no extra {', '.join(sorted(wanted - extras))}"
    return True
