"""The engines of TLS transports, for tests in this process and in a child: `VITOK_TLS` and `vitok._tls.wanted`."""

import importlib.util

import pytest

ENGINES = ("memory", "direct")


def choose(engine: str, patch: pytest.MonkeyPatch) -> None:
    """Use this engine for connections made from here on, in this process and in its children."""
    patch.setenv("VITOK_TLS", engine)
    if importlib.util.find_spec("vitok._tls") is not None:
        patch.setattr("vitok._tls.wanted", engine, raising=False)
