"""Every public method of transports, servers, coroutines and the loop, called from several threads at once.

asyncio allows none of that, so there is no oracle: the outcome of a call is whatever it is. But a fault of a program
must not corrupt memory: no crash, no hang, no panic. Programs make the calls, each in a process of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from certificates_made import make_certificates

pytestmark = pytest.mark.vitok_only

SECONDS = 1.0
TRANSPORTS = "transport_hammer.py"
KINDS = [(TRANSPORTS, kind) for kind in ("tcp", "unix", "udp", "pipes", "processes")]
KINDS += [("loop_hammer.py", kind) for kind in ("servers", "operations", "loops")]


def hammer(program: str, kind: str, *more: str, **environment: str) -> None:
    """Run the program, which must end well and have done something."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name(program)), kind, str(SECONDS), *more]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, timeout=58, check=False
    )
    assert done.returncode == 0, done.stderr[-6000:]
    assert int(done.stdout) > 0


@pytest.mark.parametrize(("program", "kind"), KINDS)
def test_no_call_from_another_thread_crashes(program: str, kind: str) -> None:
    """A call may raise and a connection may end, and that is all."""
    hammer(program, kind)


@pytest.mark.parametrize("engine", ["direct", "memory"])
def test_no_call_of_a_transport_over_tls_crashes(engine: str, tmp_path: Path) -> None:
    """OpenSSL's own structures are used by one thread at a time, whatever the program does."""
    make_certificates(tmp_path)
    hammer(TRANSPORTS, "tls", str(tmp_path), VITOK_TLS=engine)
