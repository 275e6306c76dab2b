"""A peer whose bytes end, stop, are reset or are changed, at every record of an exchange: what asyncio makes of it.

Each fault happens once on asyncio's loop and once on each engine, and both ends must see the same: the calls of the
protocol, the result of the call that made the connection, reports to the exception handler, and the peer's alerts.
VITOK_EVERY_BYTE=1 tries every byte of every record, which takes a minute.
"""

import asyncio
import os
from collections.abc import Iterator

import pytest
from fault_compare import Known, comparing
from fault_exchange import Plan
from fault_peer import Fault, FaultyPeer
from tls_certificates import Contexts
from tls_peer import HEADER_SIZE
from tls_support import SIDES

pytestmark = pytest.mark.vitok_only

VERSIONS = ("TLSv1_2", "TLSv1_3")
EVERY_BYTE = os.environ.get("VITOK_EVERY_BYTE") == "1"
# A record's content is cut in so many places, beside those in and at its header and before its last byte.
PLACES = 8
# A peer encrypts what follows a record of this type, in both versions: every change there is found by its signature.
CHANGE_CIPHER_SPEC_SIZE = 6
# A byte of the random number of a hello, which is the first message of either end.
RANDOM_BYTE = HEADER_SIZE + 20
# Where the header of a record has its length.
LENGTH_BYTES = (3, 4)


@pytest.fixture(scope="module")
def known() -> Known:
    """What asyncio's loop made of each fault."""
    return {}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("action", ["end", "reset", "stop", "flip"])
def test_fault(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, known: Known, *, side: str, version: str, action: str
) -> None:
    """Issue 12, item 5: truncated records, a reset at every point, a peer that stops, a bit flipped in a record."""
    with comparing(loop, contexts, known, side=side, version=version) as compare:
        compare.faults(faults(compare.sound_peer(), action))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("side", SIDES)
def test_slow_bytes(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, known: Known, *, side: str, version: str
) -> None:
    """Issue 12, item 5: a peer that sends one byte at a time, to its goodbye and to an end without one."""
    with comparing(loop, contexts, known, side=side, version=version) as compare:
        last = len(compare.sound_peer().lengths) - 1
        for fault in (None, Fault("end", last), Fault("end", last - 1, HEADER_SIZE)):
            compare.run(Plan(fault=fault, is_slow=True), ("slow", fault))


def faults(peer: FaultyPeer, action: str) -> Iterator[Fault]:
    """The faults of one kind, in the records that a peer has sent in an exchange without one."""
    is_encrypted = False
    for record, length in enumerate(peer.lengths):
        if action == "flip":
            # TLS 1.3 finds any change of a hello, by the keys that both ends derive from it.
            is_found = is_encrypted or peer.tls.version() == "TLSv1.3"
            for byte in flipped_bytes(length, is_found=is_found, is_encrypted=is_encrypted):
                yield Fault(flipped_bit(length, byte, is_encrypted=is_encrypted), record, byte)
        else:
            for byte in cut_bytes(length, is_often=action == "end"):
                yield Fault(action, record, byte)
        is_encrypted = is_encrypted or length == CHANGE_CIPHER_SPEC_SIZE


def cut_bytes(length: int, *, is_often: bool) -> list[int]:
    """Where a record of this length is cut."""
    if EVERY_BYTE:
        return list(range(length))
    content = length - HEADER_SIZE
    if is_often:
        steps = [HEADER_SIZE + content * place // PLACES for place in range(PLACES)]
        return sorted({*range(HEADER_SIZE + 2), *steps, length - 1} & set(range(length)))
    return sorted({0, 1, HEADER_SIZE, HEADER_SIZE + content // 2, length - 1})


def flipped_bytes(length: int, *, is_found: bool, is_encrypted: bool) -> list[int]:
    """Where a bit of a record of this length is flipped: in its header, and elsewhere if the change is found there.

    In clear, elsewhere is where a change has the same effect whatever the random bytes are: most changes of a key share
    make it another key, and a few an invalid one.
    """
    middle = HEADER_SIZE + (length - HEADER_SIZE) // 2 if is_encrypted else RANDOM_BYTE
    content = {HEADER_SIZE, min(middle, length - 1), length - 1} if is_found else set()
    return [*range(HEADER_SIZE), *sorted(content)]


def flipped_bit(length: int, byte: int, *, is_encrypted: bool) -> int:
    """Which bit is flipped there. In clear, a flipped bit of a length makes it greater.

    After a shorter record its rest would be the header of the next one: random bytes, which may begin an SSL 2 hello.
    """
    bits = range(byte % 8, 8)
    if is_encrypted or byte not in LENGTH_BYTES:
        return bits[0]
    size = (length - HEADER_SIZE).to_bytes(len(LENGTH_BYTES), "big")[byte - LENGTH_BYTES[0]]
    return next(bit for bit in bits if not size >> bit & 1)
