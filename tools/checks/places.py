"""No file names a path of one machine or the address of a registry.

The check does not depend on the machine it runs on: the folders below are those in which people and their tools keep
files.
"""

import re
from collections.abc import Iterator

from tools.tree import Finding, Tree

# Matches the beginning of a path, so neither a URL nor a path below a variable such as $HOME.
MACHINE_PATH = re.compile(r"(?<![\w.$})~/-])/(?:(?:work|farm|root|opt|home)(?![\w-])|tmp/)")
REGISTRY_HOST = re.compile(
    r"://[\w.@:-]*(?:pypi\.org|pythonhosted\.org|crates\.io|npmjs\.org|debian\.org/debian|proxy\.golang\.org)"
)
# The brackets keep this line from matching itself.
REGISTRY_OPTION = re.compile(r"\bindex[-]url\b|\bfind[-]links\b|\breplace[-]with\b|^\s*registry\s*=")
# cargo writes this name for crates.io into its lock file, whichever mirror the crates came from.
LOCKED_SOURCE = re.compile(r'^source = "(?!registry\+https://github\.com/rust-lang/crates\.io-index")')


def check(tree: Tree) -> Iterator[Finding]:
    """Lines that hold on one machine only."""
    for path, text in tree.files.items():
        for number, line in enumerate(text.splitlines(), 1):
            if path.endswith("Cargo.lock"):
                if LOCKED_SOURCE.search(line):
                    yield Finding(
                        path, number, "a crate from another registry than crates.io", "remove it or publish it"
                    )
            elif match := MACHINE_PATH.search(line):
                yield Finding(
                    path, number, f"the path {match[0]} of one machine", "make it relative, or ask for a folder"
                )
            elif REGISTRY_HOST.search(line) or REGISTRY_OPTION.search(line):
                yield Finding(path, number, "the address of a registry", "configure the registry on the machine")
