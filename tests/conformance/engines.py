"""The TLS engines of the loop: each test of TLS runs once on each of them, as a case of its own.

VITOK_TLS selects the engine; the loop reads it into an attribute of a module. Other loops have one engine, and their
tests are listed once. This file does not know how a test runs.
"""

import os
import sys
from typing import Any

# The package whose loop has these engines; the first runs under the test's own name, so that a reason for the test
# names it on both.
PACKAGE = "vitok"
ENGINES = ("direct", "memory")
VARIABLE = "VITOK_TLS"
SETTING = ("vitok._tls", "wanted")
# All tests of these modules are about TLS; of the others, those with one of the words in their names.
MODULES = ("test_ssl", "test_sslproto")
WORDS = ("ssl", "tls")


def of(name: str, package: str) -> tuple[str, ...]:
    """The engines on which a test of this name runs, on the loop of this package; none if it is not about TLS."""
    module, _, rest = name.partition(".")
    is_about_tls = module in MODULES or any(word in rest.lower() for word in WORDS)
    return ENGINES if package == PACKAGE and is_about_tls else ()


def with_engine(name: str, engine: str) -> str:
    """The name of a test on one engine, of which the first adds nothing."""
    return name if engine == ENGINES[0] else f"{name} ({engine})"


def without_engine(name: str) -> str:
    """The name of the test itself, which is the same on each engine and on other loops."""
    return name.partition(" ")[0]


def choose(engine: str) -> None:
    """Let the loops of this process, and of its children, use this engine."""
    os.environ[VARIABLE] = engine
    module: Any = sys.modules.get(SETTING[0])
    if module is not None:
        setattr(module, SETTING[1], engine)
