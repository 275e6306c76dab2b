"""A Twisted server that sends everything back, with Twisted's reactor on a new loop.

It knows nothing of who connects.
"""

from scene import HOST, announce, chosen
from twisted.internet import asyncioreactor

asyncioreactor.install(chosen().new_event_loop())

# Twisted wants its reactor to be chosen before anything imports it.
from twisted.internet import reactor, task  # noqa: E402
from twisted.internet.protocol import Factory, Protocol  # noqa: E402

# So often that some calls fall between the pieces of an echo.
TICK_SECONDS = 0.01


class Echo(Protocol):
    """One connection."""

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Write no faster than the peer reads."""
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Send it back."""
        self.transport.write(data)


if __name__ == "__main__":
    listener = reactor.listenTCP(0, Factory.forProtocol(Echo), interface=HOST)
    announce(listener.getHost().port, scheme="tcp")
    task.LoopingCall(lambda: None).start(TICK_SECONDS)
    reactor.run()
