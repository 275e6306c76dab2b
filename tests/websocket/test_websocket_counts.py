"""`HttpServer.metrics()` about WebSockets: how many are open, how many there were, and their handshakes as requests.

The other counts are tested in tests/http/test_access_counts.py.
"""

from typing import Any

import pytest
import wires
from asgi_support import hello, serving
from ws_calls import served
from ws_frames import handshake, text

pytestmark = [pytest.mark.vitok_only, wires.both_wires]


def test_an_open_one() -> None:
    """A WebSocket counts as open and as one more, and its handshake as a request."""
    with served(metrics=True) as here:
        peer, call = here.open()
        counts = here.site.http.metrics()
        assert (counts["websockets"], counts["websockets_total"]) == (1, 1)
        # The handshake is answered with 101, over HTTP/2 with 200.
        handshakes = [1, 0, 0, 0, 0, 0] if peer.client.version == "1.1" else [0, 1, 0, 0, 0, 0]
        assert counts["requests"] == handshakes
        peer.send(text("some text"))
        assert call.content() == "some text"
        assert here.site.http.metrics()["received_bytes"] > counts["received_bytes"]
        peer.leave()
        call.returns()
        here.site.wait(lambda: here.site.http.metrics()["websockets"] == 0)
        after = here.site.http.metrics()
        assert after["websockets_total"] == 1
        assert after["requests"] == handshakes


@wires.http1_only("its handshakes")
def test_a_refused_one() -> None:
    """A handshake that is refused counts by its status only."""
    with serving(hello, metrics=True, ws="none") as site:
        assert site.ask(handshake()).status == 501
        counts: dict[str, Any] = site.http.metrics()
        assert counts["requests"] == [0, 0, 0, 0, 1, 0]
        assert counts["websockets_total"] == 0


def test_a_peer_that_leaves_before_acceptance() -> None:
    """A handshake whose client leaves before its answer counts as 499."""
    with served(metrics=True) as here:
        peer = here.begin()
        call = here.calls.next()
        peer.stream.close()
        call.connected()
        assert call.disconnected()[0] == 1006
        call.returns()
        here.ended()
        assert here.site.http.metrics()["requests"] == [0, 0, 0, 1, 0, 0]
