"""Finds the dependencies between the files of a Rust crate, through imports and re-exports.

An arrow leads from a file that names an item to the file that defines the item. Neither `mod x;` nor a `pub use` is an
arrow by itself: a `mod.rs` that only re-exports has none, and the code of one that has code counts as any other. Items
under `#[cfg(test)]` are ignored.

Types are unknown here, so some dependencies are not found: methods of a value whose type the file does not name, items
that a macro makes, and implementations that are reached through their trait only. Methods in an `impl` block outside
the file of their type are found by name, unless another function of the project has the same name. The code must be
formatted by rustfmt: the items of a module begin at one indentation. Of imports that differ by configuration, the last
one counts.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import dropwhile
from pathlib import PurePosixPath

from tools.graph import Arrow
from tools.rust import code_only, matching_brace
from tools.tree import Tree, line_at

Path = tuple[str, ...]

VISIBILITY = r"(?:pub(?:\s*\([^)]*\))?\s+)"
TEST_ITEM = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*[^;{]*(?P<end>[;{])")
CHILD_MODULE = re.compile(r"\bmod\s+\w+\s*;")
INNER_MODULE = re.compile(rf"^ *{VISIBILITY}?mod\s+(?P<name>\w+)\s*\{{", re.MULTILINE)
USE = re.compile(rf"(?P<export>{VISIBILITY})?\buse\s+(?P<tree>[\w:{{}}\s,*]+);")
ITEM = re.compile(
    r"^(?P<indent> *)(?:[a-z]+(?:\([^)\n]*\))?\s+)*?(?:fn|struct|enum|trait|type|const|static|union)\s+(?P<name>\w+)",
    re.MULTILINE,
)
MACRO = re.compile(r"\bmacro_rules\s*!\s*(\w+)")
INHERENT_IMPL = re.compile(
    r"^ *impl(?:<(?:[^<>]|<[^<>]*>)*>)?\s+(?P<type>\w+(?:::\w+)*)(?:(?!\sfor\s)[^{;])*\{", re.MULTILINE
)
FUNCTION = re.compile(r"\bfn\s+(\w+)")
# A path, but not a field, a method, a lifetime or the rest of a longer path. `$crate` begins at the crate as well.
MENTION = re.compile(r"(?<![\w'])(?<!::)(?<!(?<!\.)\.)(?P<path>[A-Za-z_]\w*(?:\s*::\s*\w+)*)(?P<macro>\s*!(?!=))?")
METHOD_CALL = re.compile(r"(?<!\.)\.\s*(?P<name>\w+)\s*(?:::\s*<|\()")


@dataclass(frozen=True, slots=True)
class Mention:
    """A path in code, and the offset of its first name. The last name of a macro ends in an exclamation mark."""

    path: Path
    offset: int


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a `use` declares: the path that it stands for, and whether it is a re-export."""

    alias: str
    path: Path
    offset: int
    is_export: bool


class Module:
    """What one module has and names: a file, or what stands in the braces of a `mod` inside it."""

    def __init__(self, path: Path, file: str, code: str) -> None:
        self.path = path
        self.file = file
        uses = list(USE.finditer(code))
        self.imports = [found for use in uses for found in imports_of(use)]
        self.aliases = {found.alias: found.path for found in self.imports if found.alias not in {"*", "_"}}
        rest = blanked(code, [match.span() for match in [*uses, *CHILD_MODULE.finditer(code)]])
        indent = min((len(match["indent"]) for match in ITEM.finditer(rest)), default=0)
        self.items = {match["name"] for match in ITEM.finditer(rest) if len(match["indent"]) == indent}
        self.macros = set(MACRO.findall(rest))
        # The methods in each `impl` block that is not one of a trait, with the type as it is named there.
        self.impls = [
            (tuple(match["type"].split("::")), method)
            for match in INHERENT_IMPL.finditer(rest)
            for method in FUNCTION.findall(rest[match.end() : matching_brace(rest, match.end() - 1)])
        ]
        self.mentions = [
            Mention((*names[:-1], names[-1] + ("!" if match["macro"] else "")), match.start())
            for match in MENTION.finditer(rest)
            for names in [re.split(r"\s*::\s*", match["path"])]
        ]
        self.methods_called = [Mention((match["name"],), match.start("name")) for match in METHOD_CALL.finditer(rest)]


class Crate:
    """The modules of one crate by their paths from its root, which has the empty path."""

    def __init__(self, folder: str, codes: Mapping[str, str], *, names: Mapping[str, int]) -> None:
        self.codes = codes
        # How many functions of the project have each name.
        self.names = names
        # More than one can have the same path, each for another system.
        self.variants = [
            module
            for file, code in codes.items()
            for module in modules_of(module_path(file.removeprefix(folder)), file=file, code=code)
        ]
        self.modules = {module.path: module for module in self.variants}
        self.macros = {name: module.file for module in self.variants for name in module.macros}
        self.methods = dict(self.methods_apart())

    def methods_apart(self) -> Iterator[tuple[str, str]]:
        """The methods that stand in another file than their type and have a name of their own, with the file."""
        for module in self.variants:
            for type_path, method in module.impls:
                if self.names[method] == 1 and self.definer(module, type_path) not in {None, module.file}:
                    yield method, module.file

    def arrows(self) -> Iterator[Arrow]:
        """Every arrow between two files, once for each name."""
        seen: set[tuple[str, str, str]] = set()
        for module in self.variants:
            for mention, target in sorted(self.targets(module), key=lambda found: found[0].offset):
                key = (module.file, target, mention.path[-1])
                if target != module.file and key not in seen:
                    seen.add(key)
                    line = line_at(self.codes[module.file], mention.offset)
                    yield Arrow(module.file, target, "::".join(mention.path), line)

    def targets(self, module: Module) -> Iterator[tuple[Mention, str]]:
        """What a module names, with the files that define it."""
        private = [Mention(found.path, found.offset) for found in module.imports if not found.is_export]
        for mention in [*private, *module.mentions]:
            target = self.definer(module, mention.path)
            if target is not None:
                yield mention, target
        through_type = [mention for mention in module.mentions if len(mention.path) > 1]
        for mention in [*module.methods_called, *through_type]:
            if mention.path[-1] in self.methods:
                yield mention, self.methods[mention.path[-1]]

    def definer(self, module: Module, path: Path) -> str | None:
        """The file that defines what a path means in a module. A module has none, and neither has another crate."""
        if path[-1].endswith("!"):
            return self.macros.get(path[-1].removesuffix("!"))
        rooted = self.rooted(module, path)
        return None if rooted is None else self.follow(rooted, passed=frozenset())

    def rooted(self, module: Module, path: Path) -> Path | None:
        """A path as seen from the root of the crate, or nothing if it begins at another crate or a local name."""
        first = path[0]
        if set(path) <= {"crate", "self", "super"}:
            return None
        if first == "crate":
            return path[1:]
        if first in {"self", "super"}:
            names = tuple(dropwhile({"self", "super"}.__contains__, path))
            return (*module.path[: len(module.path) - path.count("super")], *names)
        is_here = first in module.items or first in module.aliases or (*module.path, first) in self.modules
        return (*module.path, *path) if is_here else None

    def follow(self, path: Path, *, passed: frozenset[Path]) -> str | None:
        """The file that defines what a path from the root leads to, through each re-export on the way."""
        if path in passed:
            return None
        for position, name in enumerate(path):
            module = self.modules.get(path[:position])
            if module is None:
                return None
            is_module = path[: position + 1] in self.modules
            is_item = position == len(path) - 1 and (name in module.items or name in module.aliases)
            if is_module and not is_item:
                continue
            if name not in module.aliases:
                return self.macros.get(name, module.file) if not module.path else module.file
            target = self.imported(module, name)
            return None if target is None else self.follow((*target, *path[position + 1 :]), passed=passed | {path})
        return None

    def imported(self, module: Module, name: str) -> Path | None:
        """What an imported name stands for, from the root of the crate."""
        path = module.aliases[name]
        is_child = (*module.path, path[0]) in self.modules
        # An import of another crate by its own name would find itself.
        return None if path[0] == name and not is_child else self.rooted(module, path)


@lru_cache(maxsize=1)
def arrows_of(tree: Tree) -> tuple[Arrow, ...]:
    """Every arrow between two files of one crate, for each crate of a tree."""
    codes = {file: built_code(text) for file, text in tree.select(endings=[".rs"])}
    names = function_names(codes.values())
    found: list[Arrow] = []
    for root in codes:
        if root.endswith(("/lib.rs", "/main.rs")):
            folder = root.rpartition("/")[0] + "/"
            files = {file: code for file, code in codes.items() if file.startswith(folder)}
            found.extend(Crate(folder, files, names=names).arrows())
    return tuple(found)


def function_names(codes: Iterable[str]) -> Counter[str]:
    """How many functions have each name."""
    return Counter(name for code in codes for name in FUNCTION.findall(code))


def module_path(name: str) -> Path:
    """The module that a file makes up, by its name below the folder of its crate's sources."""
    *folders, last = PurePosixPath(name).with_suffix("").parts
    return (*folders, *([] if last in {"lib", "main", "mod"} else [last]))


def modules_of(path: Path, *, file: str, code: str) -> Iterator[Module]:
    """The module with this code, and those that stand in its braces."""
    spans: list[tuple[int, int]] = []
    for match in INNER_MODULE.finditer(code):
        start = match.end()
        if any(first <= start < last for first, last in spans):
            continue
        end = matching_brace(code, start - 1)
        spans.append((match.start(), end + 1))
        inside = blanked(code, [(0, start), (end, len(code))])
        yield from modules_of((*path, match["name"]), file=file, code=inside)
    yield Module(path, file, blanked(code, spans))


def built_code(text: str) -> str:
    """A file without its comments and strings, and without the items that are built for tests only."""
    code = code_only(text)
    spans = []
    for match in TEST_ITEM.finditer(code):
        end = match.end() if match["end"] == ";" else matching_brace(code, match.start("end")) + 1
        spans.append((match.start(), end))
    return blanked(code, spans)


def blanked(code: str, spans: Iterable[tuple[int, int]]) -> str:
    """Code of the same length and lines with nothing between each two offsets."""
    for start, end in spans:
        code = code[:start] + re.sub(r"[^\n]", " ", code[start:end]) + code[end:]
    return code


def imports_of(use: re.Match[str]) -> Iterator[Import]:
    """What one `use` brings in."""
    for path, alias, offset in leaves(use["tree"], offset=use.start("tree")):
        yield Import(alias, path, offset, is_export=use["export"] is not None)


def leaves(tree: str, *, offset: int, prefix: Path = ()) -> Iterator[tuple[Path, str, int]]:
    """Each path in the tree of a `use`, with the name that it gets and its offset. A glob's name is a star."""
    offset += len(tree) - len(tree.lstrip())
    head, brace, rest = tree.strip().partition("{")
    names, _, alias = head.partition(" as ")
    path = (*prefix, *(name.strip() for name in names.split("::") if name.strip()))
    if not brace:
        path = path[:-1] if path[-1:] == ("self",) and len(path) > 1 else path
        if path:
            yield path, alias.strip() or path[-1], offset
        return
    start = len(head) + 1
    for part, position in at_commas(rest.rpartition("}")[0]):
        yield from leaves(part, offset=offset + start + position, prefix=path)


def at_commas(text: str) -> Iterator[tuple[str, int]]:
    """The parts between the commas that stand in no braces, with their offsets."""
    depth = start = 0
    for position, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            yield text[start:position], start
            start = position + 1
    yield text[start:], start
