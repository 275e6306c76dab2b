"""The examples of clusters: each computes in two worker processes, and the loops of all processes are vitok's.

Both take long to install: `make programs`.
"""

import sys
import tempfile
from dataclasses import replace

import pytest
from children import FLAVOURS, lines_of
from needs import MORE, need_library
from support import PROJECT

# Ray starts a dozen processes, which takes ten seconds on an idle machine. The watchdog of all tests waits for 90.
SECONDS = 80
# What the two leave to the garbage collector is theirs.
FLAVOUR = replace(FLAVOURS["vitok"], flags=())
WORKERS = ["worker: vitok.Loop in a process of its own: True"] * 2

pytestmark = [pytest.mark.vitok_only, pytest.mark.timeout(SECONDS + 5)]


def test_dask() -> None:
    """Issue 14, item 7: a scheduler and two workers of dask."""
    need_library("distributed", group=MORE)
    lines = lines_of([sys.executable, str(PROJECT / "examples" / "cluster_dask.py")], FLAVOUR, seconds=SECONDS)
    assert lines == ["primes: 5133", "scheduler: vitok.Loop", *WORKERS]


def test_ray() -> None:
    """Issue 14, item 7: two asynchronous actors of Ray."""
    need_library("ray", group=MORE)
    words = [sys.executable, str(PROJECT / "examples" / "cluster_ray.py")]
    # Ray has Unix sockets in its folder, and a socket's path has room for 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        alone = {"RAY_TMPDIR": folder, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
        lines = lines_of(words, FLAVOUR, seconds=SECONDS, **alone)
    # Ray's own log is before them.
    assert lines[-4:] == ["primes: 5133", "driver: vitok.Loop", *WORKERS]
