"""The requirements of the programs: a library, a command. A missing one skips a test, or fails it in CI.

Their use is not known here.
"""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# .ci/run sets this where everything has to be there, so that nothing is left out without anybody noticing.
REQUIRED = "VITOK_REQUIRE_PROGRAMS"
# The programs that take long to install are a group of their own, and `make programs` sets this.
MORE = "more-programs"
MORE_REQUIRED = "VITOK_REQUIRE_MORE_PROGRAMS"
# Debian keeps PostgreSQL's own commands out of the path, by version.
DEBIAN_POSTGRES = Path("/usr/lib/postgresql")


def need_library(name: str, *, group: str = "programs") -> None:
    """A library of a dependency group. It is looked for, not imported: that is the child's affair."""
    if importlib.util.find_spec(name) is None:
        missing(f"{name} is not installed: pip install --group {group}", MORE_REQUIRED if group == MORE else REQUIRED)


def need_command(name: str, *, package: str) -> Path:
    """A command of a Debian package. Gives its path."""
    found = shutil.which(name) or newest_of_postgres(name)
    if found is None:
        missing(f"{name} is missing (Debian: apt install {package})")
    return Path(found)


def newest_of_postgres(name: str) -> str | None:
    """One of PostgreSQL's commands, of the highest version that is there."""
    versions = sorted(DEBIAN_POSTGRES.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    return shutil.which(name, path=os.pathsep.join(map(str, versions)))


def missing(what: str, required: str = REQUIRED) -> NoReturn:
    """Say what is missing in one line."""
    if os.environ.get(required) == "1":
        pytest.fail(f"{what}; {required}=1 asks for it", pytrace=False)
    pytest.skip(what)
