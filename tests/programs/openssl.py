"""`openssl s_client` and `openssl s_server` as their users have them on a terminal: lines in, lines and remarks out.

A line that begins with a letter of a command (`K`, `k`, `R`, `Q` ...) is that command, if the program reads it by
itself. So each line is sent after the effect of the one before has been seen.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from needs import need_command

READ_SIZE = 65536


class Conversation:
    """A running program with its input, and everything that it has written."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.output = ""
        self.seen = 0

    def say(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def expect(self, text: str) -> str:
        """Wait until the program has written this, after what was expected before. Return what came before it."""
        while text not in self.output[self.seen :]:
            if not self.read():
                raise AssertionError(f"{text!r} is missing in {self.output[self.seen :]!r}, which follows other output")
        begin = self.seen
        self.seen = self.output.index(text, begin) + len(text)
        return self.output[begin : self.seen - len(text)]

    def read(self) -> bool:
        """Read what the program writes; False at its end. The time limit of the test ends a wait."""
        assert self.process.stdout is not None
        piece = os.read(self.process.stdout.fileno(), READ_SIZE)
        self.output += piece.decode(errors="replace")
        return bool(piece)

    def ended(self) -> str:
        """Read to the end, and return the whole output."""
        while self.read():
            pass
        self.process.wait()
        return self.output


@contextmanager
def openssl(*words: object, is_open: bool = True) -> Iterator[Conversation]:
    """Run a command of openssl, with an input that stays open or is at its end from the beginning."""
    # Its output is a pipe, and would stay in a buffer.
    unbuffered = [str(need_command("stdbuf", package="coreutils")), "--output=0"]
    command = [*unbuffered, str(need_command("openssl", package="openssl")), *map(str, words)]
    given = subprocess.PIPE if is_open else subprocess.DEVNULL
    with subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield Conversation(process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


@contextmanager
def s_client(port: int, *words: object) -> Iterator[Conversation]:
    """A client of a port on this machine, connected."""
    with openssl("s_client", "-connect", f"127.0.0.1:{port}", *words) as client:
        # It says this at the end of the handshake; what it says of tickets stays in its buffer for a while.
        client.expect("Verify return code: ")
        yield client


@contextmanager
def s_server(*words: object) -> Iterator[tuple[int, Conversation]]:
    """A server on a port that the kernel chooses."""
    with openssl("s_server", "-accept", "127.0.0.1:0", *words) as server:
        server.expect("ACCEPT 127.0.0.1:")
        while "\n" not in server.output[server.seen :]:
            assert server.read()
        yield int(server.output[server.seen :].split("\n")[0]), server


def certified(certificate: object) -> Sequence[object]:
    """The options for a certificate that has its key in the same file, and that is trusted too."""
    return ("-cert", certificate, "-key", certificate, "-CAfile", certificate)
