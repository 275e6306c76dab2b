"""After many TLS connections that ended in every way, memory and descriptors are as before."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import FREE_THREADED, run_python
from tls_certificates import Contexts

pytestmark = pytest.mark.vitok_only

HERE = Path(__file__).resolve().parent
# VITOK_TLS_CONNECTIONS=50000 makes as many; a thousand takes some two seconds.
# Without the GIL the interpreter keeps a hundred blocks more or less: little beside those of so many connections.
CONNECTIONS = int(os.environ.get("VITOK_TLS_CONNECTIONS", "3600" if FREE_THREADED else "1200"))
ROUNDS = 6
# Far longer than a connection takes on a busy machine.
SECONDS = 30 + CONNECTIONS / 50
# An object that stays for one of the nine ways to end takes more than these: they are for what a program itself keeps.
BYTES_EACH = 32
BLOCKS_EACH = 0.1
# A busy loop on Linux makes a ring of io_uring in one of the rounds.
DESCRIPTORS = 1


@dataclass(frozen=True, slots=True)
class Round:
    """What a round has left: a line of the program's output."""

    connections: int
    in_use: int
    blocks: int
    descriptors: int
    resident: int


@pytest.mark.timeout(SECONDS + 10)
def test_connections_leave_nothing(engine: str, contexts: Contexts) -> None:
    """Issue 12, item 5: no descriptor and no memory is left of many connections, whatever ended them."""
    program = [HERE / "many_connections.py", "vitok", contexts.folder, str(CONNECTIONS), str(ROUNDS)]
    modules = os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parent / "http")))
    child = run_python(*program, environment={"VITOK_TLS": engine, "PYTHONPATH": modules}, seconds=SECONDS)
    assert (child.returncode, child.stderr) == (0, ""), child.stderr
    rounds = [Round(*map(int, line.split())) for line in child.stdout.splitlines()]
    assert len(rounds) == ROUNDS
    # The first half fills what is kept for the next connections.
    before, after = rounds[ROUNDS // 2 - 1], rounds[-1]
    made = after.connections - before.connections
    assert after.in_use - before.in_use < BYTES_EACH * made, child.stdout
    assert after.blocks - before.blocks < BLOCKS_EACH * made, child.stdout
    assert after.descriptors - before.descriptors <= DESCRIPTORS, child.stdout
