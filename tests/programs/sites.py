"""A running HTTP server as its clients see it: by curl, and by connections that read slowly or leave silently.

Frameworks and requests are not known here.
"""

import http.client
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# No answer takes longer than a fraction of a second, but the machine may be busy.
ANSWER_SECONDS = 20
# So little that the kernel cannot take in much for a visitor who does not read.
RECEIVE_BUFFER_BYTES = 64 * 1024
# The two numbers of SO_LINGER: on, and no time, by which a closing socket sends a reset.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Site:
    """A server by its address; over TLS where a certificate is given, which is then the one to trust."""

    def __init__(self, address: str, *, curl: Path, certificate: Path | None = None) -> None:
        self.address = address
        self.certificate = certificate
        words = [str(curl), "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", str(ANSWER_SECONDS)]
        trust = [] if certificate is None else ["--cacert", str(certificate)]
        self.curl_words = [*words, *trust]

    def curl(self, *words: str | Path, body: bytes | None = None) -> bytes:
        """Run curl, which must succeed. A word that begins with a slash is a route of the site. Gives what it wrote."""
        done = subprocess.run(self.command(*words), input=body, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    @contextmanager
    def curl_beside(self, *words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run curl beside the test, with what it receives on a pipe as soon as it comes."""
        with subprocess.Popen(self.command("--no-buffer", *words), stdout=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.kill()

    def command(self, *words: str | Path) -> list[str]:
        """The command line of curl, with routes made addresses."""
        return [*self.curl_words, *(self.routed(word) for word in words)]

    def routed(self, word: str | Path) -> str:
        """A route as an address; a path of the file system is no string, and stays what it is."""
        return f"{self.address}{word}" if isinstance(word, str) and word.startswith("/") else str(word)

    @contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        """A connection that takes in little at a time and is kept alive."""
        host, _, port = self.address.partition("://")[2].rpartition(":")
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        plain.settimeout(ANSWER_SECONDS)
        plain.connect((host, int(port)))
        connection = http.client.HTTPConnection(host, int(port))
        connection.sock = plain if self.certificate is None else self.encrypted(plain, host)
        try:
            yield connection
        finally:
            connection.close()

    def encrypted(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        """The same connection under TLS."""
        return ssl.create_default_context(cafile=self.certificate).wrap_socket(plain, server_hostname=host)


def leave_without_a_word(connection: http.client.HTTPConnection) -> None:
    """Close a connection by a reset, as a visitor's kernel does when the visitor is killed."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    connection.sock.close()
