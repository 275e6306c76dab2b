"""gRPC over HTTP/2: grpcio calls a service that is an ASGI application, in clear text and over TLS.

The client's HTTP/2 is that of gRPC's core, which most gRPC clients share.
"""

from pathlib import Path

import pytest
from asgi import served
from children import FLAVOURS, run_to_end, words_of
from needs import need_library

pytestmark = pytest.mark.vitok_only

APP = "asgi_grpc:app"


@pytest.mark.parametrize("name", ["vitok", "vitok-dev"])
def test_clear_text(name: str) -> None:
    """By prior knowledge, as inside a cluster."""
    need_library("grpc")
    flavour = FLAVOURS[name]
    with served(APP, flavour) as server:
        words = [*words_of("asgi_grpc_client.py", flavour), f"127.0.0.1:{server.port}"]
        assert run_to_end(words, flavour) == "vitok.Loop"


def test_tls(certificate: Path) -> None:
    """By ALPN, without which a client of gRPC does not talk."""
    need_library("grpc")
    flavour = FLAVOURS["vitok"]
    with served(APP, flavour, certificate=certificate) as server:
        words = [*words_of("asgi_grpc_client.py", flavour), f"127.0.0.1:{server.port}", str(certificate)]
        assert run_to_end(words, flavour) == "vitok.Loop"
