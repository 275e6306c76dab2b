"""A WebSocket of a native application over HTTP/2, under `vitok serve`."""

from pathlib import Path

import pytest
import served as serve_command
import ws_http2
from http2_client import Http2Client
from ws_frames import text

pytestmark = pytest.mark.vitok_only

NATIVE = """
from vitok.http import App

app = App()


@app.websocket("/chat/{room}")
async def chat(socket):
    await socket.accept()
    async for message in socket:
        await socket.send(f"{socket.path_params['room']}: {message}")
"""


def test_a_native_application(tmp_path: Path) -> None:
    """A handler of a native application is found by the path; another path is refused by 404."""
    (tmp_path / "native_chat.py").write_text(NATIVE)
    with serve_command.serving(app="native_chat:app", folder=tmp_path) as child:
        with Http2Client(child.port) as client:
            number = client.peer.request(ws_http2.fields_of("/chat/blue"), end=False)
            stream = client.head(number)
            assert stream.status == 200
            client.send(number, text("hello"))
            client.wait(lambda: stream.pieces)
            assert stream.body == b"\x81\x0bblue: hello"
            other = client.peer.request(ws_http2.fields_of("/nowhere"), end=False)
            assert client.head(other).status == 404
        assert child.end() == 0
    assert '"CONNECT /chat/blue HTTP/2" 200' in child.output
