"""Records every client and peer anew: `python -m tools.traffic FOLDER [NAME ...]`.

Each connection is one file in the folder. A client that is not installed is reported. What the tests expect of the
recordings, and the table of their origins, are in the folder's README.md and are changed by hand.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tools.traffic.clients import CLIENTS, PAGES, Case
from tools.traffic.peers import PEERS
from tools.traffic.recorder import Recorder

# A browser needs some seconds to start; every other client is done at once, or cut.
SECONDS_PER_CASE = 30
# Between the pieces of a peer: enough for the recorder to read each by itself.
SECONDS_PER_PIECE = 0.01


def main() -> int:
    """Record; the result is the exit code."""
    folder, *names = sys.argv[1:] or sys.exit("python -m tools.traffic FOLDER [NAME ...]")
    Path(folder).mkdir(parents=True, exist_ok=True)
    for case in CLIENTS:
        if not names or case.name in names:
            keep(Path(folder), case.name, list(client_bytes(case)))
    for name, pieces in PEERS.items():
        if not names or name in names:
            keep(Path(folder), name, list(peer_bytes(pieces)))
    return 0


def keep(folder: Path, name: str, recorded: list[bytes]) -> None:
    """Write the connections of one case, with a number if there are several."""
    for number, data in enumerate(recorded, 1):
        path = folder / (f"{name}-{number}" if len(recorded) > 1 else name)
        path.write_bytes(data)
    print(f"{name}: {', '.join(str(len(data)) for data in recorded) or 'nothing was recorded'}", flush=True)


def client_bytes(case: Case) -> Iterator[bytes]:
    """What a client sent, connection by connection."""
    if shutil.which(case.command[0]) is None:
        return
    recorder = Recorder(PAGES)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        places = {"port": str(recorder.port), "url": f"http://127.0.0.1:{recorder.port}", "folder": scratch}
        command = [filled(part, places) for part in case.command]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as client:
            if case.ends_with is None:
                try:
                    client.communicate(case.stdin, SECONDS_PER_CASE)
                except subprocess.TimeoutExpired:
                    client.kill()
            else:
                if not recorder.wait_for(case.ends_with, seconds=SECONDS_PER_CASE):
                    print(f"{case.name}: no request for {case.ends_with}")
                # What follows that request: a frame, an empty connection.
                time.sleep(1)
                client.terminate()
    recorder.close()
    yield from map(bytes, recorder.recorded)


def filled(text: str, places: dict[str, str]) -> str:
    """The text with each `{name}` replaced."""
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def peer_bytes(pieces: tuple[bytes, ...]) -> Iterator[bytes]:
    """What a peer sent: its pieces, whatever the recorder thinks of them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as peer:
            connection, _ = listener.accept()
            for piece in pieces:
                peer.sendall(piece)
                time.sleep(SECONDS_PER_PIECE)
        with connection:
            data = b""
            while part := connection.recv(1 << 16):
                data += part
    yield data


if __name__ == "__main__":
    sys.exit(main())
