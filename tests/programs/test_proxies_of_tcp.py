"""HAProxy and nginx in front of `vitok serve`, with the PROXY protocol.

Headers are tested in tests/http.
"""

import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from needs import missing, need_command
from served import FOLDER, serving

pytestmark = pytest.mark.vitok_only

STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
SECONDS = 20


@contextmanager
def running(words: Sequence[str], *descriptors: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a proxy, which inherits these descriptors."""
    child = subprocess.Popen(words, pass_fds=descriptors, stdin=subprocess.DEVNULL)
    try:
        yield child
        assert child.poll() is None
    finally:
        child.terminate()
        child.wait(SECONDS)


@contextmanager
def haproxy(folder: Path, target: str, header: str) -> Iterator[int]:
    """HAProxy as a proxy of TCP, which sends `send-proxy` or `send-proxy-v2`, with checks. Gives its port."""
    command = need_command("haproxy", package="haproxy")
    config = folder / "haproxy.cfg"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config.write_text(
            "defaults\n mode tcp\n timeout connect 10s\n timeout client 20s\n timeout server 20s\n"
            f"listen front\n bind fd@{listening.fileno()}\n"
            f" server app {target.replace('unix:', 'unix@')} {header} check inter 100ms\n"
        )
        with running([str(command), "-q", "-db", "-f", str(config)], listening.fileno()):
            yield listening.getsockname()[1]


@contextmanager
def nginx(folder: Path, target: str, _: str) -> Iterator[int]:
    """Nginx as a proxy of TCP, which sends version 1. Gives its port."""
    command = need_command("nginx", package="nginx-light")
    if not STREAM.exists():
        missing(f"{STREAM} is missing (Debian: apt install libnginx-mod-stream)")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    config = folder / "nginx.conf"
    # Workers of another user could not use a Unix socket.
    user = "user root;\n" if os.geteuid() == 0 else ""
    config.write_text(
        f"load_module {STREAM};\n{user}daemon off;\npid {folder}/nginx.pid;\nerror_log stderr warn;\nevents {{}}\n"
        f"stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass {target}; proxy_protocol on; }} }}\n"
    )
    with running([str(command), "-p", str(folder), "-c", str(config), "-e", "stderr"]) as child:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), SECONDS).close()
                break
            except ConnectionRefusedError:
                assert child.poll() is None
                time.sleep(0.02)
        yield port


def told_by(port: int) -> tuple[dict[str, Any], list[Any]]:
    """What the application says behind the proxy, and the address of this client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/")
        own = list(connection.sock.getsockname())
        response = connection.getresponse()
        assert response.status == 200
        return json.load(response), own
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("proxy", "version", "header"),
    [(haproxy, "v1", "send-proxy"), (haproxy, "v2", "send-proxy-v2"), (nginx, "v1", ""), (nginx, "any", "")],
    ids=["haproxy-v1", "haproxy-v2", "nginx-v1", "nginx-any"],
)
@pytest.mark.parametrize("is_unix", [False, True], ids=["tcp", "unix"])
def test_a_proxy(proxy: Any, version: str, header: str, is_unix: bool, tmp_path: Path) -> None:
    """Issue 16, item 6: the client's address by a real proxy, over TCP and a Unix socket."""
    where = ("--uds", tmp_path / "app.sock", "--forwarded-allow-ips", "unix") if is_unix else ()
    with serving("--proxy-protocol", version, *where, folder=FOLDER) as served:
        target = f"unix:{tmp_path}/app.sock" if is_unix else f"127.0.0.1:{served.urls[0].rpartition(':')[2]}"
        with proxy(tmp_path, target, header) as port:
            for _ in range(3):
                told, own = told_by(port)
                assert told["client"] == own
        assert served.end() == 0
        assert "refused" not in served.errors
        assert f"{own[0]}:{own[1]} " in served.output
