"""The commands s_client and s_server of openssl, as children that a test talks to."""

import asyncio
import fcntl
import os
import subprocess
import termios
from array import array
from pathlib import Path
from typing import Any

from certificates_made import need_openssl
from support import turn


class OpenSSL:
    """A child. A line of one letter is a command to it, all others are sent."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *words: str | Path) -> None:
        need_openssl()
        self.loop = loop
        pipe = subprocess.PIPE
        self.child = subprocess.Popen(["openssl", *map(str, words)], bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe)
        for output in (self.child.stdout, self.child.stderr):
            assert output is not None
            os.set_blocking(output.fileno(), False)

    def send(self, line: bytes) -> None:
        """Type a line, and run the loop until the child has read it: what is read together is one command."""
        assert self.child.stdin is not None
        self.child.stdin.write(line)
        unread = array("i", [1])
        while unread[0]:
            turn(self.loop)
            fcntl.ioctl(self.child.stdin, termios.FIONREAD, unread)

    def received(self, count: int) -> bytes:
        """Return so many bytes of what has arrived, fewer at the end."""
        got = b""
        while len(got) < count and (piece := self._next(self.child.stdout, count - len(got))):
            got += piece
        return got

    def wait_for_message(self, text: bytes) -> None:
        """Run the loop until the child has written this text about itself to its standard error."""
        self._wait_for(self.child.stderr, text)

    def wait_for_output(self, text: bytes) -> bytes:
        """Run the loop until this text is in the output of the child; return the output."""
        return self._wait_for(self.child.stdout, text)

    def _wait_for(self, output: Any, text: bytes) -> bytes:
        got = b""
        while text not in got:
            piece = self._next(output, 1)
            assert piece, got
            got += piece
        return got

    def _next(self, output: Any, count: int) -> bytes:
        while (piece := output.read(count)) is None:
            turn(self.loop)
        found: bytes = piece
        return found

    def end(self) -> None:
        """End the child."""
        with self.child:
            self.child.kill()
