"""The last answer reaches a client that still sends, on transports that can end one side and on those that can't (TLS).

Time is simulated. Real clients over TLS are in test_asgi_unread_tls.py.
"""

import pytest
from driven import POST, Driven, plain, run, turns

pytestmark = pytest.mark.vitok_only

UPLOAD = POST + b"content-length: 1000000\r\n\r\n"
# A second, and the seconds that a silent peer and one that goes on sending have.
TICKS, SILENT, SENDING = 1, 2, 30


@pytest.mark.parametrize("can_half_close", [True, False])
def test_an_upload_is_read_on_behind_its_answer(can_half_close: bool) -> None:
    """The answer leaves at once; the connection stays while the upload comes, and ends when the client ends."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect(can_half_close=can_half_close)
        wire.send(UPLOAD)
        await turns()
        assert wire.read().startswith(b"HTTP/1.1 200 ")
        assert wire.has_ended_writing is can_half_close
        for _ in range(20):
            wire.send(bytes(10_000))
            driven.pass_time(TICKS)
            assert not wire.closing
            assert not wire.reads_paused
        wire.end()
        await turns()
        assert wire.is_over
        assert not wire.is_aborted
        assert driven.server.connections == 0

    run(main)


@pytest.mark.parametrize("can_half_close", [True, False])
def test_a_client_that_stops_sending_has_two_seconds(can_half_close: bool) -> None:
    """It may wait for the end: where our side has not ended the connection is closed, otherwise it is cut."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect(can_half_close=can_half_close)
        wire.send(UPLOAD)
        await turns()
        wire.read()
        driven.pass_time(SILENT * TICKS)
        assert not wire.closing
        driven.pass_time(TICKS)
        assert wire.closing
        assert wire.is_aborted is can_half_close
        await turns()
        assert driven.server.connections == 0

    run(main)


@pytest.mark.parametrize("can_half_close", [True, False])
def test_an_upload_without_end_is_cut(can_half_close: bool) -> None:
    """However fast the client sends, after thirty seconds nobody reads any more."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect(can_half_close=can_half_close)
        wire.send(UPLOAD)
        await turns()
        wire.read()
        for _ in range(SENDING * TICKS):
            wire.send(bytes(10_000))
            driven.pass_time(TICKS)
            assert not wire.closing
        wire.send(bytes(10_000))
        driven.pass_time(TICKS)
        assert wire.is_aborted

    run(main)


@pytest.mark.parametrize(
    ("data", "status", "seconds"),
    [
        (b"nonsense\r\n\r\n", b"400", SILENT),
        (POST + b"content-length: 2000\r\n\r\n", b"413", SENDING),
        (b"GET /" + bytes([97]) * 10_000 + b" HTTP/1.1\r\n", b"414", SILENT),
    ],
)
@pytest.mark.parametrize("can_half_close", [True, False])
def test_a_refused_client_that_goes_on_sending(can_half_close: bool, data: bytes, status: bytes, seconds: int) -> None:
    """An announced upload has its time; whoever sends what is no request does not."""

    async def main() -> None:
        driven = Driven(plain, limit_request_body=1000)
        wire = driven.connect(can_half_close=can_half_close)
        wire.send(data)
        await turns()
        assert wire.read().startswith(b"HTTP/1.1 " + status)
        for _ in range(seconds * TICKS):
            wire.send(bytes(10_000))
            driven.pass_time(TICKS)
            assert not wire.closing
        wire.send(bytes(10_000))
        driven.pass_time(TICKS)
        assert wire.is_aborted

    run(main)


@pytest.mark.parametrize("can_half_close", [True, False])
def test_a_server_that_ends_waits_two_seconds_for_an_upload(can_half_close: bool) -> None:
    """The time that is left is cut, and new uploads get no more."""

    async def main() -> None:
        driven = Driven(plain)
        wire, late = (driven.connect(can_half_close=can_half_close) for _ in range(2))
        late.send(POST)
        wire.send(UPLOAD)
        await turns()
        driven.server.begin_shutdown()
        late.send(b"content-length: 1000000\r\n\r\n")
        await turns()
        for peer in (wire, late):
            assert peer.read().startswith(b"HTTP/1.1 200 ")
        for _ in range(SILENT * TICKS + 1):
            wire.send(bytes(10_000))
            late.send(bytes(10_000))
            driven.pass_time(TICKS)
        assert wire.is_aborted
        assert late.is_aborted

    run(main)
