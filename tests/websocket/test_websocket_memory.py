"""Refused memory: a call that waits for a message is told of the end. All allocations are tested by `memory_child`."""

import asyncio

import driven
import pytest
from driven import Driven, turns
from support import is_alone
from ws_driven import Accepting, accepted
from ws_frames import BINARY, TEXT, frame

pytestmark = pytest.mark.vitok_only

refusing = pytest.importorskip("_testcapi", reason="this Python has no module that refuses memory")


@pytest.mark.parametrize("count", [1, 200_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_without_memory(request: pytest.FixtureRequest, opcode: int, count: int) -> None:
    """The connection is aborted, and the call that waits for the message returns the disconnect."""
    if not is_alone(request):
        return

    async def main() -> None:
        application = Accepting()
        site = Driven(application, ws_max_queue=None, ws_queue_bytes=None)
        wire = await accepted(site)
        waiting = asyncio.ensure_future(application.told())
        await turns()
        take, message = wire.protocol.data_received, frame(opcode, b"x" * 50) * count
        refusing.set_nomemory(0, 1)
        try:
            take(message)
        except MemoryError:
            pass
        else:
            pytest.fail("no memory was asked for")
        finally:
            refusing.remove_mem_hooks()
        await turns()
        assert wire.is_aborted
        assert waiting.done()
        assert await waiting == (1006, "")
        await turns()
        assert site.server.running == site.server.connections == 0

    driven.run(main)
