"""close(), abort() and cancel() at every turn of a connection, and inside every call of its protocol.

What both ends see is compared with asyncio's loop, as in test_faults_cut.py.
"""

import asyncio
from collections.abc import Callable

import pytest
from fault_compare import Comparison, Known, comparing
from fault_exchange import Act, Exchanges, Plan
from fault_peer import Fault
from fault_ways import STREAMS, WAYS, Log
from tls_certificates import Contexts
from tls_support import SIDES

pytestmark = pytest.mark.vitok_only

VERSIONS = ("TLSv1_2", "TLSv1_3")
# An exchange takes less than half as many turns.
TURNS_AT_MOST = 100
HANDSHAKE_SECONDS = 7.5
WAYS_OF_SIDES = [(side, way) for side in SIDES for way in WAYS if side == "client" or way not in STREAMS]


@pytest.fixture(scope="module")
def known() -> Known:
    """What asyncio's loop made of each exchange."""
    return {}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("side", "way"), WAYS_OF_SIDES)
@pytest.mark.parametrize("name", ["cancel", "close", "abort"])
def test_act_at_every_turn(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, known: Known, *, side: str, version: str, way: str, name: str
) -> None:
    """Issue 12, item 5: close at every await of each way to make a connection, and at every turn after that."""
    if way in STREAMS and name != "cancel":
        pytest.skip("the streams keep their transport to themselves")
    with comparing(loop, contexts, known, side=side, version=version) as compare:
        last = len(compare.sound_peer().lengths) - 1
        garbage = Fault("instead", last, sent=b"no TLS\r\n", afterwards="end")
        faults = (None, Fault("stop", last), Fault("end", last), garbage)
        # With the older version, whose handshake takes more turns, the peer is sound.
        for fault in faults if version == "TLSv1_3" else faults[:1]:
            act_at_every_turn(compare, way, name, fault)


def act_at_every_turn(compare: Comparison, way: str, name: str, fault: Fault | None) -> None:
    """Run exchanges until one is over before the application acts."""
    for turn in range(TURNS_AT_MOST):
        plan = Plan(act=Act(name, turn), way=way, fault=fault)
        if not compare.run(plan, (way, name, turn, fault)).has_acted:
            return
    raise AssertionError("an exchange takes very many turns")


def fail(log: Log) -> None:
    """Raise an exception of the application."""
    raise LookupError("by the test")


def interrupt(log: Log) -> None:
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


INSIDE: dict[str, Callable[[Log], object]] = {
    "close": lambda log: log.transport.close(),
    "abort": lambda log: log.transport.abort(),
    "close and abort": lambda log: (log.transport.close(), log.transport.abort()),
    "write and close": lambda log: (log.transport.write(b"more"), log.transport.close()),
    "write and abort": lambda log: (log.transport.write(b"more"), log.transport.abort()),
    "close and write": lambda log: (log.transport.close(), log.transport.write(b"more")),
    "pause": lambda log: log.transport.pause_reading(),
    "fail": fail,
    "interrupt": interrupt,
}


def has_no_oracle(side: str, way: str, call: str, name: str, fault: Fault | None) -> bool:
    """Whether asyncio's loop breaks a promise of its own, so that ours need not do the same.

    Its `start_tls()` waits for ever on a transport that has been closed. A connection that is closed while reading is
    paused, after an end of file without a goodbye, stays open. Data are received after `close()` if they came with the
    last message of the handshake, and writing in `connection_lost` is an AttributeError. A client whose reading is
    paused in `connection_made` keeps the last message of its handshake back, and after an interrupt there the data that
    came with the handshake are not received.
    """
    is_end = "close" in name or "abort" in name
    if call == "connection_made" and way == "create" and name == "interrupt":
        return True
    if call == "connection_made":
        return name == "pause" if way == "create" and side == "client" else is_end or name == "pause"
    if call == "connection_lost":
        return name == "close and write"
    return call == "data_received" and name == "pause" and fault is not None and fault.action == "end"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("way", ["create", "start_tls"])
@pytest.mark.parametrize("call", ["connection_made", "data_received", "eof_received", "connection_lost"])
def test_act_inside_a_call(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, known: Known, *, side: str, way: str, call: str
) -> None:
    """The application closes, aborts or fails inside a call of its protocol; the peer is sound, or leaves, or stops."""
    with comparing(loop, contexts, known, side=side) as compare:
        last = len(compare.sound_peer().lengths) - 1
        for fault in (None, Fault("stop", last), Fault("end", last)):
            for name, act in INSIDE.items():
                if not has_no_oracle(side, way, call, name, fault):
                    compare.run(Plan(inside={call: act}, way=way, fault=fault), (way, call, name, fault))


@pytest.mark.parametrize(("side", "way"), WAYS_OF_SIDES)
@pytest.mark.parametrize("fault", ["end", "reset", "stop", "instead"])
def test_fault_in_the_handshake(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, known: Known, *, side: str, way: str, fault: str
) -> None:
    """Issue 12, item 5: whatever way makes the connection, a handshake that fails or stops is asyncio's exception."""
    options = {"ssl_handshake_timeout": HANDSHAKE_SECONDS}
    if way == "upgrade":
        # StreamWriter.start_tls() of 3.11 has no argument for it.
        options = {}
    with comparing(loop, contexts, known, side=side) as compare:
        for number in range(len(compare.sound_peer().lengths)):
            for byte in (0, 1):
                wrong = Fault(fault, number, byte, sent=b"no TLS\r\n" if fault == "instead" else b"")
                compare.run(Plan(fault=wrong, way=way, options=options), (way, wrong))


@pytest.mark.parametrize("name", ["close", "close and write", "write and close"])
def test_no_data_after_close(loop: asyncio.AbstractEventLoop, contexts: Contexts, name: str) -> None:
    """Line "`close()` stops delivering data": those that came with the last message of the handshake are dropped."""
    seen = Exchanges(loop, contexts, side="server").run(Plan(inside={"connection_made": INSIDE[name]})).seen
    assert [call[0] for call in seen][:3] == ["connection_made", "eof_received", "connection_lost"]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", ["close", "abort"])
def test_start_tls_on_a_closed_transport(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, name: str
) -> None:
    """The handshake of a connection that was lost before it began is ended by its timeout."""
    exchange = Exchanges(loop, contexts, side=side).run(Plan(inside={"connection_made": INSIDE[name]}, way="start_tls"))
    ((_, result),) = [call for call in exchange.seen if call[0] == "result"]
    assert result[0] == "ConnectionAbortedError"


@pytest.mark.parametrize("side", SIDES)
def test_close_after_an_end_while_paused(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """A connection is closed although reading is paused and the peer has left without a goodbye."""
    exchanges = Exchanges(loop, contexts, side=side)
    last = len(exchanges.run(Plan()).peer.lengths) - 1
    plan = Plan(inside={"data_received": INSIDE["pause"]}, fault=Fault("end", last))
    names = [call[0] for call in exchanges.run(plan).seen]
    assert names[-5:-2] == ["closed by the test", "eof_received", "connection_lost"]
