"""A program on Twisted that starts children and waits for their ends, which SIGCHLD reports.

It knows nothing of who runs it.
"""

import sys

from scene import chosen, loop_name
from twisted.internet import asyncioreactor

LOOP = chosen().new_event_loop()
asyncioreactor.install(LOOP)

# Twisted wants its reactor to be chosen before anything imports it.
from twisted.internet import error, process, protocol, reactor, utils  # noqa: E402
from twisted.internet.defer import Deferred, gatherResults  # noqa: E402
from twisted.internet.task import react  # noqa: E402

CHILDREN = 5
# Copies its input to its output and ends with a code of its own.
COPY = "import sys; sys.stdout.write(sys.stdin.read()); sys.exit(int(sys.argv[1]))"


class Child(protocol.ProcessProtocol):
    """One child, which gets a text and gives it back."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.received = b""
        self.ended: Deferred[tuple[int | None, bytes]] = Deferred()

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Give it everything."""
        self.transport.write(self.text)
        self.transport.closeStdin()

    def outReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """It writes."""
        self.received += data

    def processEnded(self, reason: object) -> None:  # noqa: N802 - Twisted's name
        """It was reaped."""
        assert reason.check(error.ProcessDone, error.ProcessTerminated)
        self.ended.callback((reason.value.exitCode, self.received))


async def main() -> None:
    """Many at once, then one after the other."""
    children = [Child(b"child %d" % number) for number in range(CHILDREN)]
    for number, child in enumerate(children):
        reactor.spawnProcess(child, sys.executable, [sys.executable, "-c", COPY, str(number)], env=None)
    ends = await gatherResults([child.ended for child in children])
    assert ends == [(number, b"child %d" % number) for number in range(CHILDREN)], ends
    for number in range(2):
        assert await utils.getProcessValue(sys.executable, ["-c", "", str(number)]) == 0
    assert not process.reapProcessHandlers


async def run() -> None:
    """The program, and the last word."""
    await main()
    print(loop_name())


if __name__ == "__main__":
    try:
        # It ends the program by SystemExit.
        react(lambda _: Deferred.fromCoroutine(run()))
    finally:
        LOOP.close()
